"""Truth of every sample, encoded once for the whole table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.codec import TargetCodec
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.plugin.records import Target

_PRIMARY = "true_shower_primary_id"


@frozen(kw_only=True)
class Task:
    """A task of a run: its name, the id and record of its target, and the codec."""

    name: str
    id: str
    record: Target
    codec: TargetCodec


class Truth:
    """Encoded truth and weights of all rows of a table.

    A sample has weight 0 for a task that it has no truth for: protons for the regressions of gamma showers, events of
    an unlabelled source.

    Raises
    ------
    DataError
        Truth that should be there is missing or not finite.
    """

    def __init__(self, events: EventTable, tasks: Mapping[str, Task]) -> None:
        self._truth: dict[str, Tensor] = {}
        self._weight: dict[str, Tensor] = {}
        labelled = _labelled(events)
        for name, task in tasks.items():
            encoded = task.codec.encode(events)
            learns_truth = any(c.startswith("true_") for c in task.record.columns)
            applies = _applies(events, task.record) & (labelled | (not learns_truth))
            missing = (encoded < 0) if encoded.ndim == 1 else ~np.isfinite(encoded).all(axis=1)
            bad = np.flatnonzero(missing & applies)
            if len(bad):
                raise DataError(_missing(events, task, bad))
            self._truth[name] = torch.from_numpy(np.where(_like(applies, encoded), encoded, 0).astype(encoded.dtype))
            self._weight[name] = torch.from_numpy(applies.astype(np.float32))

    def attach(self, batch: Batch) -> Batch:
        """The batch with truth and weights of its rows."""
        rows = batch.events["row"]
        batch.truth = {name: t[rows] for name, t in self._truth.items()}
        batch.weight = {name: t[rows] for name, t in self._weight.items()}
        return batch

    def count(self, task: str, rows: NDArray[np.int64]) -> int:
        """Samples among these rows that have truth for a task."""
        return int(self._weight[task][torch.from_numpy(rows)].count_nonzero())

    def count_class(self, task: str, rows: NDArray[np.int64], number: int) -> int:
        """Samples among these rows that are of one class."""
        chosen = torch.from_numpy(rows)
        return int(((self._truth[task][chosen] == number) & (self._weight[task][chosen] > 0)).count_nonzero())


def check_columns(events: EventTable, task: Task) -> list[Problem]:
    """What is wrong with the data of a task: truth columns that are not there."""
    absent = [c for c in task.record.columns if c not in events]
    if not absent:
        return []
    what = f"the data have no {', '.join(absent)}, so there is nothing to learn {task.name!r} from"
    return [Problem(_where(task), what, "observed files have no truth: use simulated ones", kind="data")]


def check_classes(events: EventTable, task: Task) -> list[Problem]:
    """What is wrong with the classes of a task: samples that belong to none."""
    if not task.codec.classes:
        return []
    without = _labelled(events) & (task.codec.encode(events) < 0)
    if not without.any():
        return []
    if _PRIMARY not in task.record.columns:
        return [Problem(_where(task), f"{np.count_nonzero(without)} samples have no class", kind="data")]
    primary = np.asarray(events[_PRIMARY])
    present = sorted({int(p) for p in np.unique(primary[_labelled(events)])} | {0})
    classless = ", ".join(str(p) for p in np.unique(primary[without]))
    hint = f"targets={{{task.name!r}: ref({task.id!r}, classes={present})}}"
    return [Problem(_where(task), f"the data have primaries without a class: {classless}", hint)]


def _where(task: Task) -> str:
    return f"targets[{task.name!r}]"


def _labelled(events: EventTable) -> NDArray[np.bool_]:
    """Rows that belong to a labelled source: all, unless there are several sources and one has no truth at all."""
    if "domain" not in events or _PRIMARY not in events:
        return np.ones(len(events), dtype=bool)
    known = np.asarray(events[_PRIMARY]) >= 0
    labelled = {int(d) for d in np.unique(events["domain"][known])}
    return np.isin(events["domain"], sorted(labelled))


def _applies(events: EventTable, record: Target) -> NDArray[np.bool_]:
    if not record.applies_to or _PRIMARY not in events:
        return np.ones(len(events), dtype=bool)
    return np.isin(events[_PRIMARY], record.applies_to)


def _like(mask: NDArray[np.bool_], values: NDArray[np.generic]) -> NDArray[np.bool_]:
    return mask.reshape(-1, *[1] * (values.ndim - 1))


def _missing(events: EventTable, task: Task, bad: NDArray[np.int64]) -> str:
    first = ", ".join(f"{n} {events[n][bad[0]]}" for n in ("obs_id", "event_id") if n in events)
    columns = ", ".join(task.record.columns)
    return f"{len(bad)} samples have no finite {columns}, which task {task.name!r} needs; the first is {first}"


__all__ = ["Task", "Truth", "check_classes", "check_columns"]

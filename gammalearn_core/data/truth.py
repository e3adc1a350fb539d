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

PRIMARY = "true_shower_primary_id"
"""The column of the primary particle."""


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
    an unlabelled source. The others have the weight that is given for them, or 1.

    Parameters
    ----------
    events : EventTable
    tasks : mapping of str to Task
    weights : array of float, (n,), optional
        Weight of each row in all tasks, 0 or more.

    Raises
    ------
    DataError
        Truth that should be there is missing or not finite.
    """

    def __init__(
        self, events: EventTable, tasks: Mapping[str, Task], *, weights: NDArray[np.float64] | None = None
    ) -> None:
        self._truth: dict[str, Tensor] = {}
        self._known: dict[str, Tensor] = {}
        self._weight: dict[str, Tensor] = {}
        in_labelled = labelled(events)
        for name, task in tasks.items():
            encoded = task.codec.encode(events)
            learns_truth = any(c.startswith("true_") for c in task.record.columns)
            applies = _applies(events, task.record) & (in_labelled | (not learns_truth))
            missing = (encoded < 0) if encoded.ndim == 1 else ~np.isfinite(encoded).all(axis=1)
            bad = np.flatnonzero(missing & applies)
            if len(bad):
                raise DataError(_missing(events, task, bad))
            self._truth[name] = torch.from_numpy(np.where(_like(applies, encoded), encoded, 0).astype(encoded.dtype))
            self._known[name] = torch.from_numpy(applies)
            weight = applies if weights is None else applies * weights
            self._weight[name] = torch.from_numpy(weight.astype(np.float32))

    def attach(self, batch: Batch) -> Batch:
        """The batch with truth and weights of its rows."""
        rows = batch.events["row"]
        batch.truth = {name: t[rows] for name, t in self._truth.items()}
        batch.weight = {name: t[rows] for name, t in self._weight.items()}
        return batch

    def known(self, task: str, rows: Tensor) -> Tensor:
        """Whether these rows have truth for a task, whatever their weight; on the device of ``rows``."""
        return self._known[task][rows.cpu()].to(rows.device)

    def count(self, task: str, rows: NDArray[np.int64]) -> int:
        """Samples among these rows that have truth for a task."""
        return int(self._known[task][torch.from_numpy(rows)].count_nonzero())

    def total_weight(self, task: str, rows: NDArray[np.int64]) -> float:
        """Weights of these rows for a task, summed."""
        return float(self._weight[task][torch.from_numpy(rows)].double().sum())

    def count_class(self, task: str, rows: NDArray[np.int64], number: int) -> int:
        """Samples among these rows that are of one class."""
        chosen = torch.from_numpy(rows)
        return int(((self._truth[task][chosen] == number) & self._known[task][chosen]).count_nonzero())


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
    without = labelled(events) & (task.codec.encode(events) < 0)
    if not without.any():
        return []
    if PRIMARY not in task.record.columns:
        return [Problem(_where(task), f"{np.count_nonzero(without)} samples have no class", kind="data")]
    primary = np.asarray(events[PRIMARY])
    present = sorted({int(p) for p in np.unique(primary[labelled(events)])} | {0})
    classless = ", ".join(str(p) for p in np.unique(primary[without]))
    hint = f"targets={{{task.name!r}: ref({task.id!r}, classes={present})}}"
    return [Problem(_where(task), f"the data have primaries without a class: {classless}", hint)]


def _where(task: Task) -> str:
    return f"targets[{task.name!r}]"


def labelled(events: EventTable) -> NDArray[np.bool_]:
    """Whether rows belong to a labelled source: all, unless there are several sources and one has no truth at all."""
    if "domain" not in events or PRIMARY not in events:
        return np.ones(len(events), dtype=bool)
    known = np.asarray(events[PRIMARY]) >= 0
    labelled = {int(d) for d in np.unique(events["domain"][known])}
    return np.isin(events["domain"], sorted(labelled))


def _applies(events: EventTable, record: Target) -> NDArray[np.bool_]:
    if not record.applies_to or PRIMARY not in events:
        return np.ones(len(events), dtype=bool)
    return np.isin(events[PRIMARY], record.applies_to)


def _like(mask: NDArray[np.bool_], values: NDArray[np.generic]) -> NDArray[np.bool_]:
    return mask.reshape(-1, *[1] * (values.ndim - 1))


def _missing(events: EventTable, task: Task, bad: NDArray[np.int64]) -> str:
    first = ", ".join(f"{n} {events[n][bad[0]]}" for n in ("obs_id", "event_id") if n in events)
    columns = ", ".join(task.record.columns)
    return f"{len(bad)} samples have no finite {columns}, which task {task.name!r} needs; the first is {first}"


__all__ = ["PRIMARY", "Task", "Truth", "check_classes", "check_columns", "labelled"]

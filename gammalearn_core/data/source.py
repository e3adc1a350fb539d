"""What a loader gives, and several of them as one."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol
from typing import runtime_checkable

import attrs
import numpy as np
import torch
from numpy.typing import NDArray

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.table import Column
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.table import concatenate
from gammalearn_core.errors import DataError

UNLABELLED = "unlabelled"
"""The source of this name has no truth, whatever its files hold."""


@runtime_checkable
class EventSource(Protocol):
    """What a loader gives: ``target(**params)``."""

    @property
    def events(self) -> EventTable:
        """One row a sample."""

    @property
    def inputs(self) -> InputSpec:
        """What `read` gives."""

    @property
    def blocks(self) -> Sequence[NDArray[np.int64]]:
        """Rows that are cheap to read together."""

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These samples, in this order; ``events`` of the batch has ``row`` and what targets may need."""

    def close(self) -> None:
        """Close files."""


class Combined:
    """Several sources as one, one after the other; the column ``domain`` tells them apart.

    Columns that a source lacks are NaN (-1 for whole numbers) there, and ``file`` counts on from source to source.

    Parameters
    ----------
    sources : mapping of str to EventSource
    files : mapping of str to int
        Number of files of each.

    Raises
    ------
    DataError
        The sources have different levels, channels or geometries.
    """

    def __init__(self, sources: Mapping[str, EventSource], files: Mapping[str, int]) -> None:
        self._sources = list(sources.values())
        self._starts = np.concatenate([[0], np.cumsum([len(s.events) for s in self._sources])])
        self._inputs = _joint_inputs(sources)
        first_file = np.concatenate([[0], np.cumsum([files[name] for name in sources])])
        names = list(dict.fromkeys(n for s in self._sources for n in s.events.names))
        tables = [
            _completed(source.events, names, domain, int(first_file[domain]), hide=name == UNLABELLED)
            for domain, (name, source) in enumerate(sources.items())
        ]
        self._events = concatenate(tables)

    @property
    def events(self) -> EventTable:
        """All events."""
        return self._events

    @property
    def inputs(self) -> InputSpec:
        """Cameras of all sources."""
        return self._inputs

    @property
    def blocks(self) -> list[NDArray[np.int64]]:
        """Blocks of all sources."""
        return [b + start for s, start in zip(self._sources, self._starts, strict=False) for b in s.blocks]

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These rows, in this order."""
        which = np.searchsorted(self._starts, rows, side="right") - 1
        parts, places = [], []
        for number, source in enumerate(self._sources):
            here = np.flatnonzero(which == number)
            if len(here):
                part = source.read(rows[here] - self._starts[number])
                part.events["domain"] = torch.full((len(here),), number)
                parts.append(part)
                places.append(here)
        order = torch.from_numpy(np.argsort(np.concatenate(places), kind="stable"))
        batch = Batch.concat(parts).take(order)
        batch.events["row"] = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        return batch

    def close(self) -> None:
        """Close all sources."""
        for source in self._sources:
            source.close()


def _joint_inputs(sources: Mapping[str, EventSource]) -> InputSpec:
    specs = {name: source.inputs for name, source in sources.items()}
    first_name, first = next(iter(specs.items()))
    cameras = dict(first.cameras)
    for name, spec in specs.items():
        if spec.level != first.level:
            raise DataError(f"data: {name!r} is of {spec.level} level, {first_name!r} of {first.level} level")
        for key, camera in spec.cameras.items():
            known = cameras.setdefault(key, camera)
            if known.channels != camera.channels or not known.geometry.same_as(camera.geometry):
                raise DataError(
                    f"data: the images of {key} in {name!r} and {first_name!r} differ in channels or pixels"
                )
    if first.level == "telescope" and len(cameras) > 1:
        raise DataError(f"data: the sources have images of several cameras, {', '.join(cameras)}: choose with cameras=")
    return attrs.evolve(first, cameras=cameras)


def _completed(events: EventTable, names: Sequence[str], domain: int, first_file: int, *, hide: bool) -> EventTable:
    """The table with all columns, its own truth hidden if so wanted."""

    def missing(name: str) -> Column:
        whole = name.endswith("_id") or name in ("event_type", "multiplicity")
        return np.full(len(events), -1) if whole else np.full(len(events), np.nan)

    columns = {n: missing(n) for n in names if n not in events or (hide and n.startswith("true_"))}
    columns |= {"domain": np.full(len(events), domain), "shower": shower_hash(events)}
    if "file" in events:
        columns["file"] = events["file"] + first_file
    return events.with_columns(columns)


__all__ = ["UNLABELLED", "Combined", "EventSource"]

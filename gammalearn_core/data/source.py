"""What a loader gives, and several of them as one."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
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
_WHOLE = ("event_type", "multiplicity", "file", "table_row")
"""Columns of whole numbers, beside those that end in ``_id``."""


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
    def blocks(self) -> NDArray[np.int64]:
        """First row of each block of rows that are cheap to read together, and the number of rows."""

    @property
    def capacity(self) -> int:
        """Rows that stay in memory once they were read; all, if the whole set fits."""

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
        inputs, self._keys = _joint_inputs(sources)
        first_file = np.concatenate([[0], np.cumsum([files[name] for name in sources])])
        names = list(dict.fromkeys(n for s in self._sources for n in s.events.names))
        image_names = list(dict.fromkeys(n for s in self._sources for n in s.events.images.names))
        tables = []
        for domain, (name, source) in enumerate(sources.items()):
            events, images = source.events, source.events.images
            missing = partial(_missing, domain=domain, first_file=int(first_file[domain]), hide=name == UNLABELLED)
            completed = None if images is events else images.with_columns(missing(images, image_names))
            columns = missing(events, names) | {"shower": shower_hash(events)}
            tables.append(events.with_columns(columns, images=completed))
        self._events = concatenate(tables)
        self._inputs = attrs.evolve(inputs, columns=self._events.names)

    @property
    def events(self) -> EventTable:
        """All events."""
        return self._events

    @property
    def inputs(self) -> InputSpec:
        """Cameras of all sources; one that two sources name differently has the name that comes first."""
        return self._inputs

    @property
    def blocks(self) -> NDArray[np.int64]:
        """Blocks of all sources."""
        blocks = [s.blocks[:-1] + start for s, start in zip(self._sources, self._starts, strict=False)]
        return np.append(np.concatenate(blocks), self._starts[-1])

    @property
    def capacity(self) -> int:
        """Rows that stay in memory, if those of all sources are read in proportion."""
        shares = [s.capacity / len(s.events) for s in self._sources if len(s.events)]
        return int(min([1.0, *shares]) * len(self._events))

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These rows, in this order."""
        which = np.searchsorted(self._starts, rows, side="right") - 1
        parts, places = [], []
        for number, source in enumerate(self._sources):
            here = np.flatnonzero(which == number)
            if len(here) or not len(rows):
                part = source.read(rows[here] - self._starts[number])
                part.images = {self._keys[number][key]: group for key, group in part.images.items()}
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


def _joint_inputs(sources: Mapping[str, EventSource]) -> tuple[InputSpec, list[dict[str, str]]]:
    """Cameras of all sources, and for each source what its cameras are called here."""
    specs = {name: source.inputs for name, source in sources.items()}
    first_name, first = next(iter(specs.items()))
    cameras = dict(first.cameras)
    keys: list[dict[str, str]] = []
    for name, spec in specs.items():
        if spec.level != first.level:
            raise DataError(f"data: {name!r} is of {spec.level} level, {first_name!r} of {first.level} level")
        called: dict[str, str] = {}
        for own, camera in spec.cameras.items():
            same = [k for k, c in cameras.items() if c.geometry.same_as(camera.geometry) and k not in called.values()]
            key = called[own] = same[0] if same else own
            known = cameras.setdefault(key, camera)
            if known.channels != camera.channels or not known.geometry.same_as(camera.geometry):
                raise DataError(
                    f"data: the images of {key} in {name!r} and {first_name!r} differ in channels or pixels"
                )
        keys.append(called)
    if first.level == "telescope" and len(cameras) > 1:
        raise DataError(f"data: the sources have images of several cameras, {', '.join(cameras)}: choose with cameras=")
    return attrs.evolve(first, cameras=cameras), keys


def _missing(table: EventTable, names: Sequence[str], *, domain: int, first_file: int, hide: bool) -> dict[str, Column]:
    """Columns that a table of one source needs to stand beside those of others; its truth is hidden if so wanted."""

    def missing(name: str) -> Column:
        return np.full(len(table), -1) if name in _WHOLE or name.endswith("_id") else np.full(len(table), np.nan)

    columns = {n: missing(n) for n in names if n not in table or (hide and n.startswith("true_"))}
    columns["domain"] = np.full(len(table), domain)
    if "file" in table:
        columns["file"] = table["file"] + first_file
    return columns


__all__ = ["UNLABELLED", "Combined", "EventSource"]

"""Cuts: what is left of a source, and how much each cut took."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import torch
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import PRIMARY
from gammalearn_core.data.truth import labelled
from gammalearn_core.errors import DataError

Filter = Callable[[EventTable], NDArray[np.bool_]]
Cut = tuple[str, str, Filter]
"""Name, scope (``image`` or ``event``) and function."""


@frozen(kw_only=True)
class CutCount:
    """What one cut left."""

    name: str
    scope: str
    before: int
    after: int
    by_primary: Mapping[int, tuple[int, int]] = field(factory=dict)
    """The same by number of the primary, -1 for events of a source without truth; empty for observed data."""


class Selected:
    """A source without what the cuts took. Rows are renumbered.

    Parameters
    ----------
    source : EventSource
    cuts : sequence of (name, scope, function)
        Image cuts are made before event cuts, each group in its order. An event without images goes.
    """

    def __init__(self, source: EventSource, cuts: Sequence[Cut]) -> None:
        self._source = source
        self.counts: list[CutCount] = []
        self._lost = np.empty(0, dtype=np.int64)
        """Codes of the images that were cut, in order."""
        rows = np.arange(len(source.events))
        table = source.events
        for name, scope, function in sorted(cuts, key=lambda c: c[1] != "image"):
            target = table.images if scope == "image" else table
            keep = _checked(function(target), name, len(target))
            self.counts.append(_counted(name, scope, keep, _primaries(table, scope)))
            if scope == "image" and table.images is not table:
                table, events = self._cut_images(table, keep, rows)
            else:
                events = np.flatnonzero(keep)
                table = table.take(events)
            rows = rows[events]
        self._rows = rows
        self._table = table

    @property
    def events(self) -> EventTable:
        """What is left."""
        return self._table

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the source that are left."""
        return self._rows

    @property
    def inputs(self) -> InputSpec:
        """As those of the source."""
        return self._source.inputs

    @property
    def blocks(self) -> NDArray[np.int64]:
        """Blocks of the source, in the new row numbers."""
        return np.unique(np.append(np.searchsorted(self._rows, self._source.blocks), len(self._rows)))

    @property
    def capacity(self) -> int:
        """Rows that stay in memory: those of the source, less what is cut."""
        return self._source.capacity * len(self._rows) // max(1, len(self._source.events))

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These rows, without images that were cut."""
        batch = self._source.read(self._rows[rows])
        if len(self._lost):
            batch = batch.take_images(self._kept_images(batch))
        batch.events["row"] = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        return batch

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _cut_images(
        self, table: EventTable, keep: NDArray[np.bool_], rows: NDArray[np.int64]
    ) -> tuple[EventTable, NDArray[np.int64]]:
        """The table without some images, and the events that still have one. ``rows`` are those of the source."""
        event = np.repeat(np.arange(len(table)), table.multiplicity)
        per_event = np.bincount(event[keep], minlength=len(table))
        events = np.flatnonzero(per_event)
        lost = _codes(rows[event[~keep]], table.images["tel_id"][~keep])
        self._lost = np.sort(np.concatenate([self._lost, lost]))
        offsets = np.concatenate([[0], np.cumsum(per_event[events])]).astype(np.int64)
        columns = {name: (lambda name=name: table[name][events]) for name in table.names}
        return EventTable(columns, len(events), offsets=offsets, images=table.images.take(keep)), events

    def _kept_images(self, batch: Batch) -> dict[str, torch.Tensor]:
        keep = {}
        for key, group in batch.images.items():
            codes = _codes(batch.events["row"][group.event].numpy(), group.telescope.numpy())
            place = np.minimum(np.searchsorted(self._lost, codes), len(self._lost) - 1)
            keep[key] = torch.from_numpy(self._lost[place] != codes)
        return keep


def sparing(function: Filter, name: str) -> Filter:
    """A cut on truth as it is made when one source has none: all of that source is kept."""
    return lambda events: _checked(function(events), name, len(events)) | ~labelled(events)


def _primaries(table: EventTable, scope: str) -> NDArray[np.int64] | None:
    """Primary of each row that a cut sees, if there is truth."""
    of_images = scope == "image" and table.images is not table
    if of_images and PRIMARY in table.images:
        return np.asarray(table.images[PRIMARY])
    if PRIMARY not in table:
        return None
    primaries = np.asarray(table[PRIMARY])
    return np.repeat(primaries, table.multiplicity) if of_images else primaries


def _counted(name: str, scope: str, keep: NDArray[np.bool_], primaries: NDArray[np.int64] | None) -> CutCount:
    after = int(np.count_nonzero(keep))
    if primaries is None:
        return CutCount(name=name, scope=scope, before=len(keep), after=after)
    numbers, which = np.unique(primaries, return_inverse=True)
    before = np.bincount(which, minlength=len(numbers)).tolist()
    left = np.bincount(which[keep], minlength=len(numbers)).tolist()
    found = {int(number): (b, a) for number, b, a in zip(numbers, before, left, strict=True)}
    return CutCount(name=name, scope=scope, before=len(keep), after=after, by_primary=found)


def _codes(rows: NDArray[np.int64], tel_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for a row of the source and a telescope, whose ``tel_id`` has 16 bits."""
    return (rows.astype(np.int64) << 16) | tel_id.astype(np.int64)


def _checked(keep: object, name: str, length: int) -> NDArray[np.bool_]:
    mask = np.asarray(keep)
    if mask.shape != (length,):
        raise DataError(f"the filter {name} gives values of shape {mask.shape}, wanted one for each of {length} rows")
    if mask.dtype != np.bool_:
        raise DataError(f"the filter {name} gives values of type {mask.dtype}, wanted True or False for each row")
    return mask


__all__ = ["Cut", "CutCount", "Selected", "sparing"]

"""The images of several files as one table, and where each of them is stored."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import lru_cache
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from attrs import evolve
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.array import array_pointing
from gammalearn_core.builtin.loaders.dl1.formats import Column
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import Piece
from gammalearn_core.builtin.loaders.dl1.hdf5 import blamed
from gammalearn_core.data.order import LANES
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError

OF_EVENT = ("file", "obs_id", "event_id", "event_type", "multiplicity", "time", "simulated_spectral_index")
"""Columns that all images of an event share, beside truth and pointing."""
_POINTING = ("pointing_alt", "pointing_az")
_BLOCK = 64
"""Images of a block of samples, about; of events, those of each telescope at least."""
_CHUNKS = 8
"""Chunks of each telescope's table in a block of events."""
_BLOCKS_IN_MEMORY = 4 * LANES
"""For two kinds of particles, a window of each lane is a block at least."""


class ImageIndex:
    """Pieces of image tables, one after the other.

    Images are numbered through; nothing of them is read until a column is named.

    Parameters
    ----------
    pieces : sequence of Piece
        Those of one file stand together.
    files : sequence of DL1File
        All files, in the order of the column ``file``.
    """

    def __init__(self, pieces: Sequence[Piece], files: Sequence[DL1File]) -> None:
        self.pieces = list(pieces)
        self._files = list(files)
        self.starts = np.concatenate([[0], np.cumsum([len(p) for p in pieces])]).astype(np.int64)
        """First image of each piece, and the number of images."""
        self._rows: NDArray[np.int32] | None = None
        if any(p.rows is not None for p in pieces):
            self._rows = _all_rows(pieces)
            self.pieces = [evolve(p, rows=rows) for p, rows in zip(pieces, self._parts_of(self._rows), strict=True)]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def table(self) -> EventTable:
        """One row an image."""
        parts = []
        for file, group in groupby(self.pieces, key=lambda p: p.file):
            mine = list(group)
            parts.append(_Part(file=file, columns=file.columns(mine), length=sum(map(len, mine))))
        names = [n for n in parts[0].columns if all(n in p.columns for p in parts)]
        columns = {n: partial(_concatenated, parts, n) for n in names}
        return EventTable({"file": self._numbers, "table_row": self._table_rows, **columns}, len(self))

    def _numbers(self) -> NDArray[np.int64]:
        numbers = {file: number for number, file in enumerate(self._files)}
        return np.repeat([numbers[p.file] for p in self.pieces], np.diff(self.starts))

    def _table_rows(self) -> NDArray[np.int64]:
        return _all_rows(self.pieces).astype(np.int64)

    def _parts_of(self, values: NDArray[np.int32]) -> list[NDArray[np.int32]]:
        """The part of each piece, in the same memory."""
        return np.split(values, self.starts[1:-1])

    def locate(self, images: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Piece of each image, and its row in the table."""
        piece = np.searchsorted(self.starts, images, side="right") - 1
        return piece, images - self.starts[piece] if self._rows is None else self._rows[images].astype(np.int64)

    def blocks(self, table_starts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
        """First image of each block of about 64, and the number of images.

        Parameters
        ----------
        table_starts : arrays of int, ascending
            Where what is decoded together begins, counting all rows of the tables.
        """
        used = None
        if self._rows is not None:
            before = np.concatenate([[0], np.cumsum([p.table.layout.rows for p in self.pieces])[:-1]])
            used = self._rows + np.repeat(before, np.diff(self.starts))
        found, last = [], -1
        for begins in table_starts:
            starts = begins if used is None else np.searchsorted(used, begins)
            runs = starts // _BLOCK
            found.append(starts[np.diff(runs, prepend=last) > 0])
            last = int(runs[-1])
        return np.unique(np.concatenate([*found, [len(self)]]))


def by_event(images: EventTable) -> tuple[EventTable, NDArray[np.int64]]:
    """One row an event of the subarray with its images, and the number of each image before they were sorted.

    Events of two files stay two, whatever their numbers. Columns of an event are those of its first image, but for
    the pointing, which is that of the array.
    """
    order = np.lexsort((images["tel_id"], images["event_id"], images["obs_id"], images["file"]))
    images = images.take(order)
    keys = np.column_stack([images["file"], images["obs_id"], images["event_id"]])
    starts = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
    of_event = [n for n in images.names if _of_event(n)]
    columns = {n: (lambda n=n: images[n][starts]) for n in of_event}
    offsets = np.concatenate([starts, [len(images)]]).astype(np.int64)
    pointing = lru_cache(1)(lambda: array_pointing(images, offsets))
    for number, name in enumerate(_POINTING):
        if name in columns:
            columns[name] = lambda number=number: pointing()[number]
    return EventTable(columns, len(starts), offsets=offsets, images=images), order


def _of_event(name: str) -> bool:
    return name in OF_EVENT or (name.startswith(("true_", "pointing_")) and not name.startswith("true_impact"))


def event_blocks(
    events: EventTable, tables: NDArray[np.int64], chunks: NDArray[np.int64], *, capacity: int
) -> NDArray[np.int64]:
    """First event of each block, and the number of events.

    The images of a block are a slice of each telescope's table, of which the chunks at both ends are shared with other
    blocks and decoded for each of them. So a block has many chunks, unless the memory is too small for it.

    Parameters
    ----------
    events : EventTable
    tables, chunks : array of int
        Number of image tables of each file, and images of a chunk.
    capacity : int
        Events that stay in memory.
    """
    starts: list[int] = []
    file = events["file"]
    first = np.flatnonzero(np.concatenate([[True], np.diff(file) > 0])) if len(file) else np.empty(0, dtype=np.int64)
    for begin, end in zip(first, np.append(first[1:], len(file)), strict=True):
        number = file[begin]
        # Events of which each telescope has one image, about.
        one = int(tables[number]) * (end - begin) / int(events.offsets[end] - events.offsets[begin])
        wanted = min(_CHUNKS * int(chunks[number]) * one, capacity / _BLOCKS_IN_MEMORY)
        starts += range(begin, end, max(1, round(max(_BLOCK * one, wanted))))
    return np.array([*starts, len(file)], dtype=np.int64)


@frozen(kw_only=True)
class _Part:
    """Columns of one file, and how long they are."""

    file: DL1File
    columns: Mapping[str, Column]
    length: int

    def read(self, name: str) -> NDArray[Any]:
        """A column, one value an image."""
        with blamed(self.file.path):
            values = self.columns[name](name)
        if values.shape != (self.length,):
            raise DataError(f"{self.file.path}: the column {name!r} is not one value an image")
        return values


def _concatenated(parts: Sequence[_Part], name: str) -> NDArray[Any]:
    return np.concatenate([part.read(name) for part in parts])


def _all_rows(pieces: Sequence[Piece]) -> NDArray[np.int32]:
    return np.concatenate([_rows(p) for p in pieces])


def _rows(piece: Piece) -> NDArray[np.int32]:
    return np.arange(len(piece), dtype=np.int32) if piece.rows is None else piece.rows


__all__ = ["ImageIndex", "by_event", "event_blocks"]

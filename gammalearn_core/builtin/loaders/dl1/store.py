"""Decoded images of one camera, in memory of a size that is given."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from attrs import define
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.formats import ids_of_rows

CHANNELS = ("image", "peak_time", "image_mask", "valid")
"""What the channels of an image can be; ``valid`` is 1 where a pixel has a finite value."""


@frozen(kw_only=True, eq=False)
class Stored:
    """A table of images in a file."""

    file: DL1File
    table: ImageTable


@define(kw_only=True)
class Counts:
    """What was noticed in the images of one file."""

    broken: int = 0
    """Pixels without a finite value, which became 0."""
    invalid: int = 0
    """Images that the file marks as not valid."""


class ImageStore:
    """Images of tables whose cameras are the same.

    What is kept are *blocks*: a chunk of a table, or several small tables of one file. When the memory is full, the
    block that was not used for longest makes room.

    Parameters
    ----------
    tables : sequence of Stored
    channels : tuple of str
    budget : int
        Bytes; there is always room for one block.
    threads : int
        Chunks that are decoded at once.
    """

    def __init__(self, tables: Sequence[Stored], channels: tuple[str, ...], budget: int, threads: int) -> None:
        self.channels = channels
        self.counts: dict[DL1File, Counts] = {}
        self._tables = list(tables)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._blocks = _Blocks(self._tables)
        pixels = tables[0].table.n_pixels
        block = self._blocks.rows * len(channels) * pixels * 4
        slots = max(1, min(self._blocks.count, budget // block))
        # Memory that is not written to takes no room.
        self._pixels = np.empty((slots, self._blocks.rows, len(channels), pixels), dtype=np.float32)
        self._ids = np.empty((slots, self._blocks.rows, 2), dtype=np.int64)
        self._slot_of = np.full(self._blocks.count, -1, dtype=np.int32)
        self._block_in = np.full(slots, -1, dtype=np.int64)
        self._used = np.zeros(slots, dtype=np.int64)
        self._seen = np.zeros(self._blocks.count, dtype=bool)
        self._clock = 0

    @property
    def complete(self) -> bool:
        """Whether all images fit."""
        return len(self._used) == self._blocks.count

    @property
    def share(self) -> float:
        """Share of the blocks that fit."""
        return len(self._used) / max(1, self._blocks.count)

    def starts(self) -> Iterator[NDArray[np.int64]]:
        """First image of each block that begins in a table, counting the rows of one table after the other."""
        return self._blocks.starts()

    def read(self, table: NDArray[np.int64], row: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Channels ``(n, channels, n_pixels)`` and ``(obs_id, event_id)`` ``(n, 2)`` of rows of tables, by number.

        Raises
        ------
        DataError
            A chunk is damaged.
        """
        block, place = self._blocks.locate(table, row)
        needed = np.unique(block)
        if len(needed) <= len(self._used):
            self._load(needed)
            return self._taken(block, place)
        pixels = np.empty((len(block), *self._pixels.shape[2:]), dtype=np.float32)
        ids = np.empty((len(block), 2), dtype=np.int64)
        for some in np.array_split(needed, -(-len(needed) // len(self._used))):
            here = np.isin(block, some)
            self._load(some)
            pixels[here], ids[here] = self._taken(block[here], place[here])
        return pixels, ids

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _taken(
        self, block: NDArray[np.int64], place: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Rows of blocks that are in memory."""
        row = self._slot_of[block] * self._blocks.rows + place
        return self._flat(self._pixels).take(row, axis=0), self._flat(self._ids).take(row, axis=0)

    def _flat(self, values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(-1, *values.shape[2:])

    def _load(self, blocks: NDArray[np.int64]) -> None:
        """Have these blocks in memory, which has room for them."""
        self._clock += 1
        here = self._slot_of[blocks]
        self._used[here[here >= 0]] = self._clock
        missing = blocks[here < 0]
        if not len(missing):
            return
        slots = np.argpartition(self._used, len(missing) - 1)[: len(missing)]
        before = self._block_in[slots]
        self._slot_of[before[before >= 0]] = -1
        self._block_in[slots] = -1
        jobs = list(zip(missing.tolist(), slots.tolist(), strict=True))
        for _ in self._pool.map(self._fill, jobs) if self._pool else map(self._fill, jobs):
            pass
        self._slot_of[missing] = slots
        self._block_in[slots] = missing
        self._used[slots] = self._clock

    def _fill(self, job: tuple[int, int]) -> None:
        block, slot = job
        first = not self._seen[block]
        place = 0
        for number, chunk in self._blocks.parts(block):
            file, table = self._tables[number].file, self._tables[number].table
            rows = file.chunk(table, chunk)()
            pixels = self._pixels[slot, place : place + len(rows)]
            broken = self._decoded(rows, table, pixels)
            self._ids[slot, place : place + len(rows)] = ids_of_rows(rows, table)[:, :2]
            if first:
                counts = self.counts.setdefault(file, Counts())
                counts.broken += broken
                if "is_valid" in (rows.dtype.names or ()):
                    counts.invalid += int(np.count_nonzero(rows["is_valid"] == 0))
            place += len(rows)
        self._seen[block] = True

    def _decoded(self, rows: NDArray[Any], table: ImageTable, out: NDArray[np.float32]) -> int:
        """Write the channels of some rows, and give the number of pixels without a finite value, which become 0."""
        for index, name in enumerate(self.channels):
            if name != "valid":
                stored, decoder = rows[name], table.decoders[name]
                with np.errstate(over="ignore", invalid="ignore"):
                    out[:, index] = stored if decoder.trivial else decoder(stored)
        if "valid" in self.channels:
            out[:, self.channels.index("valid")] = 1.0
        # Nearly always all is finite, and a sum tells it fastest.
        with np.errstate(all="ignore"):
            if "image" in self.channels and np.isfinite(out.sum()):
                return 0
        finite = np.isfinite(table.decoders["image"](rows["image"]).astype(np.float32))
        if "valid" in self.channels:
            out[:, self.channels.index("valid")] = finite
        broken = ~(finite[:, None] & np.isfinite(out))
        out[broken] = 0.0
        return int(np.count_nonzero(broken.any(axis=1)))


class _Blocks:
    """Which chunks of which tables make a block: a chunk of a large table, or some small tables of one file."""

    def __init__(self, tables: Sequence[Stored]) -> None:
        layouts = [t.table.layout for t in tables]
        self.rows = max((min(how.chunk, how.rows) for how in layouts), default=1)
        first, offset = np.zeros(len(tables), dtype=np.int64), np.zeros(len(tables), dtype=np.int64)
        self._begins = np.ones(len(tables), dtype=bool)
        count, filled, previous = 0, 0, None
        for number, (stored, how) in enumerate(zip(tables, layouts, strict=True)):
            fits = how.chunks == 1 and previous is stored.file and filled > 0 and filled + how.rows <= self.rows
            self._begins[number] = not fits
            if not fits:
                count += how.chunks
                filled = 0
            first[number] = count - how.chunks
            offset[number] = filled
            filled = filled + how.rows if how.chunks == 1 else self.rows
            previous = stored.file
        self.count = count
        self._first, self._offset = first, offset
        self._chunk = np.array([how.chunk for how in layouts], dtype=np.int64)
        self._chunks = np.array([how.chunks for how in layouts], dtype=np.int64)
        self._rows = [how.rows for how in layouts]

    def starts(self) -> Iterator[NDArray[np.int64]]:
        """First row of each block that begins in a table, counting the rows of one table after the other."""
        before = 0
        for rows, chunk, begins in zip(self._rows, self._chunk.tolist(), self._begins, strict=True):
            if begins:
                yield np.arange(before, before + rows, chunk, dtype=np.int64)
            before += rows

    def locate(self, table: NDArray[np.int64], row: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Block of each row of a table, and its place there."""
        chunk, place = np.divmod(row, self._chunk[table])
        return self._first[table] + chunk, self._offset[table] + place

    def parts(self, block: int) -> list[tuple[int, int]]:
        """Tables and their chunks that make a block, in order."""
        last = int(np.searchsorted(self._first, block, side="right"))
        if self._chunks[last - 1] > 1:
            return [(last - 1, block - int(self._first[last - 1]))]
        begin = int(np.searchsorted(self._first, block, side="left"))
        return [(number, 0) for number in range(begin, last)]


__all__ = ["CHANNELS", "Counts", "ImageStore", "Stored"]

"""Images read in blocks of whole HDF5 chunks, the latest of which stay in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.columns import decode
from gammalearn_core.data.columns import read_rows

CHANNELS = ("image", "peak_time", "image_mask", "valid")
"""What the channels of an image can be; ``valid`` is 1 where a pixel has a finite value."""
_ROWS = 64


class BlockCache:
    """Decoded blocks of several image tables, in at most ``budget`` bytes (but always one block).

    Attributes
    ----------
    repaired : dict of str to int
        By file: pixels that were not finite and became 0.
    """

    def __init__(self, channels: tuple[str, ...], budget: int) -> None:
        self.channels = channels
        self.budget = budget
        self.repaired: dict[str, int] = {}
        self._blocks: OrderedDict[tuple[str, str, int], NDArray[np.float32]] = OrderedDict()
        self._seen: set[tuple[str, str, int]] = set()
        self._bytes = 0

    def read(self, table: h5py.Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Channels of these rows, ``(n, channels, n_pixels)``."""
        size = block_size(table)
        first = rows // size
        out: NDArray[np.float32] | None = None
        for number in np.unique(first):
            block = self._block(table, int(number), size)
            if out is None:
                out = np.empty((len(rows), *block.shape[1:]), dtype=np.float32)
            here = first == number
            out[here] = block[rows[here] - number * size]
        assert out is not None
        return out

    def _block(self, table: h5py.Dataset, number: int, size: int) -> NDArray[np.float32]:
        key = (table.file.filename, table.name, number)
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        block = self._decoded(table, slice(number * size, min((number + 1) * size, len(table))), key)
        self._blocks[key] = block
        self._bytes += block.nbytes
        while self._bytes > self.budget and len(self._blocks) > 1:
            self._bytes -= self._blocks.popitem(last=False)[1].nbytes
        return block

    def _decoded(self, table: h5py.Dataset, rows: slice, key: tuple[str, str, int]) -> NDArray[np.float32]:
        stored = [c for c in self.channels if c != "valid"]
        names = list(dict.fromkeys([*stored, "image"]))
        raw = read_rows(table, rows, names)
        columns: dict[str, NDArray[Any]] = {n: decode(table, n, raw[n]).astype(np.float32) for n in names}
        columns["valid"] = np.isfinite(columns["image"]).astype(np.float32)
        block = np.stack([columns[c] for c in self.channels], axis=1)
        broken = ~np.isfinite(block) | (columns["valid"] == 0)[:, None]
        if key not in self._seen:
            self._seen.add(key)
            self.repaired[key[0]] = self.repaired.get(key[0], 0) + int(np.count_nonzero(broken.any(axis=1)))
        block[broken] = 0.0
        return block


def block_size(table: h5py.Dataset) -> int:
    """Rows of a block: whole chunks, about 64 rows."""
    chunk = table.chunks[0] if table.chunks else _ROWS
    return int(chunk * max(1, round(_ROWS / chunk)))


__all__ = ["CHANNELS", "BlockCache", "block_size"]

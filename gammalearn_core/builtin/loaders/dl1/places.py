"""Where chunks are in their files, so that they are read without opening these as HDF5 again and again.

A production has more files than HDF5 can have open: it takes about a megabyte and half a millisecond for each.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.chunks import Layout

_LIMIT = 256
"""Descriptors that are open at once."""


@frozen(eq=False)
class Places:
    """Chunks of a table, by number."""

    start: NDArray[np.int64]
    """First byte in the file."""
    size: NDArray[np.int32]
    """Bytes; 0 where HDF5 must read the chunk."""


def find_places(table: h5py.Dataset, how: Layout) -> Places:
    """Where the chunks of a table are."""
    start, size = np.zeros(how.chunks, dtype=np.int64), np.zeros(how.chunks, dtype=np.int32)
    if how.pipeline is None or table.file.userblock_size or not hasattr(os, "pread"):
        return Places(start, size)

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        number = chunk.chunk_offset[0] // how.chunk
        if not chunk.filter_mask and number < how.chunks and 0 < chunk.size < 2**31:
            start[number], size[number] = chunk.byte_offset, chunk.size

    table.id.chunk_iter(note)
    return Places(start, size)


class RawFiles:
    """Files by path, of which bytes are read; the one that was not used for longest is closed first."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._descriptors: OrderedDict[Path, int] = OrderedDict()
        self._lock = Lock()

    def read(self, path: Path, start: int, size: int) -> bytes:
        """Some bytes; fewer if the file ends before.

        Raises
        ------
        OSError
            The file cannot be opened or read.
        """
        with self._lock:
            if path not in self._descriptors:
                while len(self._descriptors) >= self._limit:
                    os.close(self._descriptors.popitem(last=False)[1])
                self._descriptors[path] = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            self._descriptors.move_to_end(path)
            return os.pread(self._descriptors[path], size, start)

    def close(self) -> None:
        """Close all; they open again when they are asked for."""
        with self._lock:
            while self._descriptors:
                os.close(self._descriptors.popitem()[1])


__all__ = ["Places", "RawFiles", "find_places"]

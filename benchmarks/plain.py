"""Plain ways to read batches of images, and what decoding costs at least."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import clock
import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np
from numcodecs import blosc
from numcodecs.fletcher32 import Fletcher32
from numpy.typing import NDArray

blosc.use_threads = False
_CHANNELS = ("image", "peak_time")
_FLETCHER32, _BLOSC = 3, 32001
_WINDOW = 128
"""Chunks of a window that is shuffled."""


def rows_pytables(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """``table[i]``, in random order."""
    import tables

    files = [tables.open_file(path) for path in settings["files"]]
    found = [file.get_node(settings["table"]) for file in files]
    return islice(_rows(found, settings["size"], seed=0), 2), _rows(found, settings["size"], seed=1)


def rows_h5py(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """``dataset[i]``, in random order."""
    found = [h5py.File(path)[settings["table"]] for path in settings["files"]]
    return islice(_rows(found, settings["size"], seed=0), 2), _rows(found, settings["size"], seed=1)


def _rows(tables: list[h5py.Dataset], size: int, *, seed: int) -> Iterator[int]:
    rng = np.random.default_rng(seed)
    where = np.concatenate([np.column_stack([np.full(len(t), n), np.arange(len(t))]) for n, t in enumerate(tables)])
    rng.shuffle(where)
    for start in range(0, len(where), size):
        chosen = where[start : start + size].tolist()
        batch = np.empty((len(chosen), 2, tables[0][0]["image"].size), dtype=np.float32)
        for place, (table, row) in zip(batch, chosen, strict=True):
            found = tables[table][row]
            place[0], place[1] = found["image"], found["peak_time"]
        yield len(batch)


def chunks_h5py(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """Whole chunks through h5py, a window of them shuffled, batches gathered from it."""
    tables = [h5py.File(path)[settings["table"]] for path in settings["files"]]
    memory = np.full((_WINDOW * tables[0].chunks[0], 2, tables[0][0]["image"].size), 0, dtype=np.float32)
    return islice(_windows(tables, settings["size"], memory), 2), _windows(tables, settings["size"], memory)


def _windows(tables: list[h5py.Dataset], size: int, memory: NDArray[np.float32]) -> Iterator[int]:
    rng = np.random.default_rng(1)
    chunks = [(n, start) for n, t in enumerate(tables) for start in range(0, len(t), t.chunks[0])]
    rng.shuffle(chunks)
    for first in range(0, len(chunks), _WINDOW):
        filled = 0
        for table, start in chunks[first : first + _WINDOW]:
            found = tables[table][start : start + tables[table].chunks[0]]
            for channel, name in enumerate(_CHANNELS):
                memory[filled : filled + len(found), channel] = found[name]
            filled += len(found)
        for rows in np.array_split(rng.permutation(filled), max(1, filled // size)):
            yield len(memory.take(rows, axis=0))


def decoding(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """The least that there is to do: checksum and decompression of chunks that are in memory, into memory."""
    chunks = [found for path in settings["files"] for found in _stored(path, settings["table"])]
    return islice(_decoded(chunks), 20), _decoded(chunks)


def fetching(settings: clock.Settings) -> tuple[Iterator[int], Iterator[int]]:
    """The same with chunks fetched from the file."""
    paths, table = settings["files"], settings["table"]
    warm = islice((n for n in _decoded(_stored(paths[0], table))), 20)
    return warm, (n for path in paths for n in _decoded(_stored(path, table)))


Chunk = tuple[bytes, int, tuple[int, ...], int]
"""Stored bytes, events, filters in the order in which they were applied, and decoded size."""


def _stored(path: str, name: str) -> Iterator[Chunk]:
    with closing(h5py.File(path)) as file:
        table = file[name]
        created = table.id.get_create_plist()
        filters = tuple(created.get_filter(i)[0] for i in range(created.get_nfilters()))
        size, rows = table.chunks[0] * table.dtype.itemsize, table.chunks[0]
        for start in range(0, len(table), rows):
            yield table.id.read_direct_chunk((start,))[1], min(rows, len(table) - start), filters, size


def _decoded(chunks: list[Chunk] | Iterator[Chunk]) -> Iterator[int]:
    checksum, memory = Fletcher32(), bytearray()
    for content, events, filters, size in chunks:
        memory = memory if len(memory) >= size + 4 else bytearray(size + 4)
        _decode(content, filters, checksum, memory)
        yield events


def _decode(content: bytes, filters: tuple[int, ...], checksum: Fletcher32, memory: bytearray) -> None:
    found: bytes | NDArray[np.uint8] = content
    for number in reversed(filters):
        if number == _FLETCHER32:
            found = checksum.decode(found)
        elif number == _BLOSC:
            size = int.from_bytes(bytes(found[4:8]), "little")
            found = blosc.decompress(found, memoryview(memory)[:size])


if __name__ == "__main__":
    clock.main(
        {
            "rows_pytables": rows_pytables,
            "rows_h5py": rows_h5py,
            "chunks_h5py": chunks_h5py,
            "decoding": decoding,
            "fetching": fetching,
        }
    )

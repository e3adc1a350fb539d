"""Chunks of an HDF5 table, read as they are stored and decoded here.

HDF5 decodes one chunk at a time, under one lock, and copies it field by field. A chunk that is fetched as it is can be
decoded beside other work. The checksum is checked all the same: a flipped bit would otherwise give other numbers.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from attrs import field
from attrs import frozen
from numcodecs import blosc
from numcodecs.fletcher32 import Fletcher32
from numpy.typing import NDArray

from gammalearn_core.data.columns import damaged
from gammalearn_core.data.columns import read_rows
from gammalearn_core.data.columns import row_type

blosc.use_threads = False
"""Several chunks are decoded at once instead, and blosc's own threads wait for each other."""
_DEFLATE, _SHUFFLE, _FLETCHER32, _BLOSC = 1, 2, 3, 32001
"""Numbers of the filters that are undone here."""
_checksum = Fletcher32()
_local = threading.local()


@frozen(kw_only=True)
class Layout:
    """How a table is stored."""

    file: str
    path: str
    rows: int
    chunk: int
    """Rows of a chunk."""
    dtype: np.dtype[Any] = field(repr=False)
    pipeline: tuple[int, ...] | None
    """Filters in the order in which they were applied; None if HDF5 must read it."""

    @property
    def where(self) -> str:
        """File and table, for messages."""
        return f"{self.file}, table {self.path}"

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.rows // self.chunk)

    def span(self, number: int) -> tuple[int, int]:
        """First row of a chunk, and the one after its last."""
        return number * self.chunk, min((number + 1) * self.chunk, self.rows)


def layout(table: h5py.Dataset) -> Layout:
    """How a table is stored; one that is not chunked counts as chunks of about 250 kB."""
    dtype, rows, chunks = row_type(table), len(table), table.chunks
    chunk = chunks[0] if chunks else max(1, min(rows, 250_000 // max(dtype.itemsize, 1)))
    return Layout(
        file=table.file.filename,
        path=table.name,
        rows=rows,
        chunk=int(chunk),
        dtype=dtype,
        pipeline=_pipeline(table, dtype) if chunks else None,
    )


def _pipeline(table: h5py.Dataset, dtype: np.dtype[Any]) -> tuple[int, ...] | None:
    if dtype.itemsize != table.id.get_type().get_size() or dtype.hasobject:
        return None
    created = table.id.get_create_plist()
    filters = tuple(created.get_filter(i)[0] for i in range(created.get_nfilters()))
    return filters if set(filters) <= {_DEFLATE, _SHUFFLE, _FLETCHER32, _BLOSC} else None


def read_chunk(table: h5py.Dataset, how: Layout, number: int) -> Callable[[], NDArray[Any]]:
    """What decodes a chunk to rows; calling it needs no HDF5 and can be left to another thread.

    The rows are in memory that the thread uses again for the next chunk that it decodes: copy what is to last.

    Raises
    ------
    DataError
        The chunk cannot be read, or, when it is decoded, its checksum is wrong.
    """
    start, stop = how.span(number)
    if how.pipeline is None:
        rows = read_rows(table, slice(start, stop))
        return lambda: rows
    try:
        mask, stored = table.id.read_direct_chunk((start,))
    except (OSError, RuntimeError, ValueError) as error:
        if _never_written(table, start):
            rows = read_rows(table, slice(start, stop))
            return lambda: rows
        raise damaged(how.where, start, stop, error) from error
    return decode_later(how, number, stored, mask)


def decode_later(how: Layout, number: int, stored: bytes, mask: int = 0) -> Callable[[], NDArray[Any]]:
    """What decodes the stored bytes of a chunk; ``mask`` has a bit for each filter that it was written without."""
    start, stop = how.span(number)
    filters = [f for i, f in enumerate(how.pipeline or ()) if not mask >> i & 1]

    def decode() -> NDArray[Any]:
        try:
            return _decoded(stored, filters, how)[: stop - start]
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(how.where, start, stop, error) from error

    return decode


def _never_written(table: h5py.Dataset, start: int) -> bool:
    """Whether a chunk has no place in the file, so that its rows are zeros."""
    try:
        return bool(table.id.get_chunk_info_by_coord((start,)).byte_offset is None)
    except (OSError, RuntimeError, ValueError):
        return False


def _decoded(stored: bytes, filters: list[int], how: Layout) -> NDArray[Any]:
    wanted = how.chunk * how.dtype.itemsize
    content: Any = stored
    for number in reversed(filters):
        content = _undo(number, content, how, wanted)
    if len(content) != wanted:
        raise ValueError(f"a chunk of {len(content)} bytes instead of {wanted}")
    return np.frombuffer(content, how.dtype)


def _undo(number: int, content: Any, how: Layout, wanted: int) -> Any:
    """What a filter was given."""
    if number == _FLETCHER32:
        return _checksum.decode(content)
    if number == _BLOSC:
        return _decompressed(content, wanted)
    if number == _DEFLATE:
        return _inflated(content, wanted)
    return _unshuffled(content, how.dtype.itemsize)


def _inflated(content: Any, wanted: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        return stream.decompress(content, wanted + 4)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _unshuffled(content: Any, size: int) -> memoryview:
    """Bytes in their order, which were sorted by their place in a row of ``size`` bytes."""
    rows, rest = divmod(len(content), size)
    result = _scratch(len(content), "unshuffled")
    sorted_bytes = np.frombuffer(content, np.uint8)
    ordered = np.frombuffer(result, np.uint8)[: rows * size].reshape(rows, size)
    np.copyto(ordered, sorted_bytes[: rows * size].reshape(size, rows).T)
    if rest:
        result[rows * size :] = memoryview(content)[rows * size :]
    return result


def _decompressed(content: Any, wanted: int) -> Any:
    """Content that blosc has packed. What is damaged may say of itself that it is of any size."""
    size = int.from_bytes(bytes(content[4:8]), "little")
    packed = int.from_bytes(bytes(content[12:16]), "little")
    if not wanted <= size <= wanted + 4 or packed > len(content):
        raise ValueError("the compressed data are not what they say they are")
    return blosc.decompress(content, _scratch(size, "decompressed"))


def _scratch(size: int, purpose: str) -> memoryview:
    """Memory of this thread. New memory for each chunk would cost more than the decoding, a page after the other."""
    if len(getattr(_local, purpose, b"")) < size:
        setattr(_local, purpose, bytearray(size))
    return memoryview(getattr(_local, purpose))[:size]


__all__ = ["Layout", "decode_later", "layout", "read_chunk"]

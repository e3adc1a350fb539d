"""`Table`: a table of an HDF5 file as PyTables has them, which grows by whole chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.dl1.columns import Column
from gammalearn_showers.dl1.columns import row_type

SMALL_CHUNK = 2**16
LARGE_CHUNK = 2**20
CHUNK_ROWS = 32
"""A chunk is at least 64 kB, or 32 rows if they are not more than 1 MB."""


class Table:
    """A table of a file that is being written; the rows of an unfinished chunk stay in memory.

    Values are compressed by HDF5's own shuffle filter and Blosc's Zstandard at level 1. ctapipe uses level 5 with
    Blosc's shuffle, which does nothing for rows of more than 255 bytes: rounded images become no smaller by it, in
    seven times the time.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    path : str
        Of the table; groups are created as needed.
    columns : tuple of Column
    attributes : mapping of str to value, optional
        More attributes of the table.
    """

    def __init__(
        self,
        file: h5py.File,
        path: str,
        *,
        columns: tuple[Column, ...],
        attributes: Mapping[str, str | int | float] | None = None,
    ) -> None:
        self._type = row_type(columns)
        size = self._type.itemsize
        rows = max(1, SMALL_CHUNK // size, min(CHUNK_ROWS, LARGE_CHUNK // size))
        require_group(file, path.rpartition("/")[0])
        self._dataset = file.create_dataset(
            path,
            shape=(0,),
            maxshape=(None,),
            chunks=(rows,),
            dtype=h5py.Datatype(_stored_type(self._type)),
            shuffle=True,
            fletcher32=True,
            **hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=hdf5plugin.Blosc.NOSHUFFLE),
        )
        set_attributes(self._dataset, {"CLASS": "TABLE", "VERSION": "2.7", "TITLE": path.rpartition("/")[2]})
        for number, column in enumerate(columns):
            named = {f"CTAFIELD_{number}_{key}": value for key, value in column.attributes.items()}
            set_attributes(self._dataset, {f"FIELD_{number}_NAME": column.name, **named})
        set_attributes(self._dataset, attributes or {})
        self._chunk = rows
        self._pending: list[NDArray[Any]] = []
        self._waiting = 0
        self._written = 0

    def __len__(self) -> int:
        return self._written + self._waiting

    def rows(self, count: int, **values: object) -> NDArray[Any]:
        """New rows; a value that is not an array is that of all of them, and what is not named is 0."""
        rows = np.zeros(count, dtype=self._type)
        for name, value in values.items():
            rows[name] = value
        return rows

    def add(self, index: Mapping[str, object], rows: NDArray[np.int64], **values: NDArray[Any]) -> None:
        """Append these rows of columns, numbered by ``index``, whose values are already those of the rows."""
        self.append(self.rows(len(rows), **index, **{name: value[rows] for name, value in values.items()}))

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows; they must not be changed afterwards."""
        if not len(rows):
            return
        self._pending.append(rows)
        self._waiting += len(rows)
        if self._waiting >= self._chunk:
            self._flush(self._waiting - self._waiting % self._chunk)

    def finish(self) -> None:
        """Write the rows of the last chunk."""
        self._flush(self._waiting)
        self._dataset.attrs["NROWS"] = np.int64(self._written)

    def _flush(self, count: int) -> None:
        if not count:
            return
        rows = np.concatenate(self._pending) if len(self._pending) > 1 else self._pending[0]
        stored = self._dataset.id
        stored.set_extent((self._written + count,))
        space = stored.get_space()
        space.select_hyperslab((self._written,), (count,))
        here = np.ascontiguousarray(rows[:count])
        stored.write(h5py.h5s.create_simple((count,)), space, here, mtype=stored.get_type())
        self._written += count
        self._waiting -= count
        self._pending = [rows[count:].copy()] if self._waiting else []


def write_table(
    file: h5py.File,
    path: str,
    *,
    columns: tuple[Column, ...],
    values: Mapping[str, object],
    count: int = 1,
    attributes: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write a whole table; values as in `Table.rows`."""
    table = Table(file, path, columns=columns, attributes=attributes)
    table.append(table.rows(count, **values))
    table.finish()


def require_group(file: h5py.File, path: str) -> None:
    """Create a group with those it is in, as PyTables has them."""
    node = ""
    for name in path.strip("/").split("/"):
        node += f"/{name}"
        if node not in file:
            set_attributes(file.create_group(node), {"CLASS": "GROUP", "VERSION": "1.0", "TITLE": name})


def set_attributes(node: h5py.Group | h5py.Dataset, values: Mapping[str, str | bytes | int | float]) -> None:
    """Set attributes as PyTables and ctapipe read them: texts are UTF-8 of fixed length, bytes are ASCII."""
    for name, value in values.items():
        if not value and isinstance(value, str):
            node.attrs[name] = h5py.Empty("S1")
        elif isinstance(value, str):
            text = value.encode()
            node.attrs.create(name, np.bytes_(text), dtype=h5py.string_dtype("utf-8", len(text)))
        elif isinstance(value, bytes):
            node.attrs[name] = np.bytes_(value)
        else:
            node.attrs[name] = np.int64(value) if isinstance(value, int) else np.float64(value)


def _stored_type(dtype: np.dtype[Any]) -> Any:
    """HDF5 type of rows; booleans are bit fields of a byte, as PyTables has them."""
    compound = h5py.h5t.create(h5py.h5t.COMPOUND, dtype.itemsize)
    for name in dtype.names or ():
        kind, offset = dtype.fields[name][:2]  # type: ignore[index]
        base = h5py.h5t.STD_B8LE if kind.base.kind == "b" else h5py.h5t.py_create(kind.base)
        compound.insert(name.encode(), offset, h5py.h5t.array_create(base, kind.shape) if kind.shape else base)
    return compound


__all__ = ["Table", "require_group", "set_attributes", "write_table"]

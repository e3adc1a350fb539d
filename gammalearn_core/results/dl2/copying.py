"""Copying tables of DL1 files node by node, some rows of each, with types and attributes as they are.

Instrument tables are versioned and unreadable to older ctapipe if they are written anew, so they are copied as bytes.
h5py does this without executing the pickles that some attributes hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.columns import damaged
from gammalearn_core.data.columns import label
from gammalearn_core.errors import DataError

Rows = NDArray[np.bool_]
_AT_ONCE = 2**22
"""Bytes that are copied at once, about."""


def copy_group(source: h5py.File, destination: h5py.File, path: str) -> None:
    """Copy a group or table with all that is in it, if it is there.

    Table by table, and not with HDF5's own copy: that writes beyond its buffer where a chunk of the source is in the
    cache (HDF5 2.0), which ends the process.
    """
    if path in source and path not in destination:
        destination.require_group(path.rpartition("/")[0] or "/")
        _copy_node(source[path], destination, path)


def copy_rows(parts: Sequence[tuple[h5py.Dataset, Rows | None]], destination: h5py.File) -> h5py.Dataset:
    """One table of chosen rows of several files, or all rows if None, one after the other, a block at a time.

    Raises
    ------
    DataError
        The tables are not of one type, or one is damaged.
    """
    first = parts[0][0]
    table = destination.get(first.name) or create_like(first, destination, first.name)
    check_same(first, [dataset for dataset, _ in parts])
    _resize(table, sum(len(d) if keep is None else int(np.count_nonzero(keep)) for d, keep in parts))
    filled = 0
    for dataset, keep in parts:
        for start, stop in blocks(dataset):
            rows = read_raw(dataset, start, stop)
            rows = rows if keep is None else rows[keep[start:stop]]
            write_raw(table, rows, filled)
            filled += len(rows)
    return table


def check_same(first: h5py.Dataset, tables: Sequence[h5py.Dataset]) -> None:
    """Refuse tables of another type.

    Raises
    ------
    DataError
        With the first of them.
    """
    for dataset in tables:
        if dataset.id.get_type() != first.id.get_type():
            raise DataError(f"{label(dataset)} has other columns than the same table of {first.file.filename}")


def blocks(dataset: h5py.Dataset) -> Iterator[tuple[int, int]]:
    """Rows of a table, a few MB at a time and whole chunks."""
    chunk = dataset.chunks[0] if dataset.chunks else 1
    step = max(1, _AT_ONCE // max(1, dataset.id.get_type().get_size()) // chunk) * chunk
    for start in range(0, len(dataset), step):
        yield start, min(start + step, len(dataset))


def _copy_node(node: h5py.Group | h5py.Dataset, destination: h5py.File, path: str) -> None:
    if isinstance(node, h5py.Dataset):
        made = create_like(node, destination, path)
        for start, stop in blocks(node) if node.shape else [(0, None)]:
            write_raw(made, read_raw(node, start, stop), start if node.shape else None)
        return
    copy_attributes(node, destination.require_group(path), "")
    for name in node:
        _copy_node(node[name], destination, f"{path}/{name}")


def create_like(dataset: h5py.Dataset, destination: h5py.File, path: str) -> h5py.Dataset:
    """An empty dataset of the same type, size, filters and attributes, at another place."""
    destination.require_group(path.rpartition("/")[0] or "/")
    stored = dataset.id
    h5py.h5d.create(
        destination.id, path.encode(), stored.get_type(), stored.get_space(), dcpl=stored.get_create_plist()
    )
    copy_attributes(dataset, destination[path], "")
    return destination[path]


def read_raw(dataset: h5py.Dataset, start: int = 0, stop: int | None = None) -> NDArray[Any]:
    """Rows from one to another, or all, byte by byte as they are stored.

    Raises
    ------
    DataError
        HDF5 cannot read them.
    """
    if not dataset.shape:
        rows = np.empty((), dtype=dataset.dtype)
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, rows, mtype=_memory_type(dataset, rows))
        return rows
    stop = len(dataset) if stop is None else stop
    rows = np.empty((stop - start, *dataset.shape[1:]), dtype=dataset.dtype)
    if rows.size:
        try:
            dataset.id.read(*_slab(dataset, start, rows), rows, mtype=_memory_type(dataset, rows))
        except (OSError, RuntimeError) as error:
            raise damaged(label(dataset), start, stop, error) from error
    return rows


def write_raw(dataset: h5py.Dataset, rows: NDArray[Any], start: int | None = None) -> None:
    """Write rows byte by byte: those from ``start`` on, or all of the table in place of what it has."""
    if start is None:
        _resize(dataset, len(rows) if rows.shape else None)
    rows = np.ascontiguousarray(rows) if rows.shape else rows
    if rows.size:
        spaces = _slab(dataset, start or 0, rows) if rows.shape else (h5py.h5s.ALL, h5py.h5s.ALL)
        dataset.id.write(*spaces, rows, mtype=_memory_type(dataset, rows))


def _slab(dataset: h5py.Dataset, start: int, rows: NDArray[Any]) -> tuple[Any, Any]:
    """Where rows are in memory and in the file."""
    space = dataset.id.get_space()
    space.select_hyperslab((start, *[0] * (rows.ndim - 1)), rows.shape)
    return h5py.h5s.create_simple(rows.shape), space


def _resize(dataset: h5py.Dataset, count: int | None) -> None:
    if count is not None and len(dataset) != count:
        dataset.resize(count, axis=0)
    if "NROWS" in dataset.attrs:
        dataset.attrs.modify("NROWS", np.int64(count or 0))


def copy_attributes(source: h5py.Group, destination: h5py.Group, prefix: str) -> None:
    """Copy attributes whose names begin so, byte by byte, types and character sets as they are."""
    for index in range(h5py.h5a.get_num_attrs(source.id)):
        attribute = h5py.h5a.open(source.id, index=index)
        if not attribute.name.startswith(prefix.encode()):
            continue
        kind, space = attribute.get_type(), attribute.get_space()
        copy = h5py.h5a.create(destination.id, attribute.name, kind, space)
        if space.get_simple_extent_type() != h5py.h5s.NULL:
            value = np.empty(space.shape, dtype=f"V{kind.get_size()}")
            attribute.read(value, mtype=kind)
            copy.write(value, mtype=kind)


def set_text(node: h5py.Group, name: str, text: str) -> None:
    """Set an attribute as PyTables writes text: UTF-8 of fixed length."""
    stored = text.encode()
    node.attrs.create(name, np.bytes_(stored), dtype=h5py.string_dtype("utf-8", max(1, len(stored))))


def _memory_type(dataset: h5py.Dataset, rows: NDArray[Any]) -> Any:
    stored = dataset.id.get_type()
    if stored.get_size() != rows.dtype.itemsize:
        raise ValueError(f"{dataset.name}: rows of {stored.get_size()} bytes do not fit {rows.dtype.itemsize}")
    return stored


__all__ = [
    "Rows",
    "blocks",
    "check_same",
    "copy_attributes",
    "copy_group",
    "copy_rows",
    "create_like",
    "read_raw",
    "set_text",
    "write_raw",
]

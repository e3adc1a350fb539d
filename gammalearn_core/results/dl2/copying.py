"""Copying tables of DL1 files node by node, some rows of each, with types and attributes as they are.

Instrument tables are versioned and unreadable to older ctapipe if they are written anew, so they are copied as bytes.
h5py does this without executing the pickles that some attributes hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.bool_]


def copy_group(source: h5py.File, destination: h5py.File, path: str) -> None:
    """Copy a group or table with all that is in it, if it is there.

    Table by table, and not with HDF5's own copy: that writes beyond its buffer where a chunk of the source is in the
    cache (HDF5 2.0), which ends the process.
    """
    if path in source and path not in destination:
        destination.require_group(path.rpartition("/")[0] or "/")
        _copy_node(source[path], destination, path)


def copy_rows(parts: Sequence[tuple[h5py.Dataset, Rows]], destination: h5py.File) -> h5py.Dataset:
    """One table of chosen rows of several files, one after the other. The tables must have one type."""
    first = parts[0][0]
    table = destination.get(first.name) or _create_like(first, destination, first.name)
    write_raw(table, np.concatenate([read_raw(dataset)[keep] for dataset, keep in parts]))
    return table


def _copy_node(node: h5py.Group | h5py.Dataset, destination: h5py.File, path: str) -> None:
    if isinstance(node, h5py.Dataset):
        write_raw(_create_like(node, destination, path), read_raw(node))
        return
    copy_attributes(node, destination.require_group(path), "")
    for name in node:
        _copy_node(node[name], destination, f"{path}/{name}")


def _create_like(dataset: h5py.Dataset, destination: h5py.File, path: str) -> h5py.Dataset:
    """An empty dataset of the same type, size, filters and attributes."""
    destination.require_group(path.rpartition("/")[0] or "/")
    stored = dataset.id
    h5py.h5d.create(
        destination.id, path.encode(), stored.get_type(), stored.get_space(), dcpl=stored.get_create_plist()
    )
    copy_attributes(dataset, destination[path], "")
    return destination[path]


def read_raw(dataset: h5py.Dataset) -> NDArray[Any]:
    """All rows, byte by byte as they are stored."""
    rows = np.empty(dataset.shape, dtype=dataset.dtype)
    if rows.size:
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, rows, mtype=_memory_type(dataset, rows))
    return rows


def write_raw(dataset: h5py.Dataset, rows: NDArray[Any]) -> None:
    """Replace all rows by these, byte by byte."""
    if dataset.shape != rows.shape:
        dataset.resize(rows.shape)
    rows = np.ascontiguousarray(rows)
    if rows.size:
        dataset.id.write(h5py.h5s.ALL, h5py.h5s.ALL, rows, mtype=_memory_type(dataset, rows))
    if "NROWS" in dataset.attrs:
        dataset.attrs.modify("NROWS", np.int64(len(rows)))


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


__all__ = ["Rows", "copy_attributes", "copy_group", "copy_rows", "read_raw", "set_text", "write_raw"]

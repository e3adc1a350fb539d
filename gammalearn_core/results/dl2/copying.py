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
    """Copy a group or table with all that is in it, if it is there."""
    if path in source and path not in destination:
        parent = destination.require_group(path.rpartition("/")[0] or "/")
        source.copy(path, parent, path.rpartition("/")[2])


def copy_rows(parts: Sequence[tuple[h5py.Dataset, Rows]], destination: h5py.File) -> h5py.Dataset:
    """One table of chosen rows of several files, one after the other. The tables must have one type."""
    first = parts[0][0]
    copy_group(first.file, destination, first.name)
    table = destination[first.name]
    rows = np.concatenate([read_raw(dataset)[keep] for dataset, keep in parts])
    write_raw(table, rows)
    return table


def read_raw(dataset: h5py.Dataset) -> NDArray[Any]:
    """All rows, byte by byte as they are stored."""
    rows = np.empty(dataset.shape, dtype=dataset.dtype)
    if len(rows):
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, rows, mtype=_memory_type(dataset, rows))
    return rows


def write_raw(dataset: h5py.Dataset, rows: NDArray[Any]) -> None:
    """Replace all rows by these, byte by byte."""
    dataset.resize(rows.shape)
    rows = np.ascontiguousarray(rows)
    if len(rows):
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

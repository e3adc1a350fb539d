"""A table that is copied and gets more columns."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.results.dl2.copying import Rows
from gammalearn_core.results.dl2.copying import blocks
from gammalearn_core.results.dl2.copying import check_same
from gammalearn_core.results.dl2.copying import copy_attributes
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import set_text
from gammalearn_core.results.dl2.copying import write_raw


def copy_wider(
    parts: Sequence[tuple[h5py.Dataset, Rows | None]],
    destination: h5py.File,
    path: str,
    added: Mapping[str, NDArray[Any]],
    units: Mapping[str, str],
) -> h5py.Dataset:
    """Chosen rows of tables of one type, one after the other, with more columns behind those that they have.

    Raises
    ------
    DataError
        The tables are not of one type, or one is damaged.
    """
    first = parts[0][0]
    check_same(first, [dataset for dataset, _ in parts])
    stored = first.id.get_type()
    behind = np.dtype([(name, values.dtype) for name, values in added.items()])
    count = len(next(iter(added.values())))
    table = destination.create_dataset(
        path,
        shape=(count,),
        maxshape=(None,),
        chunks=(max(1, min(count, 4096)),),
        dtype=h5py.Datatype(_wider(stored, behind)),
        fletcher32=True,
        **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE),
    )
    filled = 0
    for dataset, keep in parts:
        for start, stop in blocks(dataset):
            rows = read_raw(dataset, start, stop)
            rows = rows if keep is None else rows[keep[start:stop]]
            write_raw(table, _joined(rows, added, behind, filled), filled)
            filled += len(rows)
    _describe(first, table, added, units)
    return table


def _wider(stored: Any, behind: np.dtype[Any]) -> Any:
    """The HDF5 type of a row, old columns as they are stored."""
    size = stored.get_size()
    compound = h5py.h5t.create(h5py.h5t.COMPOUND, size + behind.itemsize)
    for number in range(stored.get_nmembers()):
        compound.insert(
            stored.get_member_name(number), stored.get_member_offset(number), stored.get_member_type(number)
        )
    for name in behind.names or ():
        kind, offset = behind.fields[name][:2]  # type: ignore[index]
        compound.insert(name.encode(), size + offset, h5py.h5t.py_create(kind))
    return compound


def _joined(rows: NDArray[Any], added: Mapping[str, NDArray[Any]], behind: np.dtype[Any], start: int) -> NDArray[Any]:
    """Rows of bytes: what was stored, and the columns behind it."""
    new = np.empty(len(rows), dtype=behind)
    for name, values in added.items():
        new[name] = values[start : start + len(rows)]
    width = rows.dtype.itemsize
    joined = np.empty(len(rows), dtype=[("old", f"V{width}"), ("new", f"V{behind.itemsize}")])
    joined["old"] = np.ascontiguousarray(rows).view(f"V{width}")
    joined["new"] = new.view(f"V{behind.itemsize}")
    return joined


def _describe(
    first: h5py.Dataset, table: h5py.Dataset, added: Mapping[str, NDArray[Any]], units: Mapping[str, str]
) -> None:
    copy_attributes(first, table, "")
    known = len(first.dtype.names)
    numbered, filled = (name in table.attrs for name in ("CTAFIELD_0_NAME", "FIELD_0_FILL"))
    for number, (name, values) in enumerate(added.items(), start=known):
        set_text(table, f"FIELD_{number}_NAME", name)
        if filled:
            # PyTables reads all columns' values for rows that were never written, or none.
            table.attrs[f"FIELD_{number}_FILL"] = values.dtype.type(0)
        prefix = f"CTAFIELD_{number}" if numbered else name
        if numbered:
            set_text(table, f"{prefix}_NAME", name)
        if units.get(name):
            set_text(table, f"{prefix}_UNIT", units[name])
    table.attrs["NROWS"] = np.int64(len(table))


__all__ = ["copy_wider"]

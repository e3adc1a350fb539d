"""Arrays, tables and frames as PyTables and pandas write them, so that both read them.

pandas itself would bring PyTables with it, and both write the time of writing into the file: the same events would not
give the same bytes. What pandas calls the fixed format has been the same since its version 0.15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]


def describe(node: Any, **attributes: Any) -> None:
    """Attributes; texts as PyTables has them, of a fixed length."""
    for name, value in attributes.items():
        if isinstance(value, str):
            encoded = value.encode()
            if encoded:
                node.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", len(encoded)))
            else:
                node.attrs[name] = h5py.Empty("S1")
        else:
            node.attrs[name] = value


def write_root(h5: h5py.File, title: str) -> None:
    """What tells PyTables that it can read the file."""
    describe(h5, CLASS="GROUP", PYTABLES_FORMAT_VERSION="2.1", TITLE=title, VERSION="1.0")


def write_table(h5: h5py.File, path: str, columns: Columns, units: Mapping[str, str]) -> None:
    """A table of PyTables, a row an element of the columns, with units as ctapipe writes them."""
    kinds = [(name, values.dtype) for name, values in columns.items()]
    rows = np.empty(len(next(iter(columns.values()))), dtype=kinds)
    for name, values in columns.items():
        rows[name] = values
    table = h5.create_dataset(path, data=rows, maxshape=(None,), chunks=True, compression="gzip", shuffle=True)
    facts: dict[str, Any] = {}
    for number, name in enumerate(columns):
        facts[f"FIELD_{number}_NAME"] = name
        if units.get(name):
            facts |= {f"CTAFIELD_{number}_NAME": name, f"CTAFIELD_{number}_UNIT": units[name]}
    describe(table, CLASS="TABLE", VERSION="2.7", TITLE=path.rpartition("/")[2], NROWS=np.int64(len(rows)), **facts)


def write_frame(h5: h5py.File, key: str, columns: Columns) -> None:
    """A data frame of pandas, all of whose columns are float64.

    Parameters
    ----------
    h5 : File
    key : str
        What `pandas.read_hdf` calls ``key``.
    columns : mapping of str to array, (n,)
        By name, in this order.
    """
    group = h5.create_group(key)
    names = np.array([name.encode() for name in columns])
    values = np.column_stack([np.asarray(v, dtype=np.float64) for v in columns.values()])
    describe(group, CLASS="GROUP", TITLE="", VERSION="1.0", pandas_type="frame", pandas_version="0.15.2")
    describe(group, encoding="UTF-8", errors="strict", ndim=np.int64(2), nblocks=np.int64(1))
    describe(group, axis0_variety="regular", axis1_variety="regular", block0_items_variety="regular")
    _array(group, "axis0", names, kind="string")
    _array(group, "axis1", np.arange(len(values), dtype=np.int64), kind="integer")
    _array(group, "block0_items", names, kind="string")
    _array(group, "block0_values", values)


def _array(group: h5py.Group, name: str, values: NDArray[Any], **attributes: str) -> None:
    chunked = {"chunks": True, "compression": "gzip", "shuffle": True} if values.dtype.kind != "S" else {}
    array = group.create_dataset(name, data=values, **chunked)
    kind, version = ("CARRAY", "1.1") if chunked else ("ARRAY", "2.4")
    describe(array, CLASS=kind, VERSION=version, TITLE="", FLAVOR="numpy", transposed=np.uint8(1), **attributes)


__all__ = ["Columns", "describe", "write_frame", "write_root", "write_table"]

"""Where things are in a DL1 file of either format, and how to put something else there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from damage.kinds import Random

Rows = NDArray[Any]
_TRIGGER = "dl1/event/subarray/trigger"
_TEL_TRIGGER = "dl1/event/telescope/trigger"
"""Tells the multiplicity where the table of the subarray does not, and else nothing."""
ROLES = {
    "images": ("dl1/event/telescope/images/", "dl1/event/telescope/image/"),
    "parameters": ("dl1/event/telescope/parameters/",),
    "shower": ("simulation/event/subarray/shower",),
    "impact": ("simulation/event/telescope/impact/",),
    "trigger": (_TRIGGER, _TEL_TRIGGER),
    "layout": ("configuration/instrument/subarray/layout",),
    "optics": ("configuration/instrument/telescope/optics",),
    "geometry": ("configuration/instrument/telescope/camera/geometry_",),
    "pointing": (
        "configuration/telescope/pointing/",
        "dl1/monitoring/telescope/pointing/",
        "dl0/monitoring/telescope/pointing/",
    ),
    "run": ("configuration/simulation/run", "simulation/run_config"),
}
"""Beginnings of the paths of tables, by what they are for."""
_INSTRUMENT = ("geometry", "position", "camera")
TOLD = {
    "images": ("pixels",),
    "parameters": ("*", "!pixels", *(f"!{name}" for name in _INSTRUMENT)),
    "shower": ("true_*",),
    "impact": ("true_impact*",),
    "trigger": ("multiplicity", "time", "event_type", "pointing*"),
    "layout": _INSTRUMENT,
    "optics": _INSTRUMENT,
    "geometry": _INSTRUMENT,
    "pointing": ("pointing*",),
    "run": ("simulated_spectral_index",),
}
"""What a table tells, by its role. What it does not is NaN or -1, and columns that some tables lack are not offered."""
INSTRUMENT = ("geometry", "layout", "optics")


def tables(file: h5py.File, *roles: str) -> list[str]:
    """Paths of the tables of these roles, or of all roles, that the loader needs to read."""
    beginnings = tuple(b for role in roles or ROLES for b in ROLES[role])
    unread = {_TEL_TRIGGER} if "tels_with_trigger" in _columns_at(file, _TRIGGER) else set()
    found: list[str] = []

    def add(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.dtype.names and name.startswith(beginnings) and name not in unread:
            found.append(name)

    file.visititems(add)
    return found


def _columns_at(file: h5py.File, path: str) -> tuple[str, ...]:
    node = file.get(path)
    return (node.dtype.names or ()) if isinstance(node, h5py.Dataset) else ()


def role_of(path: str) -> str:
    """What a table is for."""
    return next(role for role, beginnings in ROLES.items() if path.startswith(beginnings))


def told(path: str) -> tuple[str, ...]:
    """What a table tells."""
    return TOLD[role_of(path)]


def one_of(random: Random, choices: Any) -> Any:
    """One of these, as it is."""
    return choices[int(random.integers(len(choices)))]


def a_table(file: h5py.File, random: Random, *roles: str) -> str:
    """The path of a table of one of these roles; the roles are equally likely, not the tables."""
    present = [found for role in roles or ROLES if (found := tables(file, role))]
    path: str = one_of(random, one_of(random, present or [tables(file)]))
    return path


def columns_of(file: h5py.File, table: str) -> list[tuple[str, np.dtype[Any]]]:
    """Names and types of the columns of a table."""
    kinds = file[table].dtype
    return [(name, kinds[name]) for name in kinds.names]


def put(file: h5py.File, path: str, rows: Rows, **storage: Any) -> h5py.Dataset:
    """A table with other rows or columns, and the attributes of the one that it replaces."""
    attributes = kept_attributes(file[path])
    del file[path]
    chunk = max(1, min(max(len(rows), 1), 200_000 // max(rows.dtype.itemsize, 1)))
    stored = storage or {"chunks": (chunk,), "maxshape": (None,), "fletcher32": True, **hdf5plugin.Blosc("zstd", 5, 1)}
    table = file.create_dataset(path, data=rows, **stored)
    table.attrs.update(attributes)
    if "NROWS" in attributes:
        table.attrs["NROWS"] = np.int64(len(rows))
    return table


def kept_attributes(node: h5py.Dataset) -> dict[str, Any]:
    """Attributes that can be written again."""
    return {name: value for name, value in node.attrs.items() if not isinstance(value, h5py.Empty)}


def change(path: Path, table: str, how: Callable[[Rows], Rows]) -> None:
    """Replace the rows of a table by what is made of them."""
    with h5py.File(path, "r+") as file:
        put(file, table, how(file[table][:]))


def retyped(rows: Rows, types: dict[str, Any]) -> np.dtype[Any]:
    """The type of a table some of whose columns have other types."""
    kinds = rows.dtype
    return np.dtype([(n, types.get(n, kinds[n].base), kinds[n].shape) for n in kinds.names or ()])


__all__ = [
    "INSTRUMENT",
    "ROLES",
    "TOLD",
    "Rows",
    "a_table",
    "change",
    "columns_of",
    "kept_attributes",
    "one_of",
    "put",
    "retyped",
    "role_of",
    "tables",
    "told",
]

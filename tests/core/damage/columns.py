"""Damage to columns: gone, renamed, of another type or shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib import recfunctions

from damage.kinds import Effect
from damage.kinds import Random
from damage.kinds import kind
from damage.places import Rows
from damage.places import a_table
from damage.places import change
from damage.places import columns_of
from damage.places import one_of
from damage.places import put
from damage.places import retyped
from damage.places import told

_NAMES = ("é", "日本", "a b", "tel_id2", "../x", " ", "image ", "x" * 300, "nan")
_IMPORTANT = ("obs_id", "event_id", "tel_id", "image", "peak_time", "time", "tels_with_trigger")
_WIDER = {"f4": "f8", "i2": "i4", "i4": "i8", "u1": "u4", "u2": "u8"}


def _chosen(path: Path, random: Random) -> tuple[str, str]:
    """A table and one of its columns; those that matter more often."""
    with h5py.File(path) as file:
        table = a_table(file, random)
        names = [name for name, _ in columns_of(file, table)]
    important = [n for n in names if n in _IMPORTANT]
    return table, one_of(random, important if important and random.random() < 0.5 else names)


@kind
def a_column_that_is_missing(path: Path, random: Random) -> Effect:
    table, name = _chosen(path, random)
    change(path, table, lambda rows: _without(rows, name))
    return Effect(f"{table}: {name}", columns=told(table))


@kind
def a_column_of_another_name(path: Path, random: Random) -> Effect:
    table, name = _chosen(path, random)
    new = one_of(random, _NAMES)
    change(path, table, lambda rows: np.asarray(recfunctions.rename_fields(rows, {name: new})))
    return Effect(f"{table}: {name} called {new[:20]!r}", columns=told(table))


@kind
def a_column_of_another_type(path: Path, random: Random) -> Effect:
    table, name = _chosen(path, random)
    with h5py.File(path, "r+") as file:
        rows = file[table][:]
        new = one_of(random, _types(rows.dtype[name]))
        put(file, table, _with_type(rows, name, new), chunks=(max(len(rows), 1),))
    return Effect(f"{table}: {name} as {new}", columns=told(table), images=name in ("tel_id", "event_type"))


@kind
def numbers_in_another_byte_order(path: Path, random: Random) -> Effect:
    """The same values."""
    with h5py.File(path) as file:
        table = a_table(file, random)
    change(path, table, lambda rows: rows.astype(rows.dtype.newbyteorder(">")))
    return Effect(table, shuffled=True)


@kind
def numbers_of_more_bytes(path: Path, random: Random) -> Effect:
    """The same values."""
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        types = {name: _WIDER.get(old.base.str[1:], old.base) for name, old in columns_of(file, table)}
        rows = file[table][:]
        put(file, table, rows.astype(retyped(rows, types)))
    return Effect(table, shuffled=True)


@kind
def pixels_of_another_shape(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        table = a_table(file, random, "images")
        rows = file[table][:]
        names = [n for n in ("image", "peak_time", "image_mask") if n in rows.dtype.names]
        chosen = names if random.random() < 0.5 else [one_of(random, names)]
        n = rows.dtype["image"].shape[0]
        shape = one_of(random, [(), (1,), (2, n), (1, n), (n, 2), (n - 1,), (n + 1,), (2 * n,), (n, 1, 1)])
        put(file, table, _reshaped(rows, chosen, shape))
    return Effect(f"{table}: {chosen} of shape {shape}", columns=(), refused="image" in chosen or "peak_time" in chosen)


@kind
def numbers_that_are_arrays(path: Path, random: Random) -> Effect:
    table, _ = _chosen(path, random)
    with h5py.File(path, "r+") as file:
        names = [n for n, old in columns_of(file, table) if old.shape == () and old.kind in "fiu"]
        name = one_of(random, names)
        shape = one_of(random, [(1,), (2,), (2, 2)])
        put(file, table, _reshaped(file[table][:], [name], shape))
    return Effect(f"{table}: {name} of shape {shape}", columns=told(table))


@kind
def tables_within_tables(path: Path, random: Random) -> Effect:
    table, name = _chosen(path, random)

    def nested(rows: Rows) -> Rows:
        made = np.zeros(len(rows), retyped(rows, {name: np.dtype([("a", rows.dtype[name].base), ("b", "f4")])}))
        for other in set(rows.dtype.names or ()) - {name}:
            made[other] = rows[other]
        return made

    change(path, table, nested)
    return Effect(f"{table}: {name}", columns=told(table))


def _without(rows: Rows, name: str) -> Rows:
    kept = [n for n in rows.dtype.names or () if n != name]
    return np.asarray(recfunctions.repack_fields(rows[kept]))


def _types(old: np.dtype[Any]) -> list[Any]:
    """Types that are not the old one."""
    known: list[Any] = ["f2", "f4", "f8", "i1", "u1", "i8", "u8", "c8", "S4", "S40", "?"]
    known += [h5py.string_dtype(), h5py.vlen_dtype("f4"), h5py.ref_dtype, h5py.enum_dtype({"A": 0, "B": 1}), "V8"]
    return [k for k in known if np.dtype(k) != old.base]


def _with_type(rows: Rows, name: str, new: Any) -> Rows:
    """A column of another type, with as much of its values as that can hold."""
    made = np.zeros(len(rows), dtype=retyped(rows, {name: new}))
    for other in set(rows.dtype.names or ()) - {name}:
        made[other] = rows[other]
    _fill(made, rows, name, np.dtype(new))
    return made


def _fill(made: Rows, rows: Rows, name: str, new: np.dtype[Any]) -> None:
    single = not rows.dtype[name].shape
    if h5py.check_ref_dtype(new):
        made[name] = h5py.Reference()
    elif h5py.check_string_dtype(new):
        made[name] = np.asarray(rows[name]).astype(str) if single and new.kind == "O" else ""
    elif h5py.check_vlen_dtype(new) and single:
        for i in range(len(rows)):
            made[name][i] = np.ones(2, dtype="f4")
    elif new.kind not in "OV":
        made[name] = _cast(rows[name], new)


def _cast(values: Rows, new: np.dtype[Any]) -> Rows:
    with np.errstate(all="ignore"):
        try:
            return values.astype(new)
        except ValueError:
            return np.zeros(values.shape, dtype=new)


def _reshaped(rows: Rows, names: list[str], shape: tuple[int, ...]) -> Rows:
    kinds = rows.dtype
    wanted = [(n, kinds[n].base, shape if n in names else kinds[n].shape) for n in kinds.names or ()]
    new = np.zeros(len(rows), dtype=wanted)
    for name in kinds.names or ():
        new[name] = np.resize(rows[name], new[name].shape) if name in names else rows[name]
    return new


__all__: list[str] = []

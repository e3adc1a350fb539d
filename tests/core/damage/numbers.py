"""Values that no instrument gives: not finite, huge, negative."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from damage.kinds import Effect
from damage.kinds import Random
from damage.kinds import kind
from damage.places import INSTRUMENT
from damage.places import TOLD
from damage.places import a_table
from damage.places import change
from damage.places import columns_of
from damage.places import one_of
from damage.places import put
from damage.places import retyped
from damage.places import tables
from damage.places import told

WILD = (np.nan, np.inf, -np.inf, 1e38, -1e38, 0.0, -1.0)


def _put(path: Path, table: str, column: str, value: float, random: Random) -> list[int]:
    """A value in some rows of a column, in some of its elements if it has several; at least in one."""
    with h5py.File(path, "r+") as file:
        rows = file[table][:]
        where = random.random(rows[column].shape) < (0.5 if random.random() < 0.5 else 0.01)
        where.flat[int(random.integers(where.size))] = True
        with np.errstate(all="ignore"):
            rows[column][where] = value
        put(file, table, rows)
        changed: list[int] = np.flatnonzero(where.reshape(len(rows), -1).any(axis=1)).tolist()
        return changed


def _column(path: Path, random: Random, *roles: str) -> tuple[str, str]:
    """A table and one of its columns of numbers with a fraction; none if it has none."""
    with h5py.File(path) as file:
        table = a_table(file, random, *roles)
        names = [n for n, old in columns_of(file, table) if old.base.kind == "f"]
    return table, one_of(random, names or [""])


@kind
def wild_pixels(path: Path, random: Random) -> Effect:
    with h5py.File(path) as file:
        table = a_table(file, random, "images")
        names = [n for n, old in columns_of(file, table) if n in ("image", "peak_time") and old.base.kind == "f"]
    if not names:
        return Effect("stored as whole numbers", shuffled=True)
    column, value = one_of(random, names), one_of(random, [v for v in WILD if v])
    rows = _put(path, table, column, value, random)
    # A pixel without a value becomes 0 in all channels.
    return Effect(f"{table}: {column} = {value} in {rows}", columns=("pixels",), values=(0.0, float(np.float32(value))))


@kind
def wild_numbers_of_events(path: Path, random: Random) -> Effect:
    table, column = _column(path, random, "parameters", "shower", "impact", "run")
    value = one_of(random, WILD)
    rows = _put(path, table, column, value, random) if column else []
    return Effect(f"{table}: {column} = {value} in {rows}", columns=told(table))


@kind
def wild_times(path: Path, random: Random) -> Effect:
    with h5py.File(path) as file:
        table = a_table(file, random, "trigger", "pointing", "parameters")
        known = [(n, old) for n, old in columns_of(file, table) if n.endswith("time") and old.base.kind in "fiu"]
    if not known:
        return Effect("no column of times", shuffled=True)
    column, old = one_of(random, known)
    value = one_of(random, [0, 1, 2**31 - 1] if old.base.kind in "iu" else WILD)
    rows = _put(path, table, column, value, random)
    return Effect(f"{table}: {column} = {value} in {rows}", columns=("time", "pointing*", "*_time"))


@kind
def wild_instruments(path: Path, random: Random) -> Effect:
    table, column = _column(path, random, *INSTRUMENT)
    value = one_of(random, WILD)
    rows = _put(path, table, column, value, random)
    return Effect(f"{table}: {column} = {value} in {len(rows)}", columns=("geometry", "position", "camera"))


@kind
def wild_pointings(path: Path, random: Random) -> Effect:
    with h5py.File(path) as file:
        table = one_of(random, tables(file, "pointing") or tables(file, "parameters"))
        names = [n for n, _ in columns_of(file, table)]
    column = one_of(random, [n for n in names if n.endswith(("altitude", "azimuth")) or n in ("alt_tel", "az_tel")])
    value = one_of(random, WILD)
    rows = _put(path, table, column, value, random)
    return Effect(f"{table}: {column} = {value} in {rows}", columns=("pointing*",))


@kind
def wild_ids(path: Path, random: Random) -> Effect:
    with h5py.File(path) as file:
        table = a_table(file, random)
        known = [
            (n, old)
            for n, old in columns_of(file, table)
            if old.kind in "iu" and n.endswith(("_id", "_index", "_type"))
        ]
    if not known:
        return Effect("no ids", shuffled=True)
    column, old = one_of(random, known)
    size = np.iinfo(old)
    value = one_of(
        random, [v for v in (-1, -(2**15), 65535, 65536, size.max, size.min, 0) if size.min <= v <= size.max]
    )
    rows = _put(path, table, column, value, random)
    return Effect(f"{table}: {column} = {value} in {rows}", columns=told(table), images=True)


@kind
def telescopes_of_huge_ids(path: Path, random: Random) -> Effect:
    """The column of ids is made wide enough for what is put in."""
    value = one_of(random, [2**63 - 1, 2**40, 2**31, 70_000, -(2**62)])
    with h5py.File(path, "r+") as file:
        chosen = tables(file, "layout") + (tables(file, "images", "parameters") if random.random() < 0.5 else [])
        for table in chosen:
            rows = file[table][:]
            if "tel_id" in rows.dtype.names:
                rows = rows.astype(retyped(rows, {"tel_id": "i8"}))
                rows["tel_id"][-1] = value
                put(file, table, rows)
    return Effect(f"{value} in {len(chosen)} tables", columns=TOLD["parameters"], images=True)


@kind
def cameras_that_are_mixed(path: Path, random: Random) -> Effect:
    """A telescope is said to have the camera or the optics of another, or a camera has the pixels of another."""
    with h5py.File(path, "r+") as file:
        layout, cameras = tables(file, "layout")[0], tables(file, "geometry")
        rows = file[layout][:]
        column = one_of(random, [n for n in rows.dtype.names if n.startswith(("camera", "optics", "type", "tel_desc"))])
        if random.random() < 0.5:
            rows[column] = random.permutation(rows[column])
            put(file, layout, rows)
            return Effect(f"{column} permuted", columns=("geometry", "camera", "pixels"), unchecked=True)
        first, second = random.choice(cameras, 2, replace=False)
        put(file, first, file[second][:])
    told = f"{first} has the pixels of {second}"
    return Effect(told, columns=("geometry", "camera", "pixels"), unchecked=True)


@kind
def pixels_in_another_order(path: Path, random: Random) -> Effect:
    """Nothing but the numbers of the pixels says so."""
    with h5py.File(path) as file:
        table = a_table(file, random, "geometry")
    change(path, table, lambda rows: rows[random.permutation(len(rows))])
    return Effect(table, refused=True)


__all__ = ["WILD"]

"""Damage to rows: fewer, more, in another order, twice, none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from attrs import evolve

from damage.kinds import Effect
from damage.kinds import Random
from damage.kinds import kind
from damage.places import Rows
from damage.places import a_table
from damage.places import change
from damage.places import put
from damage.places import role_of
from damage.places import tables
from damage.places import told

_EVENTS = ("images", "parameters", "shower", "impact", "trigger", "pointing", "run")


def _table(path: Path, random: Random, *roles: str) -> str:
    with h5py.File(path) as file:
        return a_table(file, random, *roles)


def _lost(table: str) -> Effect:
    """What may change when a table lacks events."""
    role = role_of(table)
    if role == "images":
        return Effect(table, images=True)
    return Effect(table, columns=told(table), images=role in ("trigger", "parameters"))


@kind
def rows_in_another_order(path: Path, random: Random) -> Effect:
    """Of one table, or of all of events, each in its own order."""
    with h5py.File(path, "r+") as file:
        chosen = [a_table(file, random, *_EVENTS)] if random.random() < 0.5 else tables(file, *_EVENTS)
        for table in chosen:
            rows = file[table][:]
            put(file, table, rows[random.permutation(len(rows))])
    # Rows of lstchain's two tables belong together by their place.
    by_place = any("LST_LSTCam" in table for table in chosen)
    return Effect(f"{len(chosen)} tables", shuffled=not by_place)


@kind
def fewer_rows(path: Path, random: Random) -> Effect:
    table, keep = _table(path, random), random.random()
    change(path, table, lambda rows: rows[random.random(len(rows)) < keep])
    return _lost(table)


@kind
def no_rows(path: Path, random: Random) -> Effect:
    """In one table, in all of one role, or everywhere."""
    draw = random.random()
    with h5py.File(path, "r+") as file:
        one = a_table(file, random)
        chosen = [one] if draw < 0.4 else tables(file, role_of(one)) if draw < 0.8 else tables(file)
        for table in chosen:
            put(file, table, file[table][:0])
    return evolve(_lost(one), what=f"{len(chosen)} tables, {role_of(one)}", refused=draw >= 0.8)


@kind
def rows_that_stand_there_twice(path: Path, random: Random) -> Effect:
    """The same, or, with other contents, the same ids."""
    table, same = _table(path, random), random.random() < 0.5

    def twice(rows: Rows) -> Rows:
        more = rows[random.integers(0, len(rows), int(random.integers(1, 4)))]
        for name in more.dtype.names or ():
            if not same and more.dtype[name].kind == "f" and more.dtype[name].shape == ():
                more[name] = more[name] * 1.5 + 1
        return np.concatenate([rows, more])

    change(path, table, twice)
    # Pointings that follow the time have no ids: more of them are as good as the others.
    columns = ("pointing*",) if role_of(table) == "pointing" else ()
    return Effect(f"{table}, {'the same' if same else 'other contents'}", columns=columns)


@kind
def rows_of_unknown_events(path: Path, random: Random) -> Effect:
    table = _table(path, random, *_EVENTS)

    def more(rows: Rows) -> Rows:
        added = rows[:1].copy()
        for name in {"event_id", "obs_id"} & set(added.dtype.names or ()):
            added[name] = 77
        return np.concatenate([rows, added])

    change(path, table, more)
    return Effect(table, images=role_of(table) == "images")


@kind
def ids_that_are_repeated(path: Path, random: Random) -> Effect:
    """All events of a table have the ids of one."""
    table = _table(path, random, "images", "parameters", "shower", "impact", "trigger")

    def repeated(rows: Rows) -> Rows:
        for name in {"event_id", "obs_id"} & set(rows.dtype.names or ()):
            rows[name] = rows[name][0]
        return rows

    change(path, table, repeated)
    return Effect(table, columns=_lost(table).columns, images=role_of(table) in ("images", "trigger", "parameters"))


@kind
def other_storage(path: Path, random: Random) -> Effect:
    """The same rows in other chunks, other filters, or no chunks at all."""
    with h5py.File(path, "r+") as file:
        for table in tables(file):
            if random.random() < 0.5:
                rows = file[table][:]
                put(file, table, rows, **_storage(random, len(rows)))
    return Effect("", shuffled=True)


def _storage(random: Random, rows: int) -> dict[str, Any]:
    chunk = {"chunks": (int(random.integers(1, rows + 2)),), "maxshape": (None,)}
    choices: list[dict[str, Any]] = [
        {"chunks": None},
        chunk,
        chunk | {"compression": "gzip", "shuffle": True},
        chunk | {"compression": "lzf", "fletcher32": True},
        chunk | {"fletcher32": True, **hdf5plugin.Zstd(3)},
        chunk | {"fletcher32": True, **hdf5plugin.Blosc("lz4", 1, 2)},
        chunk | {**hdf5plugin.Blosc2("zstd", 3)},
    ]
    return choices[int(random.integers(len(choices)))]


__all__: list[str] = []

"""Damage to attributes: versions, units, fixed point, rotations, and what nobody expects there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from damage.kinds import Effect
from damage.kinds import Random
from damage.kinds import kind
from damage.places import TOLD
from damage.places import a_table
from damage.places import one_of
from damage.places import tables
from damage.places import told

VERSIONS = ("CTA PRODUCT DATA MODEL VERSION", "LSTCHAIN_VERSION")
TRAP = "trap"
"""What a pickle that is executed leaves behind, beside the file."""


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self._path, "w")


def strange(random: Random) -> Any:
    """A value that no attribute should have."""
    choices: list[Any] = [
        "",
        "abc",
        "v99.0.0",
        "é" * 3,
        np.bytes_(b"\xff\xfe\x00\x80"),
        "x" * 60_000,
        0,
        -1,
        2**62,
        np.nan,
        np.inf,
        1e300,
        np.arange(5),
        np.zeros((2, 3)),
        np.array([], dtype="f8"),
        h5py.Empty("f8"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["a", "b"], dtype=h5py.string_dtype()),
        np.array(True),
        1 + 2j,
        np.array(0, dtype=h5py.enum_dtype({"A": 0})),
    ]
    return one_of(random, choices)


def _short(value: object) -> str:
    return repr(value)[:60]


@kind
def another_version(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        nodes = [file, *(file[t] for t in tables(file, "parameters"))]
        owner = one_of(random, [n for n in nodes if any(v in n.attrs for v in VERSIONS)] or [file])
        name = next((v for v in VERSIONS if v in owner.attrs), VERSIONS[0])
        value = strange(random) if random.random() < 0.8 else f"v{int(random.integers(0, 12))}.0.0"
        owner.attrs[name] = value
    # Data models differ in names, frames and how pointings are stored, and nothing but the version tells which it is.
    return Effect(f"{name} = {_short(value)}", columns=TOLD["parameters"], unchecked=True)


@kind
def attributes_of_other_values(path: Path, random: Random) -> Effect:
    done = []
    with h5py.File(path, "r+") as file:
        name = a_table(file, random)
        for _ in range(int(random.integers(1, 4))):
            attribute = one_of(random, list(file[name].attrs) or ["TITLE"])
            file[name].attrs[attribute] = value = strange(random)
            done.append(f"{attribute} = {_short(value)}")
    return Effect(f"{name}: {'; '.join(done)}", columns=told(name), unchecked=True)


@kind
def attributes_that_are_missing(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        for name in list(file[table].attrs):
            if random.random() < 0.5:
                del file[table].attrs[name]
    return Effect(table, columns=told(table), unchecked=True)


@kind
def strange_units(path: Path, random: Random) -> Effect:
    unit = one_of(random, ["furlong", "m / s", "", "TeV2", "é", "µm", 3, np.arange(2), h5py.Empty("S1")])
    with h5py.File(path, "r+") as file:
        name = a_table(file, random, "shower", "parameters", "geometry", "optics", "layout", "pointing", "impact")
        known = [a for a in file[name].attrs if a.endswith("UNIT")] or ["CTAFIELD_1_UNIT"]
        chosen = one_of(random, known)
        file[name].attrs[chosen] = unit
    return Effect(f"{name}: {chosen} = {unit!r}", columns=told(name), unchecked=True)


@kind
def a_strange_fixed_point(path: Path, random: Random) -> Effect:
    strange_numbers = [0, -1.0, np.nan, 1e-300, "float16", "i4", "O"]
    with h5py.File(path, "r+") as file:
        name = a_table(file, random, "images", "parameters")
        table, columns = file[name], file[name].dtype.names
        number = one_of(random, [i for i, n in enumerate(columns) if n in ("image", "peak_time")] or [0])
        prefix = f"CTAFIELD_{number}_TRANSFORM"
        table.attrs[prefix] = "fixed_point"
        for key in ("_SCALE", "_OFFSET", "_DTYPE"):
            if random.random() < 0.7:
                table.attrs[prefix + key] = one_of(random, [*strange_numbers, strange(random)])
        for key in ("NAN_VALUE", "POSINF_VALUE"):
            if random.random() < 0.3:
                table.attrs[f"CTAFIELD_{number}_{key}"] = strange(random)
    return Effect(f"{name}, {columns[number]}", columns=told(name), unchecked=True)


@kind
def a_strange_rotation(path: Path, random: Random) -> Effect:
    value = one_of(random, [np.nan, np.inf, 1e300, "abc", "", strange(random), 17.0, -360.0])
    with h5py.File(path, "r+") as file:
        name = a_table(file, random, "geometry")
        file[name].attrs["CAM_ROT"] = value
    return Effect(f"{name}: CAM_ROT = {_short(value)}", columns=("geometry",), unchecked=True)


@kind
def a_malicious_pickle(path: Path, random: Random) -> Effect:
    bomb = np.bytes_(pickle.dumps(Trap(path.parent / TRAP), protocol=0))
    with h5py.File(path, "r+") as file:
        for owner in (file, file["dl1"], *(file[a_table(file, random)] for _ in range(3))):
            # Those that PyTables reads, and that say nothing of the data.
            names = [n for n in owner.attrs if n.endswith(("_DESC", "_FILL")) or n in ("VERSION", "CLASS", "config")]
            for name in (*names[:3], "pickled", "TITLE", "FILTERS", "CTAFIELD_0_ENUM"):
                owner.attrs[name] = bomb
    return Effect("pickles", shuffled=True)


__all__ = ["TRAP", "Trap", "strange"]

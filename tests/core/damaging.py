"""Damage done to DL1 files, each kind a function of a path and random numbers."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from numpy.random import Generator

Damage = Callable[[Path, Generator], None]
_HUGE = (np.nan, np.inf, -np.inf, 1e38, -1e38)


def flip_bits(path: Path, random: Generator) -> None:
    """One to eight bits, anywhere."""
    content = bytearray(path.read_bytes())
    for place in random.integers(0, len(content), random.integers(1, 9)):
        content[place] ^= 1 << random.integers(0, 8)
    path.write_bytes(content)


def flip_bits_of_structure(path: Path, random: Generator) -> None:
    """Bits among headers, trees and heaps: whatever is no chunk of a table."""
    content = bytearray(path.read_bytes())
    free = np.ones(len(content), dtype=bool)
    for start, size in _chunks(path):
        free[start : start + size] = False
    for place in random.choice(np.flatnonzero(free), random.integers(1, 9)):
        content[place] ^= 1 << random.integers(0, 8)
    path.write_bytes(content)


def flip_bits_of_chunks(path: Path, random: Generator) -> None:
    """A bit in each of some chunks."""
    content = bytearray(path.read_bytes())
    chunks = _chunks(path)
    for number in random.integers(0, len(chunks), random.integers(1, 5)):
        start, size = chunks[number]
        content[start + random.integers(0, size)] ^= 1 << random.integers(0, 8)
    path.write_bytes(content)


def overwrite(path: Path, random: Generator) -> None:
    """A range of zeros, ones or noise."""
    content = bytearray(path.read_bytes())
    size = int(2 ** random.uniform(0, 14))
    start = int(random.integers(0, len(content)))
    noise = random.integers(0, 256, size, dtype=np.uint8).tobytes()
    content[start : start + size] = (bytes(size), b"\xff" * size, noise)[random.integers(0, 3)]
    path.write_bytes(content)


def truncate(path: Path, random: Generator) -> None:
    """The end is missing."""
    os.truncate(path, int(random.integers(0, path.stat().st_size)))


def change_values(path: Path, random: Generator) -> None:
    """No numbers and huge ones in columns of a table."""
    with h5py.File(path, "r+") as file:
        table = _some_table(file, random)
        rows = table[:]
        for name in random.choice(_numeric(table), 3):
            values = rows[name]
            where = random.random(values.shape) < 0.3
            if values.dtype.kind == "f":
                values[where] = random.choice(_HUGE)
            else:
                values[where] = random.choice([0, np.iinfo(values.dtype).max, np.iinfo(values.dtype).min])
        table[:] = rows


def change_columns(path: Path, random: Generator) -> None:
    """A column is missing, called otherwise, of another type, or of another shape."""
    with h5py.File(path, "r+") as file:
        table = _some_table(file, random)
        rows, name = table[:], str(random.choice(table.dtype.names))
        kinds: list[Any] = [
            "f8",
            "f4",
            "i2",
            "u1",
            "S7",
            ">f4",
            ">i4",
            ("f4", (2, 3)),
            ("u4", (2,)),
            h5py.string_dtype(),
        ]
        new = kinds[random.integers(0, len(kinds))]
        action = random.integers(0, 3)
        fields: list[tuple[Any, ...]] = []
        for n in rows.dtype.names:
            if n != name:
                fields.append((n, rows.dtype[n]))
            elif action == 1:
                fields.append((f"{n}_", rows.dtype[n]))
            elif action == 2:
                fields.append((n, *new) if isinstance(new, tuple) else (n, new))
        changed = np.zeros(len(rows), dtype=fields)
        for n in changed.dtype.names or ():
            if n in rows.dtype.names and changed.dtype[n] == rows.dtype[n]:
                changed[n] = rows[n]
            elif changed.dtype[n].hasobject:
                changed[n] = "text"
        _replace(file, table, changed)


def change_rows(path: Path, random: Generator) -> None:
    """Rows are missing, doubled, in another order, or all gone."""
    with h5py.File(path, "r+") as file:
        table = _some_table(file, random)
        rows = table[:]
        keep = random.integers(0, 4)
        chosen = (rows[:0], rows[: len(rows) // 2], np.concatenate([rows, rows]), rows[random.permutation(len(rows))])
        _replace(file, table, chosen[keep])


def change_attributes(path: Path, random: Generator) -> None:
    """Attributes of other values and types."""
    with h5py.File(path, "r+") as file:
        node = file if random.random() < 0.2 else _some_table(file, random)
        names = list(node.attrs)
        for name in random.choice(names, min(3, len(names)), replace=False):
            values: list[Any] = [
                0,
                -1,
                1e300,
                np.nan,
                "",
                "x",
                b"\xff\xfe",
                np.arange(3),
                h5py.Empty("f4"),
                "rad",
                "fixed_point",
            ]
            node.attrs[str(name)] = values[random.integers(0, len(values))]


def change_coding(path: Path, random: Generator) -> None:
    """Columns of pixels claim to be of fixed point, with senseless numbers."""
    with h5py.File(path, "r+") as file:
        table = _some_table(file, random, "image")
        position = table.dtype.names.index("image")
        for key, values in (
            ("TRANSFORM", ["fixed_point", "time", 3]),
            ("TRANSFORM_SCALE", [0, np.nan, "x", 10.0]),
            ("TRANSFORM_OFFSET", [np.inf, "x", 1]),
            ("TRANSFORM_DTYPE", ["float32", "i4", "no type", "O"]),
            ("NAN_VALUE", [np.nan, "x", 1]),
        ):
            table.attrs[f"CTAFIELD_{position}_{key}"] = values[random.integers(0, len(values))]


def change_nodes(path: Path, random: Generator) -> None:
    """Tables are gone, or something else stands in their place."""
    with h5py.File(path, "r+") as file:
        table = _some_table(file, random)
        name = table.name
        kind = random.integers(0, 8)
        dtype = table.dtype
        del file[name]
        if kind == 1:
            file.create_group(name)
        elif kind == 2:
            file[name] = h5py.SoftLink(name)
        elif kind == 3:
            file[name] = h5py.ExternalLink("/etc/hostname", "/x")
        elif kind == 4:
            file[name] = np.arange(5)
        elif kind == 5:
            file.create_dataset(name, (2**40,), dtype, chunks=(15,))
        elif kind == 6:
            file[name] = "text"
        elif kind == 7:
            file.create_dataset(name, (4,), dtype, maxshape=(None,), chunks=(2**16,))


def add_pickle(path: Path, random: Generator) -> None:
    """An attribute that executes something when it is unpickled: it would delete the file."""
    with h5py.File(path, "r+") as file:
        table = _some_table(file, random)
        for number in range(len(table.dtype.names)):
            table.attrs[f"CTAFIELD_{number}_ENUM"] = np.bytes_(pickle.dumps(_Trap(str(path)), 0))


KINDS: dict[str, Damage] = {
    f.__name__: f
    for f in (
        flip_bits,
        flip_bits_of_structure,
        flip_bits_of_chunks,
        overwrite,
        truncate,
        change_values,
        change_columns,
        change_rows,
        change_attributes,
        change_coding,
        change_nodes,
        add_pickle,
    )
}
RAW = ("flip_bits", "flip_bits_of_structure", "flip_bits_of_chunks", "overwrite", "truncate")
"""Kinds that no program would do: what is read must be as before."""


class _Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.unlink, (self.path,)


def _tables(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, node: found.append(node) if isinstance(node, h5py.Dataset) and node.dtype.names else None)
    return found


def _some_table(file: h5py.File, random: Generator, column: str = "") -> h5py.Dataset:
    """A table that has rows, and this column; those of images and events more often than others."""
    known = [t for t in _tables(file) if len(t) and (not column or column in t.dtype.names)]
    often = [t for t in known if "/event/" in t.name or "instrument" in t.name]
    chosen = often if often and random.random() < 0.8 else known
    return chosen[random.integers(0, len(chosen))]


def _numeric(table: h5py.Dataset) -> list[str]:
    return [n for n in table.dtype.names if table.dtype[n].base.kind in "fiu"]


def _replace(file: h5py.File, table: h5py.Dataset, rows: Any) -> None:
    name, attributes = table.name, dict(table.attrs)
    del file[name]
    new = file.create_dataset(name, data=rows, chunks=(max(1, min(len(rows), 15)),), maxshape=(None,))
    for key, value in attributes.items():
        new.attrs[key] = value


def _chunks(path: Path) -> list[tuple[int, int]]:
    """Place and size of each chunk of each table."""
    found: list[tuple[int, int]] = []
    with h5py.File(path) as file:
        for table in _tables(file):
            if table.chunks:
                count = table.id.get_num_chunks()
                found += [(c.byte_offset, c.size) for c in map(table.id.get_chunk_info, range(count))]
    return found


__all__ = ["KINDS", "RAW", "Damage"]

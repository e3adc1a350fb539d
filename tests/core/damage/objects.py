"""Damage to what is in a file: links, groups in place of tables, sizes that are claimed, data that are elsewhere."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from damage.kinds import Effect
from damage.kinds import Random
from damage.kinds import kind
from damage.places import TOLD
from damage.places import a_table
from damage.places import kept_attributes
from damage.places import one_of
from damage.places import told

_GROUPS = (
    "dl1/event/telescope/images",
    "dl1/event/telescope/image",
    "dl1/event/telescope/parameters",
    "dl1/event/telescope",
    "dl1/event/subarray",
    "simulation/event/subarray",
    "configuration/instrument/telescope/camera",
    "configuration/instrument",
    "configuration",
    "simulation",
)
HUGE = (2**60, 2**40, 2**31, 10**7)


def _a_group(file: h5py.File, random: Random) -> str:
    found: str = one_of(random, [g for g in _GROUPS if g in file])
    return found


@kind
def a_group_in_place_of_a_table(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        del file[table]
        file.create_group(table)
    return Effect(table, refused=True)


@kind
def a_table_in_place_of_a_group(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        group = _a_group(file, random)
        rows = file[a_table(file, random)][:]
        del file[group]
        file[group] = one_of(random, [rows, np.arange(3), "text"])
    return Effect(group, refused=True)


@kind
def no_table_but_numbers(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        del file[table]
        file[table] = one_of(random, [np.arange(5.0), np.zeros((3, 4)), "text", np.float32(2), h5py.Empty("f4")])
    return Effect(table, refused=True)


@kind
def a_table_of_two_dimensions(path: Path, random: Random) -> Effect:
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        rows, attributes = file[table][:], kept_attributes(file[table])
        shape = one_of(random, [(len(rows), 1), (1, len(rows)), ()])
        del file[table]
        file[table] = rows.reshape(shape) if shape else rows[:1].reshape(())
        file[table].attrs.update(attributes)
    return Effect(f"{table}: {shape}", refused=True)


@kind
def links_that_lead_nowhere(path: Path, random: Random) -> Effect:
    """A soft link to itself or to nothing, a link to another file, or a group that contains itself."""
    with h5py.File(path, "r+") as file:
        name = a_table(file, random) if random.random() < 0.6 else _a_group(file, random)
        another = path.parent / "elsewhere.h5"
        targets: dict[str, Any] = {
            "itself": h5py.SoftLink(f"/{name}"),
            "nothing": h5py.SoftLink("/nothing/here"),
            "the root": h5py.SoftLink("/"),
            "a missing file": h5py.ExternalLink("missing.h5", f"/{name}"),
            "no HDF5": h5py.ExternalLink("/etc/passwd", f"/{name}"),
            "a device": h5py.ExternalLink("/dev/zero", f"/{name}"),
            "another file": h5py.ExternalLink(str(another), f"/{name}"),
            "a group above": file["dl1"],
        }
        what = one_of(random, list(targets))
        target = targets[what]
        with h5py.File(another, "w") as elsewhere:
            file.copy(file[name], elsewhere, name=name)
        del file[name]
        file[name] = target
    # Under a group that is another one there may be nothing of what is optional.
    optional = what in ("the root", "a group above") and name in _GROUPS
    return Effect(f"{name} leads to {what}", columns=TOLD["parameters"], refused=not optional)


@kind
def tables_that_change_places(path: Path, random: Random) -> Effect:
    """Two tables of the same kind under each other's name, or one under two names."""
    with h5py.File(path, "r+") as file:
        table = a_table(file, random, "images", "parameters", "impact", "pointing", "geometry")
        folder, name = table.rsplit("/", 1)
        others = [n for n in file[folder] if n != name and "__" not in n and n.startswith(name[:4])]
        if not others:
            return Effect("only one table", shuffled=True)
        other = f"{folder}/{one_of(random, others)}"
        if random.random() < 0.5:
            file.move(table, "kept")
            file.move(other, table)
            file.move("kept", other)
        else:
            del file[table]
            file[table] = file[other]
    # Tables of pixels and of pointings do not say whose they are.
    return Effect(f"{table} and {other}", columns=("geometry", "camera", "pointing*"))


@kind
def sizes_that_are_claimed(path: Path, random: Random) -> Effect:
    """More rows than there are data: nothing was written for them."""
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        size = int(one_of(random, HUGE))
        old = file[table]
        if random.random() < 0.5 and old.maxshape == (None,):
            old.resize((size,))
            return Effect(f"{table}: made {size} rows long", refused=True)
        dtype, attributes = old.dtype, kept_attributes(old)
        del file[table]
        kinds: list[dict[str, Any]] = [{"chunks": (64,)}, {"chunks": (64,), "fletcher32": True}, {}]
        storage = one_of(random, kinds[:2] if size == HUGE[0] else kinds)
        file.create_dataset(table, (size,), dtype, **storage).attrs.update(attributes)
    return Effect(f"{table}: {size} rows, {storage}", refused=True)


@kind
def chunks_that_are_enormous(path: Path, random: Random) -> Effect:
    """A few bytes that decompress to gigabytes."""
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        old, attributes = file[table][:], kept_attributes(file[table])
        chunk = max(1, int(one_of(random, [2**27, 2**30, 2**31 + 2**30])) // old.dtype.itemsize)
        size = chunk * old.dtype.itemsize
        del file[table]
        new = file.create_dataset(table, (len(old),), old.dtype, chunks=(chunk,), maxshape=(None,), compression="gzip")
        content = zlib.compress(old.tobytes()) if random.random() < 0.5 else _zeros(min(size, 2**27))
        new.id.write_direct_chunk((0,), content)
        new.attrs.update(attributes)
    return Effect(f"{table}: chunks of {chunk} rows", columns=told(table), images=True, refused=size > 2**30)


def _zeros(size: int) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(size // 2**20)), packer.flush()])


@kind
def data_that_are_elsewhere(path: Path, random: Random) -> Effect:
    """A virtual table, or one whose bytes are in another file."""
    with h5py.File(path, "r+") as file:
        table = a_table(file, random)
        rows, attributes = file[table][:], kept_attributes(file[table])
        virtual = random.random() < 0.5
        elsewhere = one_of(random, ["/etc/passwd", "/dev/zero", str(path.parent / "missing.bin"), "."])
        del file[table]
        if virtual:
            made = h5py.VirtualLayout((len(rows),), rows.dtype)
            made[:] = h5py.VirtualSource(elsewhere, "x", (len(rows),), rows.dtype)
            file.create_virtual_dataset(table, made)
        else:
            file.create_dataset(table, (len(rows),), rows.dtype, external=[(elsewhere, 0, rows.nbytes)])
        file[table].attrs.update(attributes)
    return Effect(f"{table}: {'virtual' if virtual else 'external'}, {elsewhere}", refused=True)


__all__ = ["HUGE"]

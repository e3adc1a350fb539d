"""Damage to bytes, as disks, networks and interrupted copies do it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from damage.kinds import Effect
from damage.kinds import Random
from damage.kinds import kind
from damage.places import one_of

_SIGNATURES = (b"TREE", b"SNOD", b"HEAP", b"GCOL")
"""What B-trees, symbol tables, local and global heaps begin with."""
_BLOSC = re.compile(rb"\x01\x7d.{6}blosc\x00", re.DOTALL)
"""In the header of a table: number of the filter, length of its name, flags, number of values, and the name."""


def covered(path: Path) -> NDArray[np.bool_]:
    """Whether each byte of a file belongs to a chunk that has a checksum."""
    found = np.zeros(path.stat().st_size, dtype=bool)

    def add(_: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.chunks and node.fletcher32:
            for number in range(node.id.get_num_chunks()):
                chunk = node.id.get_chunk_info(number)
                found[chunk.byte_offset : chunk.byte_offset + chunk.size] = True

    with h5py.File(path) as file:
        file.visititems(add)
    return found


def flip(path: Path, places: NDArray[np.int64], random: Random) -> Effect:
    """Flip one bit at each of these places."""
    unchecked = not covered(path)[places].all()
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    for place in places:
        content[place] ^= 1 << int(random.integers(8))
    path.write_bytes(content.tobytes())
    return Effect(f"bits flipped at {places.tolist()}", unchecked=unchecked)


def overwrite(path: Path, start: int, values: bytes) -> Effect:
    """Put other bytes at a place."""
    unchecked = not covered(path)[start : start + len(values)].all()
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(values)
    return Effect(f"{len(values)} bytes overwritten at {start}", unchecked=unchecked)


def _some(candidates: NDArray[np.int64], random: Random, most: int = 4) -> NDArray[np.int64]:
    return random.choice(candidates, int(random.integers(1, most + 1)))


@kind
def bits_anywhere(path: Path, random: Random) -> Effect:
    return flip(path, _some(np.arange(path.stat().st_size), random, 8), random)


@kind
def bits_in_chunks(path: Path, random: Random) -> Effect:
    return flip(path, _some(np.flatnonzero(covered(path)), random), random)


@kind
def a_bit_outside_chunks(path: Path, random: Random) -> Effect:
    written = np.frombuffer(path.read_bytes(), np.uint8) > 0
    return flip(path, _some(np.flatnonzero(~covered(path) & written), random, 1), random)


@kind
def bits_in_the_superblock(path: Path, random: Random) -> Effect:
    return flip(path, _some(np.arange(96), random, 2), random)


@kind
def bits_in_trees_and_heaps(path: Path, random: Random) -> Effect:
    content = path.read_bytes()
    signature = one_of(random, [s for s in _SIGNATURES if s in content])
    start = one_of(random, [found.start() for found in re.finditer(signature, content)])
    return flip(path, _some(np.arange(start, min(start + 160, len(content))), random, 2), random)


@kind
def bits_in_object_headers(path: Path, random: Random) -> Effect:
    starts: list[int] = []
    with h5py.File(path) as file:
        file.visit(lambda name: starts.append(int(h5py.h5o.get_info(file.id, name.encode()).addr)))
    start = one_of(random, starts)
    reach = np.arange(start, min(start + int(one_of(random, [64, 400])), path.stat().st_size))
    return flip(path, _some(reach, random, 2), random)


@kind
def a_truncated_file(path: Path, random: Random) -> Effect:
    size = path.stat().st_size
    os.truncate(path, int(one_of(random, [0, 7, 8, 96, 512, size - 1, size - 4096, int(size * random.random())])))
    return Effect("truncated", refused=True)


@kind
def a_range_of_other_bytes(path: Path, random: Random) -> Effect:
    size = int(one_of(random, [16, 512, 4096, 16384]))
    start = int(random.integers(0, path.stat().st_size - size))
    return overwrite(path, start, one_of(random, [b"\x00" * size, b"\xff" * size, random.bytes(size)]))


@kind
def a_range_that_is_missing(path: Path, random: Random) -> Effect:
    content = path.read_bytes()
    start, size = int(random.integers(len(content))), int(one_of(random, [1, 512]))
    padding = b"\x00" * size if random.random() < 0.5 else b""
    path.write_bytes(content[:start] + content[start + size :] + padding)
    return Effect(f"{size} bytes are missing at {start}", unchecked=True)


@kind
def line_ends_that_were_changed(path: Path, random: Random) -> Effect:
    """As a transfer in text mode does."""
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return Effect("line ends changed", refused=True)


@kind
def something_behind_the_end(path: Path, random: Random) -> Effect:
    with path.open("ab") as stream:
        stream.write(random.bytes(int(one_of(random, [1, 4096]))))
    return Effect("bytes appended", shuffled=True)


@kind
def a_filter_that_is_not_installed(path: Path, random: Random) -> Effect:
    """The number of blosc made that of another filter, for one table or for all."""
    content = bytearray(path.read_bytes())
    places = [found.start() for found in _BLOSC.finditer(content)]
    for place in places if random.random() < 0.3 else [one_of(random, places)]:
        content[place : place + 2] = int(one_of(random, [32999, 250, 32003, 5, 0, 4])).to_bytes(2, "little")
    path.write_bytes(content)
    return Effect("another filter", unchecked=True)


__all__ = ["covered", "flip", "overwrite"]

"""Reading everything, to find what is damaged before it is needed."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
from attrs import frozen

from gammalearn_core.builtin.loaders.dl1.chunks import Layout
from gammalearn_core.builtin.loaders.dl1.chunks import layout
from gammalearn_core.builtin.loaders.dl1.chunks import read_chunk
from gammalearn_core.builtin.loaders.dl1.nodes import find_table
from gammalearn_core.errors import DataError


@frozen(kw_only=True)
class Damage:
    """A chunk that cannot be read."""

    table: str
    start: int
    stop: int
    """Its rows are ``start`` to ``stop - 1``."""
    reason: str


def find_damage(h5: h5py.File, paths: list[str]) -> Iterator[Damage]:
    """Chunks of these tables that cannot be decoded or whose checksum is wrong."""
    for path in paths:
        table = find_table(h5, path)
        if table is None:
            continue
        how = layout(table)
        yield from (damage for n in range(how.chunks) if (damage := _damage(h5, how, n)))


def _damage(h5: h5py.File, how: Layout, number: int) -> Damage | None:
    start, stop = how.span(number)
    try:
        read_chunk(h5[how.path], how, number)()
    except DataError as error:
        return Damage(table=how.path, start=start, stop=stop, reason=str(error))
    return None


def tables(h5: h5py.File) -> list[str]:
    """Paths of all tables of a file."""
    found: list[str] = []

    def add(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset) and node.dtype.names is not None:
            found.append(f"/{name}")

    h5.visititems(add)
    return found


__all__ = ["Damage", "find_damage", "tables"]

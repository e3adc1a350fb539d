"""What is at a path of an HDF5 file, taken from this file alone, and only if it is what it says it is.

h5py's ``get`` gives None for what is damaged as for what is not there, and follows links into other files.
"""

from __future__ import annotations

import h5py

from gammalearn_core.data.columns import label
from gammalearn_core.errors import DataError

_LINKS = 16
"""Links that may follow each other, as in HDF5 itself."""
_LARGEST = 2**30
"""Bytes of a chunk; those of DL1 files have less than a megabyte."""


def find(file: h5py.File, path: str) -> h5py.Group | h5py.Dataset | None:
    """What is at a path; None if there is nothing.

    Raises
    ------
    DataError
        It is damaged, or in another file.
    """
    real = _followed(file, path)
    if real is None:
        return None
    try:
        return file[real]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file.filename}: {path} cannot be opened, it is damaged ({error})") from error


def names_in(file: h5py.File, path: str) -> list[str]:
    """Names of the tables in a group; none if there is no group.

    Raises
    ------
    DataError
        It is damaged, in another file, or no group.
    """
    group = find(file, path)
    if group is None:
        return []
    if not isinstance(group, h5py.Group):
        raise DataError(f"{file.filename}: {path} is not a group of tables")
    try:
        # PyTables keeps indices beside a table, under a name that begins like this.
        return sorted(name for name in group if not name.startswith("_i_"))
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{file.filename}: {path} is damaged ({error})") from error


def find_table(file: h5py.File, path: str) -> h5py.Dataset | None:
    """The table at a path; None if there is nothing.

    Raises
    ------
    DataError
        It is damaged, in another file, or no table, or it has less data than rows.
    """
    node = find(file, path)
    if node is None:
        return None
    try:
        if not isinstance(node, h5py.Dataset) or not isinstance(node.id.get_type(), h5py.h5t.TypeCompoundID):
            raise DataError(f"{file.filename}: {path} is not a table")
        if node.ndim != 1:
            raise DataError(f"{label(node)} has {node.ndim} dimensions instead of one")
        _check_stored(node)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{label(node)} is damaged ({error})") from error
    return node


def _followed(file: h5py.File, path: str, depth: int = 0) -> str | None:
    """The path with links within the file followed; None if it ends nowhere."""
    parts, links = path.strip("/").split("/"), file.id.links
    for number in range(1, len(parts) + 1):
        place = "/".join(parts[:number])
        try:
            if not links.exists(place.encode()):
                return None
            kind = links.get_info(place.encode()).type
            target = links.get_val(place.encode()).decode() if kind == h5py.h5l.TYPE_SOFT else ""
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise DataError(f"{file.filename}: {path} cannot be looked up, it is damaged ({error})") from error
        if kind == h5py.h5l.TYPE_SOFT:
            return _beyond(file, "/".join(parts[: number - 1]), target, parts[number:], depth)
        if kind != h5py.h5l.TYPE_HARD:
            raise DataError(f"{file.filename}: /{place} is a link to another file; copy what it leads to into this one")
    return "/".join(parts)


def _beyond(file: h5py.File, folder: str, target: str, rest: list[str], depth: int) -> str:
    """Where a link within the file leads to."""
    where = "/".join([target if target.startswith("/") else f"{folder}/{target}", *rest])
    found = None if depth >= _LINKS else _followed(file, where, depth + 1)
    if found is None:
        raise DataError(f"{file.filename}: a link in /{folder} leads to {target}, where nothing is")
    return found


def _check_stored(table: h5py.Dataset) -> None:
    """Refuse a table of whose rows the file does not have the data: reading it would take any time and memory."""
    size, created = table.id.get_type().get_size(), table.id.get_create_plist()
    if created.get_layout() == h5py.h5d.VIRTUAL or created.get_external_count():
        raise DataError(f"{label(table)} has its data in another file; copy them into this one")
    if table.chunks and table.chunks[0] * size > _LARGEST:
        raise DataError(f"{label(table)} is damaged: it has chunks of {table.chunks[0] * size / 1e9:.1f} GB")
    stored = table.id.get_num_chunks() * table.chunks[0] if table.chunks else table.id.get_storage_size() // size
    if stored < len(table):
        raise DataError(f"{label(table)} is damaged: it is {len(table)} rows long, but has data for {stored} at most")


__all__ = ["find", "find_table", "names_in"]

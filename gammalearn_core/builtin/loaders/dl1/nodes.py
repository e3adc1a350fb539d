"""What is at a path of an HDF5 file, taken from this file alone, and only if it is what it says it is.

h5py's ``get`` gives None for what is damaged as for what is not there, and follows links into other files.
"""

from __future__ import annotations

import math

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
        check_stored(node)
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


def check_stored(dataset: h5py.Dataset) -> None:
    """Refuse a table or array of whose rows the file does not have the data: reading it would take any time and memory.

    Raises
    ------
    DataError
        It has less data than rows, or they are in another file, or in chunks that are too large.
    """
    size, created = dataset.id.get_type().get_size(), dataset.id.get_create_plist()
    if created.get_layout() == h5py.h5d.VIRTUAL or created.get_external_count():
        raise DataError(f"{label(dataset)} has its data in another file; copy them into this one")
    if not dataset.size:
        return
    row = size * math.prod(dataset.shape[1:])
    if not dataset.chunks:
        stored = dataset.id.get_storage_size() // row
    else:
        if math.prod(dataset.chunks) * size > _LARGEST:
            largest = math.prod(dataset.chunks) * size / 1e9
            raise DataError(f"{label(dataset)} is damaged: it has chunks of {largest:.1f} GB")
        abreast = math.prod(-(-n // c) for n, c in zip(dataset.shape[1:], dataset.chunks[1:], strict=True))
        stored = dataset.id.get_num_chunks() // abreast * dataset.chunks[0]
    rows = dataset.shape[0] if dataset.shape else 1
    if stored < rows:
        raise DataError(f"{label(dataset)} is damaged: it is {rows} rows long, but has data for {stored} at most")


__all__ = ["check_stored", "find", "find_table", "names_in"]

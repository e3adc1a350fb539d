"""How a file stores its tables: which there are, how they are compressed, and whether checksums guard them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator

import h5py

from gammalearn_core.builtin.loaders.dl1.nodes import check_stored
from gammalearn_core.errors import DataError
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Storage

_SHUFFLE, _FLETCHER32, _BLOSC = 2, 3, 32001
_NAMES = {
    1: "gzip",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    305: "lzo",
    307: "bzip2",
    32000: "lzf",
    32004: "lz4",
    32008: "bitshuffle",
    32015: "zstd",
    32026: "blosc2",
}
_BLOSC_CODECS = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")


def find_datasets(info: FileInfo, h5: h5py.File) -> list[h5py.Dataset]:
    """Tables and arrays of a file. Links are not followed, so that another file is never opened."""
    found: list[h5py.Dataset] = []
    seen = {h5["/"].id}
    groups: list[h5py.Group] = [h5]
    while groups:
        for node in _members(info, groups.pop()):
            if node.id in seen:
                continue
            seen.add(node.id)
            if isinstance(node, h5py.Group):
                groups.append(node)
            elif isinstance(node, h5py.Dataset) and _readable(info, node):
                found.append(node)
    return sorted(found, key=lambda dataset: str(dataset.name))


def _members(info: FileInfo, group: h5py.Group) -> Iterator[h5py.Group | h5py.Dataset]:
    try:
        names = list(group)
    except (RuntimeError, OSError, ValueError) as error:
        info.error(f"the group is damaged ({error})", table=group.name)
        return
    for name in names:
        try:
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                yield group[name]
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            info.error(f"damaged: it cannot be opened ({error})", table=f"{group.name.rstrip('/')}/{name}")


def _readable(info: FileInfo, dataset: h5py.Dataset) -> bool:
    try:
        _ = dataset.dtype
        check_stored(dataset)
    except DataError as error:
        # Arrays are never read by the loader.
        tell = info.warn if dataset.dtype.names is None else info.error
        tell(str(error))
        return False
    except (RuntimeError, OSError) as error:
        info.error(f"damaged: {error}", table=dataset.name)
        return False
    except (TypeError, ValueError) as error:
        info.warn(f"is of a type that is not read here ({error}), so damage in it goes unseen", table=dataset.name)
        return False
    return True


def describe_storage(datasets: Iterable[h5py.Dataset]) -> Storage:
    """Compression and checksums."""
    compression: Counter[str] = Counter()
    unguarded: list[str] = []
    number = unpacked = 0
    for dataset in datasets:
        number += 1
        unpacked += (dataset.size or 0) * dataset.id.get_type().get_size()
        compression[_compression(dataset)] += dataset.id.get_storage_size()
        if dataset.size and not has_checksum(dataset):
            unguarded.append(str(dataset.name))
    return Storage(
        tables=number, compression=dict(compression.most_common()), unpacked=unpacked, without_checksum=tuple(unguarded)
    )


def has_checksum(dataset: h5py.Dataset) -> bool:
    """Whether each chunk has a checksum."""
    return any(code == _FLETCHER32 for code, _ in _filters(dataset))


def _compression(dataset: h5py.Dataset) -> str:
    """Name and level of what compresses a table.

    A blosc filter says of itself: version, version of the format, size of a row, of a block, level, shuffle, codec.
    """
    for code, values in _filters(dataset):
        if code == _BLOSC:
            level, codec = (*values[4:5], "?")[0], values[6] if len(values) > 6 else 0
            name = _BLOSC_CODECS[codec] if codec < len(_BLOSC_CODECS) else f"codec {codec}"
            return f"blosc ({name}, level {level})"
        if code not in (_SHUFFLE, _FLETCHER32):
            level = f" (level {values[0]})" if code == 1 and values else ""
            return _NAMES.get(code, f"filter {code}") + level
    return "none"


def _filters(dataset: h5py.Dataset) -> list[tuple[int, tuple[int, ...]]]:
    """Number and values of the filters of a table."""
    created = dataset.id.get_create_plist()
    return [(code, values) for code, _, values, _ in map(created.get_filter, range(created.get_nfilters()))]


__all__ = ["describe_storage", "find_datasets", "has_checksum"]

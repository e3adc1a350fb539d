"""Reading all of a file, to find what is damaged."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from typing import Any

import h5py
import numpy as np
from attrs import define
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.chunks import Layout
from gammalearn_core.builtin.loaders.dl1.chunks import layout
from gammalearn_core.builtin.loaders.dl1.chunks import read_chunk
from gammalearn_core.data.columns import decoders
from gammalearn_core.errors import DataError
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Finding
from gammalearn_core.inspecting.records import damage
from gammalearn_core.inspecting.storage import has_checksum
from gammalearn_core.inspecting.wording import count

_BLOCK = 4_000_000
"""Bytes of an array that are read at once where it has no chunks."""
Read = Callable[[], NDArray[Any]]


@define
class _Seen:
    """What was noticed in the images of a file."""

    invalid: int = 0
    broken: int = 0


def verify(info: FileInfo, datasets: Sequence[h5py.Dataset], *, progress: Callable[[str], object]) -> None:
    """Read every chunk of every table and array, and tell which cannot be read.

    Parameters
    ----------
    info : FileInfo
    datasets : sequence of Dataset
    progress : callable
        Is told the path of each before it is read.
    """
    seen = _Seen()
    for dataset in datasets:
        progress(str(dataset.name))
        with info.noting():
            _verify(info, dataset, seen)
    if seen.invalid:
        info.warn(f"{count(seen.invalid, 'image')} marked as not valid, which core.dl1 uses all the same")
    if seen.broken:
        info.warn(f"{count(seen.broken, 'pixel')} without a finite value, which core.dl1 makes 0")
    unguarded = [d for d in datasets if d.size and not has_checksum(d)]
    if unguarded:
        which = f"{count(len(unguarded), 'table')} of {len(datasets)}"
        info.warn(f"{which} without checksums: damage in them may go unseen")
    info.verified = True


def _verify(info: FileInfo, dataset: h5py.Dataset, seen: _Seen) -> None:
    table = str(dataset.name)
    look = _looker(dataset, seen)
    damaged = []
    for start, stop, read in _blocks(dataset):
        try:
            look(read())
        except (DataError, OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
            reason = str(error.__cause__ or error).partition("\n")[0] or type(error).__name__
            damaged.append(Finding(severity="error", what=damage(reason), table=table, rows=(start, stop)))
    if damaged:
        # What was said before of the table as a whole is now said of its chunks.
        info.problems = [p for p in info.problems if p.table != table or p.rows is None] + damaged


def _blocks(dataset: h5py.Dataset) -> Iterator[tuple[int, int, Read]]:
    """First row of each chunk, the one after its last, and what reads it."""
    if not dataset.size:
        return
    if dataset.ndim == 1:
        how = layout(dataset)
        for number in range(how.chunks):
            yield *how.span(number), partial(_decoded, dataset, how, number)
    elif dataset.ndim == 0:
        yield 0, 1, partial(_read, dataset, ())
    else:
        for place in dataset.iter_chunks() if dataset.chunks else _slabs(dataset):
            yield place[0].start, place[0].stop, partial(_read, dataset, place)


def _slabs(dataset: h5py.Dataset) -> Iterator[tuple[slice]]:
    """Parts of an array that is stored as a whole."""
    rows = max(1, _BLOCK * len(dataset) // max(1, dataset.nbytes))
    for start in range(0, len(dataset), rows):
        yield (slice(start, min(start + rows, len(dataset))),)


def _decoded(dataset: h5py.Dataset, how: Layout, number: int) -> NDArray[Any]:
    return read_chunk(dataset, how, number)()


def _read(dataset: h5py.Dataset, place: tuple[slice, ...]) -> NDArray[Any]:
    return np.asarray(dataset[place])


def _looker(dataset: h5py.Dataset, seen: _Seen) -> Callable[[NDArray[Any]], None]:
    """What counts images and pixels that are not as they should be."""
    names = dataset.dtype.names or ()
    if "image" not in names or dataset.ndim != 1:
        return lambda rows: None
    decode = decoders(dataset, ["image"])["image"]

    def look(rows: NDArray[Any]) -> None:
        if "is_valid" in names:
            seen.invalid += int(np.count_nonzero(~rows["is_valid"].astype(bool)))
        seen.broken += int(np.count_nonzero(~np.isfinite(decode(rows["image"]))))

    return look


__all__ = ["verify"]

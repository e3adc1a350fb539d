"""Tables of ctapipe files, with units."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import astropy.units as u
import h5py
import hdf5plugin  # noqa: F401, registers the filters
import numpy as np
from numpy.typing import NDArray

from gammalearn_core import DataError

IDS = ("obs_id", "event_id")


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Read a file.

    Raises
    ------
    DataError
        It is not HDF5, or damaged.
    """
    try:
        with h5py.File(path, "r", locking="best-effort") as h5:
            yield h5
    except (OSError, KeyError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def read_columns(h5: h5py.File, path: str, columns: Sequence[str]) -> dict[str, Any]:
    """Columns by name, as quantities where the file says a unit.

    Raises
    ------
    DataError
        The table, or a column of it, is not there.
    """
    table = h5.get(path)
    if not isinstance(table, h5py.Dataset) or not table.dtype.names:
        raise DataError(f"{h5.filename}: there is no table {path}")
    missing = [name for name in columns if name not in table.dtype.names]
    if missing:
        raise DataError(f"{h5.filename}: {path} has no column {', '.join(missing)}")
    units = _units(table)
    rows = table.fields(list(columns))[:]
    return {name: u.Quantity(rows[name], units[name]) if name in units else rows[name] for name in columns}


def _units(table: h5py.Dataset) -> dict[str, u.UnitBase]:
    found = {}
    for number, name in enumerate(table.dtype.names):
        unit = table.attrs.get(f"CTAFIELD_{number}_UNIT", b"")
        text = unit.decode() if isinstance(unit, bytes) else str(unit)
        if text:
            found[name] = u.Unit(text)
    return found


def event_keys(rows: dict[str, Any]) -> NDArray[np.int64]:
    """``(n, 2)``: what tells an event from others of its file."""
    return np.column_stack([np.asarray(rows[name], dtype=np.int64) for name in IDS])


def places(wanted: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the rows of one table are in another, -1 where they are not.

    Examples
    --------
    >>> places(np.array([[1, 5], [1, 7]]), np.array([[1, 6], [1, 5]])).tolist()
    [1, -1]
    """
    if wanted.shape == found.shape and np.array_equal(wanted, found):
        return np.arange(len(wanted))
    numbers = np.unique(np.concatenate([found, wanted]), axis=0, return_inverse=True)[1].reshape(-1)
    lookup = np.full(len(numbers) + 1, -1)
    lookup[numbers[: len(found)]] = np.arange(len(found))
    place: NDArray[np.int64] = lookup[numbers[len(found) :]]
    return place


__all__ = ["IDS", "event_keys", "opened", "places", "read_columns"]

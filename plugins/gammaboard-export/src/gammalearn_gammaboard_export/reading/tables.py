"""Tables of DL2 files."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import astropy.units as u
import h5py
import hdf5plugin  # noqa: F401, registers the filters
import numpy as np
from numpy.typing import NDArray

from gammalearn_core import DataError

Floats = NDArray[np.float64]
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
    except (OSError, KeyError, RuntimeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def table_at(h5: h5py.File, path: str) -> h5py.Dataset:
    """A table.

    Raises
    ------
    DataError
        There is none.
    """
    table = h5.get(path)
    if not isinstance(table, h5py.Dataset) or not table.dtype.names:
        raise DataError(f"{h5.filename}: there is no table {path}")
    return table


def read_numbers(h5: h5py.File, path: str, columns: Mapping[str, str]) -> dict[str, Floats]:
    """Columns by name, in these units; a column without a unit in the file has that unit already.

    Raises
    ------
    DataError
        The table, or a column of it, is not there, or has another kind of unit.
    """
    table = table_at(h5, path)
    missing = [name for name in columns if name not in table.dtype.names]
    if missing:
        raise DataError(f"{h5.filename}: {path} has no column {', '.join(missing)}")
    units = _units(table)
    rows = table.fields(list(columns))[:]
    try:
        return {n: _converted(rows[n], units.get(n, ""), unit) for n, unit in columns.items()}
    except (ValueError, TypeError) as error:
        raise DataError(f"{h5.filename}: {path}: {error}") from error


def _converted(values: Any, stored: str, wanted: str) -> Floats:
    numbers = np.asarray(values).astype(np.float64)
    return numbers * float(u.Unit(stored).to(u.Unit(wanted))) if stored and wanted else numbers


def _units(table: h5py.Dataset) -> dict[str, str]:
    found = {}
    for number, name in enumerate(table.dtype.names):
        unit = table.attrs.get(f"CTAFIELD_{number}_UNIT", b"")
        found[name] = unit.decode() if isinstance(unit, bytes) else str(unit)
    return found


def read_keys(h5: h5py.File, path: str) -> NDArray[np.int64]:
    """``(n, 2)``: what tells an event from others of its file."""
    table = table_at(h5, path)
    missing = [name for name in IDS if name not in table.dtype.names]
    if missing:
        raise DataError(f"{h5.filename}: {path} has no column {', '.join(missing)}")
    rows = table.fields(list(IDS))[:]
    return np.column_stack([rows[name].astype(np.int64) for name in IDS])


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


__all__ = ["IDS", "Floats", "opened", "places", "read_keys", "read_numbers", "table_at"]

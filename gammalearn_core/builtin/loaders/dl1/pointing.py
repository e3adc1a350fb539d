"""Where a telescope points to, from ctapipe's pointing tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.columns import column_facts
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import read_numbers
from gammalearn_core.errors import DataError

FOLDERS = (
    "/dl0/monitoring/telescope/pointing",
    "/configuration/telescope/pointing",
    "/dl1/monitoring/telescope/pointing",
)
"""Where ctapipe's files tell the pointing; the first of these counts."""
_CONSTANT = 1e-4
"""Deg; what differs by less does not move."""
_BEYOND = 10.0
"""Seconds beyond the first and the last report for which the pointing counts as that of the report."""
HIGHEST, FARTHEST = 100.0, 720.0
"""Deg; telescopes can point a little beyond the zenith, and azimuths may count turns."""
_UNIX_EPOCH = 40587.0
"""Modified Julian date of 1970-01-01."""


def directions(
    table: h5py.Dataset, obs_id: NDArray[np.int64], time: Callable[[], NDArray[np.float64]], *, steps: bool
) -> NDArray[np.float64]:
    """Altitude and azimuth (deg) for each event, ``(n, 2)``.

    A table that has one row for each ``obs_id`` is looked up; one that follows the time is interpolated linearly, the
    azimuth across north too, or its nearest row is taken.

    Parameters
    ----------
    table : Dataset
    obs_id : array of int, (n,)
    time : callable
        Gives the time of each event, s, as `seconds` does; called if the pointing changes with time.
    steps : bool
        Whether a pointing holds until another is reported, as in simulations, and is not interpolated.

    Raises
    ------
    DataError
        There is no pointing for some events.
    """
    values, runs = _read(table)
    if runs is not None:
        return _by_run(table, runs, values, obs_id)
    if np.ptp(values, axis=0).max() <= _CONSTANT:
        return np.broadcast_to(values[0], (len(obs_id), 2))
    return _followed(table, values, time(), steps=steps)


def moves(table: h5py.Dataset) -> bool:
    """Whether the pointing follows the time."""
    values, runs = _read(table)
    return runs is None and bool(np.ptp(values, axis=0).max() > _CONSTANT)


def _read(table: h5py.Dataset) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """Altitude and azimuth, deg, ``(n, 2)``, and the ``obs_id`` if there is one."""
    names = table.dtype.names or ()
    alt, az = (next((n for n in names if n.endswith(end)), "") for end in ("altitude", "azimuth"))
    if not alt or not az:
        raise DataError(f"{label(table)} has no column for the altitude or the azimuth")
    columns = read_numbers(table, [alt, az])
    values = np.column_stack([columns[alt], columns[az]])
    check_directions(columns[alt], label(table), HIGHEST)
    check_directions(columns[az], label(table), FARTHEST)
    if "obs_id" not in names:
        return values, None
    runs = read_column(table, "obs_id")
    if runs.ndim != 1 or runs.dtype.kind not in "iu":
        raise DataError(f"{label(table)}, column 'obs_id': {runs.dtype} is not one whole number a row")
    return values, runs.astype(np.int64)


def check_directions(values: NDArray[Any], where: str, limit: float) -> None:
    """Refuse altitudes or azimuths (deg) that no telescope points to.

    Raises
    ------
    DataError
        Some are not finite, or beyond the limit.
    """
    if not (np.abs(values) <= limit).all():
        raise DataError(f"{where}: some directions are not finite or make no sense")


def _by_run(
    table: h5py.Dataset, known: NDArray[np.int64], values: NDArray[np.float64], obs_id: NDArray[np.int64]
) -> NDArray[np.float64]:
    runs, first = np.unique(known, return_index=True)
    if len(runs) < len(known) and np.abs(values - values[first][np.searchsorted(runs, known)]).max() > _CONSTANT:
        raise DataError(f"{label(table)}: an obs_id has several pointings, and no time says which when")
    rows = match(obs_id[:, None], runs[:, None])
    if (rows < 0).any():
        raise DataError(f"{label(table)}: no pointing for obs_id {obs_id[rows < 0][0]}")
    return values[first][rows]


def _followed(
    table: h5py.Dataset, values: NDArray[np.float64], time: NDArray[np.float64], *, steps: bool
) -> NDArray[np.float64]:
    name = next((n for n in table.dtype.names if n.endswith("time")), "")
    if not name:
        raise DataError(f"{label(table)}: the pointing changes, and no column says when")
    known, first = np.unique(seconds(table, name), return_index=True)
    if not np.isfinite(known).all() or (steps and not np.isfinite(time).all()):
        raise DataError(f"{label(table)}: the pointing changes, but some times of it or of events are not known")
    if steps:
        between = (known[1:] + known[:-1]) / 2
        return values[first][np.searchsorted(between, time)]
    beyond = ~((time >= known[0] - _BEYOND) & (time <= known[-1] + _BEYOND))
    if beyond.any():
        raise DataError(
            f"{label(table)}: {np.count_nonzero(beyond)} events are at times for which no pointing is reported"
        )
    turned = np.unwrap(values[first, 1], period=360.0)
    return np.column_stack([np.interp(time, known, values[first, 0]), np.interp(time, known, turned) % 360.0])


def seconds(table: h5py.Dataset, name: str) -> NDArray[np.float64]:
    """A column of times, in seconds since 1970 in the column's own time scale.

    Data model v7 stores seconds and quarters of nanoseconds as two whole numbers, older ones a modified Julian date.
    """
    stored: NDArray[Any] = read_column(table, name)
    if stored.ndim == 2 and stored.shape[1] == 2:
        return stored[:, 0].astype(np.float64) + 0.25e-9 * stored[:, 1].astype(np.float64)
    if stored.ndim != 1 or stored.dtype.kind not in "fiu":
        raise DataError(f"{label(table)}, column {name!r}: {table.dtype[name]} is not one time a row")
    how = str(column_facts(table, name).get("TIME_FORMAT", "mjd"))
    if how != "mjd" and not how.startswith("unix"):
        raise DataError(f"{label(table)}, column {name!r}: the format {how[:40]!r} of times is not known")
    values = stored.astype(np.float64)
    with np.errstate(over="ignore"):
        return values if how != "mjd" else (values - _UNIX_EPOCH) * 86400.0


__all__ = ["FARTHEST", "FOLDERS", "HIGHEST", "check_directions", "directions", "moves", "seconds"]

"""Predictions of events, whoever made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_irf.reading.tables import IDS
from gammalearn_irf.reading.tables import event_keys
from gammalearn_irf.reading.tables import places
from gammalearn_irf.reading.tables import read_columns

SUBARRAY = "/dl2/event/subarray"
TELESCOPE = "/dl2/event/telescope"
OURS = "GammaLearn"


@frozen
class Kind:
    """What can be predicted."""

    groups: tuple[str, ...]
    """Its names in the versions of ctapipe's data model."""
    columns: Mapping[str, tuple[str, str]]
    """Column of the event list by the end of the column's name in the file, with its unit."""


KINDS = {
    "energy": Kind(("energy",), {"energy": ("reco_energy", "TeV")}),
    "direction": Kind(("geometry",), {"alt": ("reco_alt", "deg"), "az": ("reco_az", "deg")}),
    "gammaness": Kind(("particle_type", "classification"), {"prediction": ("gh_score", "")}),
}


def read_predictions(h5: h5py.File, events: NDArray[np.int64]) -> tuple[dict[str, Any], dict[str, str]]:
    """Predictions of events.

    Parameters
    ----------
    h5 : File
    events : array of int, (n, 2)
        Their ``obs_id`` and ``event_id``.

    Returns
    -------
    columns : dict
        Of the event list; NaN where there is no valid prediction.
    algorithms : dict of str to str
        Whose predictions they are, by kind. One that is missing was not predicted.

    Raises
    ------
    DataError
        There are predictions of several telescopes, and none of events.
    """
    columns: dict[str, Any] = {}
    algorithms: dict[str, str] = {}
    for name, kind in KINDS.items():
        found = _table(h5, kind)
        if found:
            algorithms[name] = found.algorithm
            columns |= _read(h5, found, kind, events)
    if not algorithms:
        what = "of several telescopes, and none of events" if TELESCOPE in h5 else "of no kind"
        raise DataError(f"{h5.filename} has predictions {what}; `gammalearn predict` writes both")
    return columns, algorithms


@frozen
class _Table:
    path: str
    algorithm: str
    prefix: str


def _table(h5: h5py.File, kind: Kind) -> _Table | None:
    """Of events; of a telescope if there is one only. Ours if there is one, else the first."""
    candidates = []
    for group in kind.groups:
        for algorithm in _algorithms(h5, f"{SUBARRAY}/{group}"):
            candidates.append(_Table(f"{SUBARRAY}/{group}/{algorithm}", algorithm, algorithm))
    for group in kind.groups:
        for algorithm in _algorithms(h5, f"{TELESCOPE}/{group}"):
            path = f"{TELESCOPE}/{group}/{algorithm}"
            if len(h5[path]) == 1:
                candidates.append(_Table(f"{path}/{next(iter(h5[path]))}", algorithm, f"{algorithm}_tel"))
    return next((table for table in candidates if _tells(h5, table, kind)), None)


def _tells(h5: h5py.File, table: _Table, kind: Kind) -> bool:
    """Whether it is of this kind: ctapipe has impact points in the same group as directions."""
    names = h5[table.path].dtype.names or ()
    return any(f"{table.prefix}_{end}" in names for end in kind.columns)


def _algorithms(h5: h5py.File, group: str) -> list[str]:
    return sorted(h5.get(group, {}), key=lambda name: (not name.startswith(OURS), name))


def _read(h5: h5py.File, table: _Table, kind: Kind, events: NDArray[np.int64]) -> dict[str, Any]:
    stored = {f"{table.prefix}_{end}": named for end, named in kind.columns.items()}
    valid = f"{table.prefix}_is_valid"
    rows = read_columns(h5, table.path, [*IDS, valid, *stored])
    place = places(events, event_keys(rows))
    known = (place >= 0) & np.append(rows[valid].astype(bool), False)[place]
    given = {}
    for column, (name, unit) in stored.items():
        values = u.Quantity(rows[column]).to_value(unit or u.one).astype(np.float64)
        values = np.where(known, np.append(values, np.nan)[place], np.nan)
        given[name] = u.Quantity(values, unit) if unit else values
    return given


__all__ = ["KINDS", "read_predictions"]

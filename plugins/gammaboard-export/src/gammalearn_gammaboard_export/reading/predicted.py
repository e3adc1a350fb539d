"""Predictions of events in ctapipe's layout, whoever made them."""

from __future__ import annotations

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_gammaboard_export.reading.tables import Floats
from gammalearn_gammaboard_export.reading.tables import places
from gammalearn_gammaboard_export.reading.tables import read_keys
from gammalearn_gammaboard_export.reading.tables import read_numbers
from gammalearn_gammaboard_export.reading.tables import table_at

SUBARRAY = "/dl2/event/subarray"
_OURS = "GammaLearn"


@frozen
class _Kind:
    groups: tuple[str, ...]
    """Its names in the versions of ctapipe's data model."""
    columns: dict[str, tuple[str, str]]
    """By the end of the column's name in the file: our column, and its unit."""


_KINDS = (
    _Kind(("energy",), {"energy": ("reco_energy", "TeV")}),
    _Kind(("geometry",), {"alt": ("reco_alt", "deg"), "az": ("reco_az", "deg")}),
    _Kind(("geometry",), {"core_x": ("reco_core_x", "m"), "core_y": ("reco_core_y", "m")}),
    _Kind(("particle_type", "classification"), {"prediction": ("gammaness", "")}),
)


@frozen
class Predicted:
    """What a file predicts of its events."""

    columns: dict[str, Floats]
    """NaN where an event has no valid prediction; a kind of which no event has one is left out."""
    telescopes: NDArray[np.bool_] | None
    """Which of the layout took part in a prediction of any event, if that is known."""


def read_predicted(h5: h5py.File, events: NDArray[np.int64]) -> Predicted:
    """Predictions of events.

    Parameters
    ----------
    h5 : File
    events : array of int, (n, 2)
        Their ``obs_id`` and ``event_id``.

    Raises
    ------
    DataError
        There are no tables of predictions of events.
    """
    columns: dict[str, Floats] = {}
    used: list[NDArray[np.bool_]] = []
    tables = [(kind, path) for kind in _KINDS if (path := _table(h5, kind))]
    if not tables:
        what = f"has no predictions of events in {SUBARRAY}"
        raise DataError(f"{h5.filename} {what}; `gammalearn run` and `gammalearn predict` write them")
    for kind, path in tables:
        found = _values(h5, path, kind, events)
        if any(np.any(np.isfinite(values)) for values in found.values()):
            columns |= found
            used += _telescopes(h5, path)
    return Predicted(columns, np.any(used, axis=0) if used else None)


def _table(h5: h5py.File, kind: _Kind) -> str:
    """The path of a table that has the columns: ours if there is one, else the first; empty if there is none."""
    for group in kind.groups:
        for name in sorted(h5.get(f"{SUBARRAY}/{group}", {}), key=lambda n: (not n.startswith(_OURS), n)):
            path = f"{SUBARRAY}/{group}/{name}"
            if all(f"{name}_{end}" in table_at(h5, path).dtype.names for end in (*kind.columns, "is_valid")):
                return path
    return ""


def _values(h5: h5py.File, path: str, kind: _Kind, events: NDArray[np.int64]) -> dict[str, Floats]:
    name = path.rpartition("/")[2]
    place = places(events, read_keys(h5, path))
    units = {f"{name}_{end}": unit for end, (_, unit) in kind.columns.items()}
    rows = read_numbers(h5, path, {f"{name}_is_valid": "", **units})
    known = (place >= 0) & np.append(rows[f"{name}_is_valid"] > 0, False)[place]
    for values in rows.values():
        known &= np.isfinite(np.append(values, np.nan)[place])
    return {
        column: np.where(known, np.append(rows[f"{name}_{end}"], np.nan)[place], np.nan)
        for end, (column, _) in kind.columns.items()
    }


def _telescopes(h5: h5py.File, path: str) -> list[NDArray[np.bool_]]:
    column = f"{path.rpartition('/')[2]}_telescopes"
    table = table_at(h5, path)
    return [np.any(table.fields(column)[:] > 0, axis=0)] if column in table.dtype.names and len(table) else []


__all__ = ["SUBARRAY", "Predicted", "read_predicted"]

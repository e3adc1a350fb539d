"""A DL2 file in ctapipe's layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_gammaboard_export.reading.predicted import SUBARRAY
from gammalearn_gammaboard_export.reading.predicted import read_predicted
from gammalearn_gammaboard_export.reading.sample import TRUTH
from gammalearn_gammaboard_export.reading.sample import Sample
from gammalearn_gammaboard_export.reading.tables import places
from gammalearn_gammaboard_export.reading.tables import read_keys
from gammalearn_gammaboard_export.reading.tables import read_numbers
from gammalearn_gammaboard_export.reading.tables import table_at
from gammalearn_gammaboard_export.reading.thrown import read_thrown

_SHOWER = "/simulation/event/subarray/shower"
_TRIGGER = "/dl1/event/subarray/trigger"
_LAYOUT = "/configuration/instrument/subarray/layout"
_RUN = "/configuration/simulation/run"
_PRIMARY = "true_shower_primary_id"


def holds(h5: h5py.File) -> bool:
    """Whether a file is in this layout."""
    return _TRIGGER in h5 or SUBARRAY in h5


def read(h5: h5py.File, path: Path) -> Sample | None:
    """Its events; None if there is no truth.

    Raises
    ------
    DataError
        A table is missing or damaged.
    """
    if _SHOWER not in h5:
        return None
    events = read_keys(h5, _TRIGGER)
    truth = read_numbers(h5, _SHOWER, {_PRIMARY: "", **TRUTH})
    place = places(events, read_keys(h5, _SHOWER))
    if np.any(place < 0):
        raise DataError(f"{path}: {np.sum(place < 0)} events have no row in {_SHOWER}")
    predicted = read_predicted(h5, events)
    columns = {name: truth[name][place] for name in TRUTH} | predicted.columns
    known = np.all([np.isfinite(values) for values in columns.values()], axis=0) & bool(predicted.columns)
    ids = {"obs_id": events[known, 0], "event_id": events[known, 1]}
    telescope = _telescope(h5, predicted.telescopes)
    if telescope is not None:
        ids["tel_id"] = np.full(len(ids["obs_id"]), telescope[0])
    return Sample(
        primaries=tuple(np.unique(truth[_PRIMARY]).astype(int).tolist()),
        columns={name: values[known] for name, values in columns.items()},
        ids=ids,
        triggered=truth["true_energy"][place],
        thrown=read_thrown(h5, _RUN),
        camera=telescope[1] if telescope is not None else "",
        files=(path,),
    )


def _telescope(h5: h5py.File, used: NDArray[np.bool_] | None) -> tuple[int, str] | None:
    """Number and camera of the only telescope that took part; None if there are several, or the file does not say."""
    if used is None or used.sum() != 1 or _LAYOUT not in h5:
        return None
    table = table_at(h5, _LAYOUT)
    row = table[:][int(np.flatnonzero(used)[0])]
    camera = row["camera_name"] if "camera_name" in table.dtype.names else b""
    return int(row["tel_id"]), camera.decode() if isinstance(camera, bytes) else str(camera)


__all__ = ["holds", "read"]

"""Samples of DL2 files, by particle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import h5py
import numpy as np
from astropy.coordinates import angular_separation
from astropy.table import QTable
from astropy.table import vstack
from attrs import evolve
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_irf.reading.predicted import read_predictions
from gammalearn_irf.reading.sample import Sample
from gammalearn_irf.reading.tables import IDS
from gammalearn_irf.reading.tables import event_keys
from gammalearn_irf.reading.tables import opened
from gammalearn_irf.reading.tables import places
from gammalearn_irf.reading.tables import read_columns
from gammalearn_irf.reading.thrown import read_thrown
from gammalearn_irf.reading.thrown import together

SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
BLOCKS = "/configuration/observation/observation_block"
POINTINGS = "/configuration/telescope/pointing"
TRUTH = ("true_energy", "true_alt", "true_az", "true_shower_primary_id")


def read_samples(files: Sequence[Path]) -> tuple[dict[int, Sample], list[str]]:
    """What the files hold, and what of them cannot be used.

    Raises
    ------
    DataError
        A file is damaged, or files of one particle do not belong together.
    """
    parts: dict[int, list[Sample]] = {}
    notes = []
    for path in files:
        with opened(path) as h5:
            if SHOWER in h5:
                part = _read(h5, path)
                parts.setdefault(part.primary, []).append(part)
            else:
                notes.append(f"{path.name} has no simulated truth, and is not used")
    return {primary: _joined(found) for primary, found in parts.items()}, notes


def _read(h5: h5py.File, path: Path) -> Sample:
    triggered = event_keys(read_columns(h5, TRIGGER, IDS))
    truth = read_columns(h5, SHOWER, [*IDS, *TRUTH])
    primaries = np.unique(truth["true_shower_primary_id"])
    if len(primaries) != 1:
        raise DataError(f"{path} holds {len(primaries)} kinds of particles: responses need a file for each")
    place = places(triggered, event_keys(truth))
    if np.any(place < 0):
        raise DataError(f"{path}: {np.sum(place < 0)} events have no row in {SHOWER}")
    predicted, algorithms = read_predictions(h5, triggered)
    pointing = _pointing(h5, triggered[:, 0])
    known = np.all([np.isfinite(u.Quantity(values).value) for values in predicted.values()], axis=0)
    columns = {name: u.Quantity(truth[name])[place] for name in TRUTH[:3]} | predicted
    events = QTable({name: values[known] for name, values in columns.items()})
    return Sample(
        primary=int(primaries[0]),
        events=_derived(events, tuple(angle[known] for angle in pointing)),
        thrown=read_thrown(h5),
        triggered=len(triggered),
        files=(path,),
        algorithms=algorithms,
    )


def _derived(events: QTable, pointing: tuple[Any, ...]) -> QTable:
    """With angles between directions in place of directions."""
    made = QTable({"true_energy": events["true_energy"].to("TeV")})
    true = events["true_az"], events["true_alt"]
    made["true_source_fov_offset"] = angular_separation(*pointing, *true).to("deg")
    if "reco_alt" in events.colnames:
        predicted = events["reco_az"], events["reco_alt"]
        made["reco_source_fov_offset"] = angular_separation(*pointing, *predicted).to("deg")
        made["theta"] = angular_separation(*true, *predicted).to("deg")
    for name in ("reco_energy", "gh_score"):
        if name in events.colnames:
            made[name] = events[name]
    return made


def _pointing(h5: h5py.File, obs_ids: NDArray[np.int64]) -> tuple[Any, Any]:
    """Azimuth and altitude of the subarray, else of a telescope, by run."""
    names = ["obs_id", "subarray_pointing_lon", "subarray_pointing_lat"]
    rows = read_columns(h5, BLOCKS, names) if BLOCKS in h5 else {}
    if not rows or not np.all(np.isfinite(rows[names[2]])):
        tables = sorted(h5.get(POINTINGS, {}))
        if not tables:
            raise DataError(f"{h5.filename}: there is no pointing in {BLOCKS} nor in {POINTINGS}")
        names = ["obs_id", "telescope_pointing_azimuth", "telescope_pointing_altitude"]
        rows = read_columns(h5, f"{POINTINGS}/{tables[0]}", names)
    order = np.argsort(rows["obs_id"], kind="stable")
    runs = np.asarray(rows["obs_id"])[order]
    place = np.minimum(np.searchsorted(runs, obs_ids), len(runs) - 1)
    if np.any(runs[place] != obs_ids):
        raise DataError(f"{h5.filename}: a run of its events has no pointing")
    azimuth, altitude = (u.Quantity(rows[name])[order][place] for name in names[1:])
    return azimuth, altitude


def _joined(parts: list[Sample]) -> Sample:
    first, files = parts[0], [str(part.files[0]) for part in parts]
    for part, file in zip(parts, files, strict=True):
        if part.algorithms != first.algorithms:
            raise DataError(f"{file} and {files[0]} hold predictions of different algorithms")
    return evolve(
        first,
        events=vstack([part.events for part in parts], metadata_conflicts="silent"),
        thrown=together(files, [part.thrown for part in parts]),
        triggered=sum(part.triggered for part in parts),
        files=tuple(part.files[0] for part in parts),
    )


__all__ = ["read_samples"]

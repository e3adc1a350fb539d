"""A DL2 file in lstchain's layout: a row an image of LSTCam."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from gammalearn_core import DataError
from gammalearn_gammaboard_export.reading.sample import KINDS
from gammalearn_gammaboard_export.reading.sample import Sample
from gammalearn_gammaboard_export.reading.tables import IDS
from gammalearn_gammaboard_export.reading.tables import read_numbers
from gammalearn_gammaboard_export.reading.tables import table_at
from gammalearn_gammaboard_export.reading.thrown import read_thrown

TABLE = "/dl2/event/telescope/parameters/LST_LSTCam"
RUN = "/simulation/run_config"
_TRUTH = {
    "mc_energy": ("true_energy", "TeV"),
    "mc_alt": ("true_alt", "deg"),
    "mc_az": ("true_az", "deg"),
    "mc_core_x": ("true_core_x", "m"),
    "mc_core_y": ("true_core_y", "m"),
}
_COLUMNS = tuple(name for columns in KINDS.values() for name in columns)
"""Predictions, which have the same names here. Units are by convention: lstchain itself writes none."""
_ANGLES = ("mc_alt", "mc_az", "reco_alt", "reco_az")


def holds(h5: h5py.File) -> bool:
    """Whether a file is in this layout."""
    return TABLE in h5


def read(h5: h5py.File, path: Path) -> Sample | None:
    """Its images; None if there is no truth.

    Raises
    ------
    DataError
        A table is missing or damaged.
    """
    names = table_at(h5, TABLE).dtype.names
    if "mc_energy" not in names:
        return None
    wanted = [name for name in _COLUMNS if name in names]
    whole = dict.fromkeys((*IDS, "tel_id", "mc_type"), "")
    rows = read_numbers(h5, TABLE, {**whole, **dict.fromkeys((*_TRUTH, *wanted), "")})
    for name in _ANGLES:
        if name in rows:
            rows[name] = np.degrees(rows[name])
    if not wanted:
        raise DataError(f"{path} predicts nothing: {TABLE} has none of {', '.join(_COLUMNS)}")
    predicted = {n: rows[n] for n in wanted if np.any(np.isfinite(rows[n]))}
    columns = {ours: rows[theirs] for theirs, (ours, _) in _TRUTH.items()} | predicted
    known = np.all([np.isfinite(values) for values in columns.values()], axis=0) & bool(predicted)
    keys = np.column_stack([rows[name] for name in IDS])
    first = np.unique(keys, axis=0, return_index=True)[1]
    return Sample(
        primaries=tuple(np.unique(rows["mc_type"]).astype(int).tolist()),
        columns={name: values[known] for name, values in columns.items()},
        ids={name: rows[name][known].astype(np.int64) for name in (*IDS, "tel_id")},
        triggered=rows["mc_energy"][np.sort(first)],
        thrown=read_thrown(h5, RUN),
        camera="LSTCam",
        files=(path,),
    )


__all__ = ["RUN", "TABLE", "holds", "read"]

"""One DL2 file in lstchain's layout: a row an image of LSTCam, DL1 parameters and predictions side by side.

lstchain's own tables are taken over byte by byte and get more columns. Files of ctapipe are translated to the columns
that lstchain's tools read.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.data.columns import match
from gammalearn_core.data.sky import to_offset
from gammalearn_core.data.truth import Task
from gammalearn_core.errors import DataError
from gammalearn_core.results.dl2.copying import copy_group
from gammalearn_core.results.dl2.copying import copy_rows
from gammalearn_core.results.dl2.copying import create_like
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import write_raw
from gammalearn_core.results.dl2.from_ctapipe import lst_columns
from gammalearn_core.results.dl2.grouping import LST
from gammalearn_core.results.dl2.parts import Part
from gammalearn_core.results.dl2.parts import joined
from gammalearn_core.results.dl2.parts import predicted_rows
from gammalearn_core.results.dl2.showers import scale_showers
from gammalearn_core.results.dl2.tables import write_table
from gammalearn_core.results.dl2.widening import copy_wider
from gammalearn_core.results.predictions import Predictions

TABLE = "/dl2/event/telescope/parameters/LST_LSTCam"
_RUN = "/simulation/run_config"
_DISTRIBUTION = "/simulation/thrown_event_distribution"
_IDS = ["file", "obs_id", "event_id", "tel_id"]
_GAMMA, _PROTON, _NOTHING = 0, 101, -1
UNITS = {
    "reco_energy": "TeV",
    "reco_alt": "rad",
    "reco_az": "rad",
    "reco_src_x": "m",
    "reco_src_y": "m",
    "reco_disp_dx": "m",
    "reco_disp_dy": "m",
    "reco_core_x": "m",
    "reco_core_y": "m",
    "reco_energy_uncert": "TeV",
    "reco_alt_uncert": "rad",
    "reco_az_uncert": "rad",
    "reco_core_x_uncert": "m",
    "reco_core_y_uncert": "m",
    "delta_t": "s",
}
"""Units of columns that are added."""
UNCERTAINTIES = {
    "energy_uncert": "reco_energy_uncert",
    "alt_uncert": "reco_alt_uncert",
    "az_uncert": "reco_az_uncert",
    "core_uncert_x": "reco_core_x_uncert",
    "core_uncert_y": "reco_core_y_uncert",
}
"""Columns of uncertainties, by what targets call them; lstchain has none."""
Columns = dict[str, NDArray[Any]]


def write(
    h5: h5py.File, parts: Sequence[Part], predictions: Predictions, tasks: Mapping[str, Task], share: float | None
) -> None:
    """Fill a DL2 file, but for its root attributes.

    Raises
    ------
    DataError
        The network predicts events of the subarray, there is no LSTCam, a prediction has no row in the DL1 files, or a
        table of them is damaged.
    """
    first = parts[0]
    if "tel_id" not in predictions.events:
        what = "lstchain's layout holds predictions of telescopes, and the network predicts events of the subarray"
        raise DataError(f"{first.input.path}: {what}; write ctapipe's layout")
    copy_group(first.h5, h5, "/configuration/instrument")
    if first.input.layout == "ctapipe":
        _translate(h5, first, predictions, tasks)
    else:
        _copy(h5, parts)
        _widen(h5, parts, predictions, tasks)
    if share is not None:
        scale_showers(h5, share, runs=_RUN, distribution=_DISTRIBUTION)


def _copy(h5: h5py.File, parts: Sequence[Part]) -> None:
    for path in (_RUN, _DISTRIBUTION):
        found = [(part.h5[path], None) for part in parts if path in part.h5]
        if found and parts[0].input.simulated:
            copy_rows(found, h5)
    if len(parts) == 1:
        copy_group(parts[0].h5, h5, "/dl1/event/telescope/monitoring")


def _widen(h5: h5py.File, parts: Sequence[Part], predictions: Predictions, tasks: Mapping[str, Task]) -> None:
    ids = joined(parts, LST)
    rows = predicted_rows(parts, ids, predictions, _IDS)
    known = parts[0].h5[LST].dtype.names
    wanted = [n for n in ("alt_tel", "az_tel", "x", "y", "dragon_time") if n in known]
    dl1 = {n: np.concatenate([part.column(LST, n) for part in parts]) for n in wanted}
    added = _reconstructed(predictions, tasks, rows, dl1, _focal_lengths(parts[0].h5, ids["tel_id"]))
    if "dragon_time" in dl1 and "delta_t" not in known:
        added["delta_t"] = np.diff(dl1["dragon_time"], prepend=dl1["dragon_time"][:1])
    facts = {n: UNITS.get(n, "") for n in added if n not in known}
    copy_wider([(p.h5[LST], p.keep(p.h5[LST])) for p in parts], h5, TABLE, {n: added[n] for n in facts}, facts)


def _translate(h5: h5py.File, part: Part, predictions: Predictions, tasks: Mapping[str, Task]) -> None:
    columns, units = lst_columns(part)
    ids = {n: columns[n] for n in ("obs_id", "event_id", "tel_id")}
    ids["file"] = np.full(len(columns["obs_id"]), part.input.number)
    rows = predicted_rows([part], ids, predictions, _IDS)
    degrees = {n: np.degrees(columns[n]) for n in ("alt_tel", "az_tel")}
    shifts = {n: columns[n] for n in ("x", "y") if n in columns}
    focal = _focal_lengths(part.h5, columns["tel_id"])
    columns |= _reconstructed(predictions, tasks, rows, degrees | shifts, focal)
    write_table(h5, TABLE, columns, {n: (units.get(n, "") or UNITS.get(n, ""), "") for n in columns})
    runs = part.h5.get("/configuration/simulation/run")
    if runs is not None and part.input.simulated:
        write_raw(create_like(runs, h5, _RUN), _without_nan(read_raw(runs)))


def _without_nan(runs: NDArray[Any]) -> NDArray[Any]:
    """Rows of which each equals itself: lstchain checks that all runs are the same, and NaN never is."""
    for name in runs.dtype.names or ():
        if runs.dtype[name].kind == "f":
            runs[name] = np.nan_to_num(runs[name], nan=0.0)
    return runs


def _reconstructed(
    predictions: Predictions,
    tasks: Mapping[str, Task],
    rows: NDArray[np.int64],
    dl1: Columns,
    focal_length: NDArray[np.float64],
) -> Columns:
    """Columns that lstchain's models give; angles in rad, NaN where there is no prediction."""
    found: Columns = {}
    for name, task in tasks.items():
        values = {q: np.append(v.astype(np.float64), np.nan)[rows] for q, v in predictions.values[name].items()}
        kind = task.record.dl2
        if kind == "energy" and "reco_energy" not in found:
            with np.errstate(divide="ignore", invalid="ignore"):
                found |= {"reco_energy": values["energy"], "log_reco_energy": np.log10(values["energy"])}
        elif values.keys() >= {"alt", "az"} and "reco_alt" not in found:
            found |= _direction(values["alt"], values["az"], dl1, focal_length)
        elif values.keys() >= {"core_x", "core_y"} and "reco_core_x" not in found:
            found |= {"reco_core_x": values["core_x"], "reco_core_y": values["core_y"]}
        elif kind == "classification" and "gammaness" not in found:
            gammaness = values["prediction"]
            kinds = np.where(gammaness > 0.5, _GAMMA, _PROTON)
            found |= {"gammaness": gammaness, "reco_type": np.where(np.isnan(gammaness), _NOTHING, kinds)}
        for quantity in UNCERTAINTIES.keys() & values.keys():
            angle = UNITS[UNCERTAINTIES[quantity]] == "rad"
            found.setdefault(UNCERTAINTIES[quantity], np.radians(values[quantity]) if angle else values[quantity])
    return found


def _direction(
    alt: NDArray[np.float64], az: NDArray[np.float64], dl1: Columns, focal_length: NDArray[np.float64]
) -> Columns:
    """On the sky, and in ctapipe's camera frame: ``x`` grows with altitude and ``y`` with azimuth."""
    lon, lat = to_offset(alt, az, dl1["alt_tel"], dl1["az_tel"])
    x, y = focal_length * np.radians(lat), focal_length * np.radians(lon)
    found = {"reco_alt": np.radians(alt), "reco_az": np.radians(az), "reco_src_x": x, "reco_src_y": y}
    if "x" in dl1 and "y" in dl1:
        found |= {"reco_disp_dx": x - dl1["x"], "reco_disp_dy": y - dl1["y"]}
    return found


def _focal_lengths(h5: h5py.File, tel_id: NDArray[Any]) -> NDArray[np.float64]:
    """Of the telescope of each row, m: the effective one, if the file knows it."""
    telescopes = read_telescopes(h5, {})
    known = np.array(list(telescopes), dtype=np.int64)
    lengths = np.array([t.geometry.focal_length for t in telescopes.values()])
    return np.append(lengths, np.nan)[match(tel_id.astype(np.int64)[:, None], known[:, None])]


__all__ = ["TABLE", "UNCERTAINTIES", "UNITS", "write"]

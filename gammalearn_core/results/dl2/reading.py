"""Predictions that a run has written, read back from its DL2 files with truth, pointing and geometry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.ids import multiplicity
from gammalearn_core.builtin.loaders.dl1.ids import rows_of
from gammalearn_core.builtin.loaders.dl1.ids import taken
from gammalearn_core.builtin.loaders.dl1.ids import whole_numbers
from gammalearn_core.builtin.loaders.dl1.lstchain import NAMES
from gammalearn_core.builtin.loaders.dl1.pointing import FOLDERS
from gammalearn_core.builtin.loaders.dl1.pointing import directions
from gammalearn_core.builtin.loaders.dl1.pointing import seconds
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.specs import Level
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError
from gammalearn_core.results.dl2.grouping import SHOWER
from gammalearn_core.results.dl2.grouping import TRIGGER
from gammalearn_core.results.dl2.lstchain import TABLE
from gammalearn_core.results.dl2.lstchain import UNCERTAINTIES
from gammalearn_core.results.dl2.reference import data_model
from gammalearn_core.results.dl2.tables import algorithm_name
from gammalearn_core.results.predictions import Predictions

Columns = dict[str, NDArray[Any]]
Values = dict[str, Columns]
"""By task: quantities by name."""
_GROUPS = ("energy", "geometry", "classification", "particle_type")
_LAYOUT = "/configuration/instrument/subarray/layout"
_IMPACT = "/simulation/event/telescope/impact"
_IDS = ("obs_id", "event_id", "tel_id")
_POSITION = {"tel_pos_x": "pos_x", "tel_pos_y": "pos_y", "tel_pos_z": "pos_z"}
_LSTCHAIN = {
    "energy": {"energy": "reco_energy"},
    "direction": {"alt": "reco_alt", "az": "reco_az"},
    "impact": {"core_x": "reco_core_x", "core_y": "reco_core_y"},
    "particle": {"prediction": "gammaness"},
}
"""By task, quantities and lstchain's columns of them."""
_STEPS_BEFORE = 6
"""Until this data model, pointings of simulations are those of steps in time."""


def read_dl2(files: Sequence[Path], tasks: Sequence[str], level: Level) -> Predictions:
    """What was predicted, a row a sample, with what is known of it. Samples without any prediction are left out.

    Parameters
    ----------
    files : sequence of Path
        DL2 files of one run.
    tasks : sequence of str
        Names of its tasks, as ``specs.json`` has them.
    level : {"telescope", "subarray"}
        Whether a sample is a telescope image or an event.

    Returns
    -------
    Predictions
        Columns of its events are ``obs_id``, ``event_id``, ``tel_id`` at telescope level, ``file`` (number of the DL2
        file), truth as in DL1, and where files have them ``pointing_alt``, ``pointing_az`` (deg), ``multiplicity`` (of
        telescopes that took part, at telescope level of those that triggered), ``true_impact_distance`` (m),
        ``tel_pos_x``, ``…_y``, ``…_z`` (m; at subarray level the middle of the array).

    Raises
    ------
    DataError
        A file is damaged or not what a run writes.
    """
    found = [_read(path, number, tasks, level) for number, path in enumerate(files)]
    if not found:
        raise DataError("there are no DL2 files to read")
    columns = _joined([part for part, _ in found])
    names = [task for task in found[0][1] if all(task in values for _, values in found)]
    values = {task: _joined([v[task] for _, v in found]) for task in names}
    n = len(columns["obs_id"])
    return Predictions(events=EventTable(columns, n), rows=np.arange(n), values=values)


def _joined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Columns:
    names = [n for n in parts[0] if all(n in part for part in parts)]
    return {n: np.concatenate([part[n] for part in parts]) for n in names}


def _read(path: Path, number: int, tasks: Sequence[str], level: Level) -> tuple[Columns, Values]:
    try:
        with h5py.File(path, "r", locking="best-effort") as h5:
            if isinstance(h5.get(TABLE), h5py.Dataset):
                columns, values = _lstchain(h5)
            else:
                columns, values = _telescopes(h5, tasks) if level == "telescope" else _subarray(h5, tasks)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{path} cannot be read ({reason}); run it again, or take the file as it was written"
        ) from error
    n = len(columns["obs_id"])
    finite = [np.isfinite(v) for quantities in values.values() for v in quantities.values()]
    predicted = np.any(finite, axis=0) if finite else np.zeros(n, dtype=bool)
    columns["file"] = np.full(n, number)
    kept = {name: values[predicted] for name, values in columns.items()}
    return kept, {task: {q: v[predicted] for q, v in part.items()} for task, part in values.items()}


def _telescopes(h5: h5py.File, tasks: Sequence[str]) -> tuple[Columns, Values]:
    """One row an image."""
    found = {task: node for task in tasks if (node := _algorithm(h5, "telescope", task)) is not None}
    names = sorted({name for node in found.values() for name in node})
    parts, values = [], []
    for name in names:
        ids, of_tasks = _predicted({t: node[name] for t, node in found.items() if name in node}, _IDS, "_tel")
        columns = {n: ids[:, i] for i, n in enumerate(_IDS)} | _of_event(h5, ids) | _of_telescope(h5, name, ids)
        parts.append(columns)
        values.append(of_tasks)
    if not parts:
        raise DataError(f"{h5.filename} has no predictions of {', '.join(tasks)} for telescopes")
    known = [task for task in found if all(task in part for part in values)]
    return _joined(parts), {task: _joined([part[task] for part in values]) for task in known}


def _subarray(h5: h5py.File, tasks: Sequence[str]) -> tuple[Columns, Values]:
    """One row an event."""
    found = {task: node for task in tasks if (node := _algorithm(h5, "subarray", task)) is not None}
    if not found:
        raise DataError(f"{h5.filename} has no predictions of {', '.join(tasks)} for events")
    ids, values = _predicted(found, _IDS[:2], "")
    columns = {n: ids[:, i] for i, n in enumerate(_IDS[:2])} | _of_event(h5, ids)
    for task, table in found.items():
        mask = f"{algorithm_name(task)}_telescopes"
        if mask in table.dtype.names:
            columns["multiplicity"] = np.count_nonzero(read_columns(table, [mask])[mask], axis=1)
            break
    layout = _layout(h5)
    columns |= {n: np.full(len(ids), float(np.mean(layout[n]))) for n in _POSITION}
    return columns, values


def _algorithm(h5: h5py.File, of: str, task: str) -> Any:
    paths = (f"/dl2/event/{of}/{group}/{algorithm_name(task)}" for group in _GROUPS)
    return next((h5[path] for path in paths if path in h5), None)


def _predicted(tables: Mapping[str, h5py.Dataset], names: Sequence[str], of: str) -> tuple[NDArray[np.int64], Values]:
    """Ids of the rows of the first table, and the predictions of all tables for them."""
    ids = whole_numbers(next(iter(tables.values())), names)
    values: Values = {}
    for task, table in tables.items():
        prefix = f"{algorithm_name(task)}{of}_"
        kinds = {n: table.dtype[n] for n in table.dtype.names or () if n.startswith(prefix)}
        chosen = [n for n, kind in kinds.items() if kind.kind == "f" and not kind.shape]
        rows = match(ids, whole_numbers(table, names))
        read = read_columns(table, chosen)
        values[task] = {n.removeprefix(prefix): taken(v.astype(np.float64), rows) for n, v in read.items()}
    return ids, values


def _of_event(h5: h5py.File, ids: NDArray[np.int64]) -> Columns:
    """Truth and multiplicity."""
    columns: Columns = {}
    if SHOWER in h5:
        table = h5[SHOWER]
        names = [n for n in table.dtype.names if n.startswith("true_") and not table.dtype[n].shape]
        rows = rows_of(ids[:, :2], whole_numbers(table, _IDS[:2]), label(table))
        columns |= {n: taken(v, rows) for n, v in read_columns(table, names).items()}
    trigger = h5[TRIGGER]
    rows = rows_of(ids[:, :2], whole_numbers(trigger, _IDS[:2]), label(trigger))
    if "tels_with_trigger" in trigger.dtype.names:
        columns["multiplicity"] = taken(multiplicity(trigger), rows)
    pointing = _pointing(h5, ids, rows)
    return columns if pointing is None else columns | {"pointing_alt": pointing[:, 0], "pointing_az": pointing[:, 1]}


def _of_telescope(h5: h5py.File, name: str, ids: NDArray[np.int64]) -> Columns:
    layout = _layout(h5)
    place = match(ids[:, 2:], layout["tel_id"].astype(np.int64)[:, None])
    columns = {n: taken(layout[n], place) for n in _POSITION}
    table = h5.get(f"{_IMPACT}/{name}")
    if table is not None and "true_impact_distance" in table.dtype.names:
        rows = match(ids, whole_numbers(table, _IDS))
        columns["true_impact_distance"] = taken(
            read_columns(table, ["true_impact_distance"])["true_impact_distance"], rows
        )
    return columns


def _layout(h5: h5py.File) -> Columns:
    """Telescopes and their positions."""
    read = read_columns(h5[_LAYOUT], ["tel_id", *_POSITION.values()])
    return {"tel_id": read["tel_id"]} | {n: read[m].astype(np.float64) for n, m in _POSITION.items()}


def _pointing(h5: h5py.File, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Altitude and azimuth (deg) of the telescope of each row, or of the first one; None if the file has none."""
    folder = next((f for f in FOLDERS if f in h5 and len(h5[f])), None)
    if folder is None:
        return None
    found = re.match(r"v?(\d+)\.", data_model(h5))
    steps = SHOWER in h5 and found is not None and int(found[1]) < _STEPS_BEFORE
    tables, pointing = h5[folder], np.full((len(ids), 2), np.nan)
    of = ids[:, 2] if ids.shape[1] > 2 else np.full(len(ids), int(sorted(tables)[0].removeprefix("tel_")))
    for tel_id in np.unique(of):
        here = np.flatnonzero(of == tel_id)
        table = tables.get(f"tel_{tel_id:03d}")
        if table is not None and len(table):
            pointing[here] = directions(table, ids[here, 0], partial(_times, h5, rows[here]), steps=steps)
    return pointing


def _times(h5: h5py.File, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(taken(seconds(h5[TRIGGER], "time"), rows))


def _lstchain(h5: h5py.File) -> tuple[Columns, Values]:
    """All is in one table."""
    table = h5[TABLE]
    ours = {ours for quantities in _LSTCHAIN.values() for ours in quantities.values()} | set(UNCERTAINTIES.values())
    names = [n for n in _numbers(table) if n in NAMES or n in ours or n in (*_IDS, *_POSITION)]
    read = read_columns(table, names)
    columns = {NAMES.get(n, n): v for n, v in read.items() if n not in ours}
    if "true_shower_primary_id" in columns:
        columns["true_shower_primary_id"] = columns["true_shower_primary_id"].astype(np.int64)
    values = {
        task: {q: read[n].astype(np.float64) for q, n in quantities.items()}
        for task, quantities in _LSTCHAIN.items()
        if all(n in read for n in quantities.values())
    }
    told = {q: read[n].astype(np.float64) for q, n in UNCERTAINTIES.items() if n in read}
    return columns, values | ({"uncertainties": told} if told else {})


def _numbers(table: h5py.Dataset) -> Iterator[str]:
    return (n for n in table.dtype.names or () if not table.dtype[n].shape and table.dtype[n].kind in "fiu")


__all__ = ["read_dl2"]

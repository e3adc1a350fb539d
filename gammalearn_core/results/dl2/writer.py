"""Predictions of a split as DL2 files in ctapipe's layout, one a particle."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from attrs import evolve
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core._version import __version__
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import text
from gammalearn_core.data.split import TEST
from gammalearn_core.data.split import split
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Task
from gammalearn_core.results.dl2.copying import copy_attributes
from gammalearn_core.results.dl2.copying import copy_group
from gammalearn_core.results.dl2.copying import copy_rows
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import set_text
from gammalearn_core.results.dl2.copying import write_raw
from gammalearn_core.results.dl2.grouping import SHOWER
from gammalearn_core.results.dl2.grouping import TEL_TRIGGER
from gammalearn_core.results.dl2.grouping import TRIGGER
from gammalearn_core.results.dl2.grouping import VERSION
from gammalearn_core.results.dl2.grouping import Output
from gammalearn_core.results.dl2.grouping import group
from gammalearn_core.results.dl2.tables import Values
from gammalearn_core.results.dl2.tables import algorithm_name
from gammalearn_core.results.dl2.tables import group_name
from gammalearn_core.results.dl2.tables import write_predictions
from gammalearn_core.results.predictions import Predictions

_log = logging.getLogger(__name__)
_RUN = "/configuration/simulation/run"
_DISTRIBUTION = "/simulation/service/shower_distribution"
_NEEDED = ("file", "obs_id", "event_id")


@frozen(kw_only=True)
class _Part:
    """A DL1 file that is open, and the events of it that belong to the split."""

    number: int
    h5: h5py.File
    keep: Callable[[h5py.Dataset], NDArray[np.bool_]]


def write_dl2(
    folder: Path,
    predictions: Predictions,
    *,
    tasks: Mapping[str, Task],
    files: Sequence[Path],
    name: str,
    share: float,
    only: Sequence[int] | None = None,
) -> list[Path]:
    """Write the predictions of the test split.

    Events of the split that were cut keep their row, without a prediction. Events of other splits are left out, and
    the numbers of simulated showers are scaled to the share of the split, so that effective areas stay right.

    Parameters
    ----------
    folder : Path
        Where the files go.
    predictions : Predictions
    tasks : mapping of str to Task
    files : sequence of Path
        DL1 files, in the order of the column ``file``.
    name : str
        Name of the experiment.
    share : float
        Share of the showers that the split holds: 1 if whole files are the split.
    only : sequence of int, optional
        Numbers of the files that it is a share of; by default all of them.

    Returns
    -------
    list of Path
        Nothing if the data do not come from ctapipe files, or no task has a DL2 quantity. There is no file for runs
        of which nothing was predicted.
    """
    wanted = {n: t for n, t in tasks.items() if t.record.dl2}
    if not wanted or not files or any(n not in predictions.events for n in _NEEDED):
        return []
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    predicted = set(np.unique(predictions.events["file"]).tolist())
    for output in _outputs(files, range(len(files)) if only is None else only):
        if not predicted & {source.number for source in output.inputs}:
            continue
        path = _free_name(folder, output.particle, written)
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        if _write(part, output, predictions, wanted, name, share):
            part.replace(path)
            written.append(path)
    return written


def _outputs(files: Sequence[Path], numbers: Sequence[int]) -> list[Output]:
    """DL2 files of some DL1 files, which keep their numbers."""
    outputs = group([files[number] for number in numbers])
    for output in outputs:
        output.inputs = [evolve(source, number=numbers[source.number]) for source in output.inputs]
    return outputs


def _free_name(folder: Path, particle: str, taken: Sequence[Path]) -> Path:
    """``gamma.dl2.h5``, then ``gamma_2.dl2.h5`` for another instrument or run numbers that repeat."""
    names = [particle, *(f"{particle}_{n}" for n in range(2, len(taken) + 2))]
    return next(path for n in names if (path := folder / f"{n}.dl2.h5") not in taken)


def _write(
    path: Path, output: Output, predictions: Predictions, tasks: Mapping[str, Task], name: str, share: float
) -> bool:
    """Write one file; False if none of its events belongs to the split."""
    with ExitStack() as stack:
        parts = []
        for source in output.inputs:
            h5 = stack.enter_context(h5py.File(source.path, "r", locking="best-effort"))
            parts.append(_Part(number=source.number, h5=h5, keep=_keeper(h5, share)))
        if not any(part.keep(part.h5[TRIGGER]).any() for part in parts):
            return False
        model = str(text(parts[0].h5.attrs.get(VERSION, "")))
        level = "telescope" if "tel_id" in predictions.events else "subarray"
        table = TEL_TRIGGER if level == "telescope" else TRIGGER
        ids = [_ids(part, table) for part in parts]
        with h5py.File(path, "w") as destination:
            _copy(parts, destination, share)
            _describe(parts[0].h5, destination, name, share)
            _write_tables(destination, ids, predictions, tasks, model, level)
    return True


def _keeper(h5: h5py.File, share: float) -> Callable[[h5py.Dataset], NDArray[np.bool_]]:
    """A function that tells which rows of an event table belong to the test split."""
    known = h5[SHOWER] if SHOWER in h5 else h5[TRIGGER]
    names = [n for n in known.dtype.names if n in ("obs_id", "event_id") or n.startswith("true_")]
    columns = {n: partial(read_column, known, n) for n in names}
    sides = split(EventTable(columns, len(known)), validation=0.0, test=share)
    chosen = _keys(known)[sides == TEST]
    return lambda table: np.isin(_keys(table), chosen)


def _keys(table: h5py.Dataset) -> NDArray[Any]:
    """``(obs_id, event_id)`` as one value a row."""
    keys = np.empty(len(table), dtype=[("obs_id", np.int64), ("event_id", np.int64)])
    for name in ("obs_id", "event_id"):
        keys[name] = table[name]
    return keys.view("V16")


def _copy(parts: list[_Part], destination: h5py.File, share: float) -> None:
    first = parts[0].h5
    copy_group(first, destination, "/configuration/instrument")
    copy_group(first, destination, "/simulation/service/atmosphere_density_profile")
    for path in (SHOWER, TRIGGER, TEL_TRIGGER):
        found = [(p.h5[path], p.keep(p.h5[path])) for p in parts if path in p.h5]
        if found:
            copy_rows(found, destination)
    paths = dict.fromkeys(p for part in parts for p in _whole_tables(part.h5))
    for path in paths:
        tables = [part.h5[path] for part in parts if path in part.h5]
        copy_rows([(t, np.ones(len(t), dtype=bool)) for t in tables], destination)
    if SHOWER in first:
        _scale_showers(destination, share)


def _whole_tables(h5: h5py.File) -> list[str]:
    """Tables that are joined whole: one row a run or a telescope."""
    found = []
    for folder in ("/configuration/simulation", "/configuration/observation", "/configuration/telescope/pointing"):
        group = h5.get(folder)
        if isinstance(group, h5py.Group):
            found += [f"{folder}/{n}" for n, node in group.items() if isinstance(node, h5py.Dataset)]
    monitoring = "/dl1/monitoring/telescope/pointing"
    found += [f"{monitoring}/{n}" for n in h5.get(monitoring, {})]
    return found + [p for p in (_DISTRIBUTION,) if p in h5]


def _scale_showers(destination: h5py.File, share: float) -> None:
    if _RUN not in destination:
        return
    runs = read_raw(destination[_RUN])
    before = runs["n_showers"].astype(np.float64)
    runs["n_showers"] = np.rint(before * share)
    write_raw(destination[_RUN], runs)
    if _DISTRIBUTION in destination:
        table = read_raw(destination[_DISTRIBUTION])
        factor = runs["n_showers"].sum() / before.sum() if before.sum() else share
        table["histogram"] = (table["histogram"] * factor).astype(table["histogram"].dtype)
        table["n_entries"] = np.rint(table["n_entries"] * factor)
        write_raw(destination[_DISTRIBUTION], table)


def _describe(first: h5py.File, destination: h5py.File, name: str, share: float) -> None:
    """Root attributes: those of the input, with our activity and what the file holds."""
    copy_attributes(first, destination, "CTA ")
    time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000")
    ours = {
        "CTA PRODUCT DATA LEVELS": "DL2",
        "CTA PRODUCT DESCRIPTION": f"Predictions of GammaLearn experiment {name}",
        "CTA PRODUCT CREATION TIME": time,
        "CTA PRODUCT ID": str(uuid.uuid4()),
        "CTA ACTIVITY NAME": "gammalearn run",
        "CTA ACTIVITY TYPE": "software",
        "CTA ACTIVITY ID": str(uuid.uuid4()),
        "CTA ACTIVITY START TIME": time,
        "CTA ACTIVITY STOP TIME": time,
        "CTA ACTIVITY SOFTWARE NAME": "gammalearn-core",
        "CTA ACTIVITY SOFTWARE VERSION": __version__,
        "CLASS": "GROUP",
        "VERSION": "1.0",
        "TITLE": "",
        "PYTABLES_FORMAT_VERSION": "2.1",
        "GAMMALEARN SPLIT": "test",
        "GAMMALEARN SPLIT SHARE": f"{share:g}",
    }
    for key, value in ours.items():
        set_text(destination, key, value)


def _ids(part: _Part, path: str) -> dict[str, NDArray[Any]]:
    """Ids of the rows that predictions are written for, and the file's number."""
    table = part.h5[path]
    keep = part.keep(table)
    names = [n for n in ("obs_id", "event_id", "tel_id") if n in table.dtype.names]
    ids = {n: table[n][keep] for n in names}
    return ids | {"file": np.full(int(np.count_nonzero(keep)), part.number)}


def _write_tables(
    h5: h5py.File,
    parts: list[dict[str, NDArray[Any]]],
    predictions: Predictions,
    tasks: Mapping[str, Task],
    model: str,
    level: str,
) -> None:
    ids = {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}
    names = ["file", "obs_id", "event_id", *(["tel_id"] if level == "telescope" else [])]
    seen = np.column_stack([predictions.events[n] for n in names]).astype(np.int64)
    rows = match(np.column_stack([ids[n] for n in names]).astype(np.int64), seen)
    if level == "subarray":
        stored = {n: ids[n] for n in ("obs_id", "event_id")}
        used = _used_telescopes(h5, predictions, rows)
        write_predictions(h5, _values(predictions, tasks, rows, model), stored, telescopes=used)
        return
    for tel_id in np.unique(seen[np.isin(seen[:, 0], ids["file"]), 3]):
        here = ids["tel_id"] == tel_id
        if here.any():
            stored = {n: ids[n][here] for n in ("obs_id", "event_id", "tel_id")}
            write_predictions(h5, _values(predictions, tasks, rows[here], model), stored)


def _used_telescopes(h5: h5py.File, predictions: Predictions, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Telescopes whose images took part in the prediction of each row, in the order of the layout."""
    layout = read_column(h5["/configuration/instrument/subarray/layout"], "tel_id").astype(np.int64)
    events = predictions.events
    used = np.zeros((len(events) + 1, len(layout)), dtype=bool)
    event = np.repeat(np.arange(len(events)), events.multiplicity)
    used[event, match(events.images["tel_id"][:, None].astype(np.int64), layout[:, None])] = True
    return used[rows]


def _values(predictions: Predictions, tasks: Mapping[str, Task], rows: NDArray[np.int64], model: str) -> list[Values]:
    """Predictions in the order of the trigger rows, NaN where there is none."""
    made = []
    for name, task in tasks.items():
        quantities = {}
        for quantity, values in predictions.values[name].items():
            padded = np.append(values.astype(np.float64), np.nan)
            quantities[quantity] = padded[rows]
        group = group_name(task.record.dl2, model)
        made.append(Values(algorithm=algorithm_name(name), group=group, quantities=quantities))
    return made


__all__ = ["write_dl2"]

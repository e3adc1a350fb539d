"""One DL2 file in ctapipe's layout: the DL1 files without their images, and predictions.

Networks that see one image at a time give tables of telescopes, and with them the combined prediction of the event: the
field's tools for instrument responses read tables of the subarray only.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.truth import Task
from gammalearn_core.results.dl2.combining import combine
from gammalearn_core.results.dl2.copying import copy_group
from gammalearn_core.results.dl2.copying import copy_rows
from gammalearn_core.results.dl2.grouping import SHOWER
from gammalearn_core.results.dl2.grouping import TEL_TRIGGER
from gammalearn_core.results.dl2.grouping import TRIGGER
from gammalearn_core.results.dl2.parts import Part
from gammalearn_core.results.dl2.parts import joined
from gammalearn_core.results.dl2.parts import predicted_rows
from gammalearn_core.results.dl2.reference import data_model
from gammalearn_core.results.dl2.showers import scale_showers
from gammalearn_core.results.dl2.tables import Values
from gammalearn_core.results.dl2.tables import algorithm_name
from gammalearn_core.results.dl2.tables import group_name
from gammalearn_core.results.dl2.tables import write_predictions
from gammalearn_core.results.predictions import Predictions

_RUN = "/configuration/simulation/run"
_DISTRIBUTION = "/simulation/service/shower_distribution"
_IMPACT = "/simulation/event/telescope/impact"
_LAYOUT = "/configuration/instrument/subarray/layout"
_SIMULATION = ("/simulation", "/configuration/simulation")


def write(
    h5: h5py.File, parts: Sequence[Part], predictions: Predictions, tasks: Mapping[str, Task], share: float | None
) -> None:
    """Fill a DL2 file, but for its root attributes.

    Raises
    ------
    DataError
        A prediction has no row in the DL1 files, or a table of them is damaged.
    """
    _copy(h5, parts)
    if share is not None:
        scale_showers(h5, share, runs=_RUN, distribution=_DISTRIBUTION)
    if "tel_id" in predictions.events:
        _write_telescopes(h5, parts, predictions, tasks)
    else:
        _write_subarray(h5, parts, predictions, tasks)


def _copy(h5: h5py.File, parts: Sequence[Part]) -> None:
    first = parts[0]
    simulated = first.input.simulated
    copy_group(first.h5, h5, "/configuration/instrument")
    if simulated:
        copy_group(first.h5, h5, "/simulation/service/atmosphere_density_profile")
    events = [TRIGGER, TEL_TRIGGER]
    if simulated:
        # ctapipe's event source wants the group, even if there is nothing in it.
        h5.require_group(_IMPACT.rpartition("/")[0])
        names = dict.fromkeys(n for part in parts for n in part.h5.get(_IMPACT, {}))
        events += [SHOWER, *(f"{_IMPACT}/{name}" for name in names)]
    for path in events:
        found = [(p.h5[path], p.keep(p.h5[path])) for p in parts if path in p.h5]
        if found:
            copy_rows(found, h5)
    paths = dict.fromkeys(p for part in parts for p in _whole_tables(part.h5))
    for path in paths:
        if simulated or not path.startswith(_SIMULATION):
            copy_rows([(part.h5[path], None) for part in parts if path in part.h5], h5)


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


def _write_subarray(h5: h5py.File, parts: Sequence[Part], predictions: Predictions, tasks: Mapping[str, Task]) -> None:
    ids = joined(parts, TRIGGER)
    rows = predicted_rows(parts, ids, predictions, ["file", "obs_id", "event_id"])
    used = _used_telescopes(predictions, rows, _layout(h5))
    made = _values(predictions, tasks, rows, data_model(parts[0].h5), used)
    write_predictions(h5, made, {n: ids[n] for n in ("obs_id", "event_id")})


def _write_telescopes(
    h5: h5py.File, parts: Sequence[Part], predictions: Predictions, tasks: Mapping[str, Task]
) -> None:
    ids, model = joined(parts, TEL_TRIGGER), data_model(parts[0].h5)
    rows = predicted_rows(parts, ids, predictions, ["file", "obs_id", "event_id", "tel_id"])
    values = _values(predictions, tasks, rows, model)
    for tel_id in np.unique(ids["tel_id"]):
        here = np.flatnonzero(ids["tel_id"] == tel_id)
        stored = {n: ids[n][here] for n in ("obs_id", "event_id", "tel_id")}
        write_predictions(h5, [value.taken(here) for value in values], stored)
    events = joined(parts, TRIGGER)
    event = match(_key(ids), _key(events))
    layout = _layout(h5)
    telescope = match(ids["tel_id"].astype(np.int64)[:, None], layout[:, None])
    shape = (len(events["obs_id"]), len(layout))
    combined = [combine(value, event, telescope, shape) for value in values]
    write_predictions(h5, combined, {n: events[n] for n in ("obs_id", "event_id")})


def _key(ids: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    return np.column_stack([ids[n] for n in ("file", "obs_id", "event_id")]).astype(np.int64)


def _layout(h5: h5py.File) -> NDArray[np.int64]:
    """Telescopes in the order of the layout."""
    return read_column(h5[_LAYOUT], "tel_id").astype(np.int64)


def _used_telescopes(predictions: Predictions, rows: NDArray[np.int64], layout: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Telescopes whose images took part in the prediction of each row, in the order of the layout."""
    events = predictions.events
    used = np.zeros((len(events) + 1, len(layout)), dtype=bool)
    event = np.repeat(np.arange(len(events)), events.multiplicity)
    used[event, match(events.images["tel_id"][:, None].astype(np.int64), layout[:, None])] = True
    return used[rows]


def _values(
    predictions: Predictions,
    tasks: Mapping[str, Task],
    rows: NDArray[np.int64],
    model: str,
    telescopes: NDArray[np.bool_] | None = None,
) -> list[Values]:
    """Predictions in the order of the trigger rows, NaN where there is none."""
    made = []
    for name, task in tasks.items():
        quantities = {}
        for quantity, values in predictions.values[name].items():
            padded = np.append(values.astype(np.float64), np.nan)
            quantities[quantity] = padded[rows]
        group = group_name(task.record.dl2, model)
        made.append(Values(algorithm=algorithm_name(name), group=group, quantities=quantities, telescopes=telescopes))
    return made


__all__ = ["write"]

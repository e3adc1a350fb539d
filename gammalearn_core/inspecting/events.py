"""Events of a file and their truth, from its tables of events: no image is read."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1 import ctapipe
from gammalearn_core.builtin.loaders.dl1 import lstchain
from gammalearn_core.builtin.loaders.dl1.formats import CALIBRATION
from gammalearn_core.builtin.loaders.dl1.ids import event_ids
from gammalearn_core.builtin.loaders.dl1.ids import taken
from gammalearn_core.builtin.loaders.dl1.nodes import find_table
from gammalearn_core.builtin.targets.particle import IDS
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.table import EventTable
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Range
from gammalearn_core.inspecting.wording import count

Values = NDArray[np.float64]

PRIMARY = "true_shower_primary_id"
_NEEDED = ("true_energy", "true_alt", "true_az", "true_core_x", "true_core_y")
"""Truth that may be learned, and so must be finite."""
_PARTICLES = {number: name for name, number in IDS.items()}
_LSTCHAIN = {name: column for column, name in lstchain.NAMES.items()}


@frozen(kw_only=True, eq=False)
class Events:
    """Events that triggered, each once."""

    ids: NDArray[np.int64]
    """``obs_id`` and ``event_id``, (n, 2)."""
    calibration: NDArray[np.bool_]
    truth: dict[str, Values]
    """By column, (n,), NaN where there is none; empty for observed events."""


def describe_events(info: FileInfo, h5: h5py.File) -> None:
    """Numbers of events by particle, their energies, and what is odd about them."""
    found = _of_lstchain(h5) if info.format == "lstchain" else _of_ctapipe(info, h5)
    if found is None:
        return
    info.events = len(found.ids)
    info.runs = len(np.unique(found.ids[:, 0]))
    if info.format == "lstchain":
        info.simulated = bool(found.truth)
    if not found.truth:
        return
    known = np.isfinite(found.truth[PRIMARY])
    missing = int(np.count_nonzero(~known & ~found.calibration))
    if missing:
        info.warn(f"{count(missing, 'event')} without truth")
    info.particles = _by_particle(found.truth[PRIMARY][known])
    info.energy_range = _energies(found.truth.get("true_energy", np.empty(0)))
    info.showers = _showers(found, known)
    _check_truth(info, found, known)


def _by_particle(primary: Values) -> dict[str, int]:
    numbers, counts = np.unique(primary.astype(np.int64), return_counts=True)
    named = {particle_name(int(n)): int(c) for n, c in zip(numbers, counts, strict=True)}
    return dict(sorted(named.items(), key=lambda item: -item[1]))


def particle_name(primary: int) -> str:
    """Name of a primary.

    Examples
    --------
    >>> particle_name(101), particle_name(1608)
    ('proton', 'primary 1608')
    """
    return _PARTICLES.get(primary, f"primary {primary}")


def _energies(energy: Values) -> Range | None:
    energy = energy[np.isfinite(energy)]
    return (float(energy.min()), float(energy.max())) if len(energy) else None


def _showers(found: Events, known: NDArray[np.bool_]) -> int:
    columns = {"obs_id": found.ids[known, 0], "event_id": found.ids[known, 1]}
    truth = {name: values[known] for name, values in found.truth.items()}
    return len(np.unique(shower_hash(EventTable(columns | truth, int(np.count_nonzero(known))))))


def _check_truth(info: FileInfo, found: Events, known: NDArray[np.bool_]) -> None:
    for name in _NEEDED:
        if name in found.truth:
            values = found.truth[name][known]
            odd = int(np.count_nonzero(~np.isfinite(values)))
            if odd:
                info.warn(f"{count(odd, 'event')} with a {name} that is not finite")
    unphysical = int(np.count_nonzero(found.truth.get("true_energy", np.empty(0)) <= 0))
    if unphysical:
        info.warn(f"{count(unphysical, 'event')} with a true_energy of 0 or less")


def _of_ctapipe(info: FileInfo, h5: h5py.File) -> Events | None:
    trigger, shower = (find_table(h5, path) for path in (ctapipe.TRIGGER, ctapipe.SHOWER))
    info.simulated = shower is not None
    if trigger is None:
        return None
    ids, rows = _distinct(info, trigger)
    calibration = np.zeros(len(ids), dtype=bool)
    if "event_type" in (trigger.dtype.names or ()):
        calibration = np.isin(read_column(trigger, "event_type")[rows], CALIBRATION)
    truth: dict[str, Values] = {}
    with info.noting():
        truth = _truth_of(info, shower, ids) if shower is not None else {}
    return Events(ids=ids, calibration=calibration, truth=truth)


def _distinct(info: FileInfo, table: h5py.Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of events, each once, and their rows."""
    ids = event_ids(table)
    rows = first_rows(ids)
    repeated = len(ids) - len(rows)
    if repeated:
        # The loader refuses to choose between two truths.
        tell = info.error if info.holds["images"] and table.name == ctapipe.SHOWER else info.warn
        tell(f"(obs_id, event_id) are repeated in {count(repeated, 'row')}", table=table.name)
    return ids[rows], rows


def first_rows(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of each of these ids, in their order.

    Examples
    --------
    >>> first_rows(np.array([[2, 7], [1, 7], [2, 7]])).tolist()
    [0, 1]
    """
    order = np.lexsort(ids.T)
    same = (ids[order][1:] == ids[order][:-1]).all(axis=1)
    return np.sort(order[np.concatenate([np.ones(min(1, len(ids)), dtype=bool), ~same])])


def _truth_of(info: FileInfo, shower: h5py.Dataset, ids: NDArray[np.int64]) -> dict[str, Values]:
    names = [n for n in (PRIMARY, *_NEEDED) if n in (shower.dtype.names or ())]
    if PRIMARY not in names:
        info.warn(f"has no column {PRIMARY!r}", table=shower.name)
        return {}
    columns = read_columns(shower, names)
    known, first = _distinct(info, shower)
    rows = match(ids, known)
    return {name: taken(columns[name].astype(np.float64)[first], rows) for name in names}


def _of_lstchain(h5: h5py.File) -> Events | None:
    """Events of tables that have one row an image."""
    tables = [table for level in ("dl1", "dl2") for table in _tables(h5, f"/{level}/event/telescope/parameters")]
    if not tables:
        return None
    ids = np.concatenate([event_ids(t) for t in tables])
    first = first_rows(ids)
    ids = ids[first]
    truth: dict[str, Values] = {}
    for name in (PRIMARY, *_NEEDED):
        if all(_LSTCHAIN[name] in (t.dtype.names or ()) for t in tables):
            values = np.concatenate([read_column(t, _LSTCHAIN[name]) for t in tables])
            truth[name] = values[first].astype(np.float64)
    primary = truth.get(PRIMARY, np.empty(0))
    if "true_energy" not in truth or not (primary >= 0).any():
        return Events(ids=ids, calibration=np.zeros(len(ids), dtype=bool), truth={})
    truth[PRIMARY] = np.where(primary >= 0, primary, np.nan)
    return Events(ids=ids, calibration=np.zeros(len(ids), dtype=bool), truth=truth)


def _tables(h5: h5py.File, folder: str) -> Iterator[h5py.Dataset]:
    for name in sorted(h5.get(folder, {})):
        table = find_table(h5, f"{folder}/{name}")
        if table is not None and len(table):
            yield table


__all__ = ["describe_events", "first_rows", "particle_name"]

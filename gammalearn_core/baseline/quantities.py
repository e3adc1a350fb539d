"""Which tasks of a run the baseline does, and the way from its quantities to those of the tasks and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Task
from gammalearn_core.results.predictions import Predictions

Floats = NDArray[np.float64]
COLUMNS = {
    "energy": "true_energy",
    "alt": "true_alt",
    "az": "true_az",
    "core_x": "true_core_x",
    "core_y": "true_core_y",
}
"""Quantities that are numbers, and the columns of their truth."""
QUANTITIES = {
    "particle": ("prediction",),
    "energy": ("energy",),
    "direction": ("alt", "az"),
    "impact": ("core_x", "core_y"),
}
"""Quantities of each kind of task."""


def kinds_of(tasks: Mapping[str, Task], *, level: str = "subarray") -> dict[str, str]:
    """By task that the baseline does: ``particle``, ``energy``, ``direction`` or ``impact``; the first of each kind.

    Of single images there are no impact points.
    """
    found: dict[str, str] = {}
    for name, task in tasks.items():
        kind = _kind(task)
        if kind and kind not in found.values() and (kind != "impact" or level == "subarray"):
            found[name] = kind
    return found


def _kind(task: Task) -> str | None:
    columns = set(task.record.columns)
    if task.record.dl2 == "classification" and task.record.geometry == "class":
        return "particle"
    if task.record.dl2 == "energy" and "true_energy" in columns:
        return "energy"
    if task.record.dl2 == "geometry" and {"true_alt", "true_az"} <= columns:
        return "direction"
    return "impact" if columns == {"true_core_x", "true_core_y"} else None


def predictions_of(
    quantities: Mapping[str, Floats], tasks: Mapping[str, Task], events: EventTable, rows: NDArray[np.int64]
) -> Predictions:
    """The baseline's quantities of these events, by task; impact points are there even if no task asks for them."""
    kinds = kinds_of(tasks)
    wanted = {name: QUANTITIES[kind] for name, kind in kinds.items()}
    if "impact" not in kinds.values():
        wanted["impact"] = QUANTITIES["impact"]
    values = {
        name: {q: quantities[q][rows] for q in parts}
        for name, parts in wanted.items()
        if all(q in quantities for q in parts)
    }
    return Predictions(events=events.take(rows), rows=rows, values=values)


def encoded(task: Task, values: Mapping[str, Floats], events: EventTable) -> NDArray[Any]:
    """Quantities as a network would give them, so that the run's metrics can be taken of them, (n, size)."""
    if "prediction" in values:
        return _scores(task, values["prediction"])
    pointing = {n: events[n] for n in ("pointing_alt", "pointing_az") if n in events}
    given = np.asarray(task.codec.encode({COLUMNS[q]: v for q, v in values.items()} | pointing))
    return given.reshape(len(given), -1)


def _scores(task: Task, gammaness: Floats) -> Floats:
    """Logarithms of the probabilities of the classes; what is not gamma is shared among the others."""
    classes = list(task.codec.classes)
    others = (1 - gammaness) / max(1, len(classes) - 1)
    shares = np.column_stack([gammaness if name == "gamma" else others for name in classes])
    return np.log(np.clip(shares, 1e-12, None))


__all__ = ["COLUMNS", "QUANTITIES", "encoded", "kinds_of", "predictions_of"]

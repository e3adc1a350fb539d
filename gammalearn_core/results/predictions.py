"""Predictions of a split, collected from the evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define
from attrs import field
from ignite.engine import Engine
from ignite.engine import Events
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Task


@define(kw_only=True)
class Predictions:
    """What a network predicts for rows of a table.

    Attributes
    ----------
    events : EventTable
        The rows that were predicted, one a sample.
    rows : array of int, (n,)
        Their numbers in the table of the run.
    values : dict of str to dict of str to array
        By task: quantities by name, such as ``energy`` (TeV) or ``alt`` and ``az`` (deg).
    """

    events: EventTable
    rows: NDArray[np.int64]
    values: dict[str, dict[str, NDArray[Any]]] = field(factory=dict)


def quantities(
    task: Task, prediction: NDArray[Any], uncertainty: NDArray[Any] | None, events: EventTable
) -> dict[str, NDArray[Any]]:
    """What a target decodes predictions to and, if both the loss and the target know of them, their uncertainties.

    Parameters
    ----------
    task : Task
    prediction : array of float, (n, size)
        The target's numbers.
    uncertainty : array of float, (n, size), optional
        Their standard deviations.
    events : EventTable
    """
    found = dict(task.codec.decode(prediction, events))
    tell = getattr(task.codec, "decode_uncertainty", None)
    if uncertainty is None or tell is None:
        return found
    return found | {name: value for name, value in tell(prediction, uncertainty, events).items() if name not in found}


class Collecting:
    """Attached to an evaluator, keeps the network's outputs in the order of the events."""

    def __init__(self) -> None:
        self._outputs: dict[str, list[NDArray[Any]]] = {}
        self._uncertainties: dict[str, list[NDArray[Any]]] = {}
        self._rows: list[NDArray[np.int64]] = []

    def attach(self, engine: Engine) -> None:
        """Collect the next run of this engine."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)

    def _collect(self, engine: Engine) -> None:
        output: Any = engine.state.output
        self._rows.append(output["rows"].cpu().numpy())
        for kept, name in ((self._outputs, "outputs"), (self._uncertainties, "uncertainties")):
            for task, value in output[name].items():
                kept.setdefault(task, []).append(value.detach().double().cpu().numpy())

    def predictions(self, events: EventTable, tasks: dict[str, Task]) -> Predictions:
        """Decoded predictions of the rows that were seen."""
        rows = np.concatenate([*self._rows, np.empty(0, dtype=np.int64)]).astype(np.int64)
        seen = events.take(rows)
        told = {name: np.concatenate(parts) for name, parts in self._uncertainties.items()}
        values = {
            name: quantities(task, np.concatenate(self._outputs[name]), told.get(name), seen)
            for name, task in tasks.items()
            if name in self._outputs
        }
        return Predictions(events=seen, rows=rows, values=values)


__all__ = ["Collecting", "Predictions", "quantities"]

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


class Collecting:
    """Attached to an evaluator, keeps the network's outputs in the order of the events."""

    def __init__(self) -> None:
        self._outputs: dict[str, list[NDArray[Any]]] = {}
        self._rows: list[NDArray[np.int64]] = []

    def attach(self, engine: Engine) -> None:
        """Collect the next run of this engine."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)

    def _collect(self, engine: Engine) -> None:
        output: Any = engine.state.output
        self._rows.append(output["rows"].cpu().numpy())
        for task, value in output["outputs"].items():
            self._outputs.setdefault(task, []).append(value.detach().double().cpu().numpy())

    def predictions(self, events: EventTable, tasks: dict[str, Task]) -> Predictions:
        """Decoded predictions of the rows that were seen."""
        rows = np.concatenate([*self._rows, np.empty(0, dtype=np.int64)]).astype(np.int64)
        seen = events.take(rows)
        values = {
            name: task.codec.decode(np.concatenate(self._outputs[name]), seen)
            for name, task in tasks.items()
            if name in self._outputs
        }
        return Predictions(events=seen, rows=rows, values=values)


__all__ = ["Collecting", "Predictions"]

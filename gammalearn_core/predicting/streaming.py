"""Predicting a file from its first image to its last, while a thread reads ahead. Only predictions are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.order import batches
from gammalearn_core.data.source import EventSource
from gammalearn_core.engine.ahead import read_ahead
from gammalearn_core.predicting.model import Model
from gammalearn_core.predicting.telling import Pace
from gammalearn_core.results.predictions import Predictions
from gammalearn_core.results.predictions import quantities

_AHEAD = 2
"""Batches that are read while the network computes."""


def predict_events(
    model: Model, source: EventSource, *, batch_size: int, pace: Pace, ask: Callable[[], None]
) -> Predictions:
    """Predictions of all events of a source.

    Parameters
    ----------
    model : Model
    source : EventSource
    batch_size : int
    pace : Pace
        Is told of each batch.
    ask : callable
        Called between batches; what it raises ends the prediction.
    """
    events = source.events
    rows = np.arange(len(events))
    kept: dict[str, list[NDArray[np.float32]]] = {task: [] for task in model.built.outputs.tasks}
    told: dict[str, list[NDArray[np.float32]]] = {}
    reading = read_ahead(batches(rows, batch_size), partial(model.read, source), ahead=_AHEAD)
    try:
        for batch in pace.waiting(reading):
            ask()
            outputs, uncertainties = model.predicted(batch, events)
            for task, values in outputs.items():
                kept[task].append(values.float().cpu().numpy())
            for task, values in uncertainties.items():
                told.setdefault(task, []).append(values.float().cpu().numpy())
            pace.count(len(batch))
    finally:
        reading.close()  # type: ignore[attr-defined]
    decoded = {}
    for name, target in model.built.tasks.items():
        spread = _joined(told[name], target.codec.size) if name in told else None
        decoded[name] = quantities(target, _joined(kept[name], target.codec.size), spread, events)
    return Predictions(events=events, rows=rows, values=decoded)


def _joined(parts: list[NDArray[np.float32]], size: int) -> NDArray[np.float64]:
    return np.concatenate(parts or [np.empty((0, size), dtype=np.float32)]).astype(np.float64)


__all__ = ["predict_events"]

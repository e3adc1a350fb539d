"""What the run's network predicts, again, from the weights that the run was tested with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.amp import autocast

from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import batches
from gammalearn_core.data.source import EventSource
from gammalearn_core.engine.steps import apply
from gammalearn_core.engine.steps import decoded_outputs
from gammalearn_core.engine.steps import outputs_of
from gammalearn_core.engine.steps import predicted_uncertainties
from gammalearn_core.predicting.weights import Weights
from gammalearn_core.predicting.weights import load_weights
from gammalearn_core.results.predictions import Predictions
from gammalearn_core.results.predictions import quantities

_CPU = torch.device("cpu")


def network_predictions(opened: OpenedRun, rows: NDArray[np.int64]) -> tuple[Predictions, Weights]:
    """Predictions of these events in the order given, and the weights that made them.

    Raises
    ------
    DataError
        The checkpoint is damaged, or is not what the run ended with.
    """
    weights = load_weights(opened.recorded, opened.built)
    return predicted(opened, rows), weights


def predicted(
    opened: OpenedRun,
    rows: NDArray[np.int64],
    *,
    source: EventSource | None = None,
    change: Callable[[Batch], Batch] | None = None,
) -> Predictions:
    """Predictions of these events with the weights as they are.

    Parameters
    ----------
    opened : OpenedRun
    rows : array of int, (n,)
    source : EventSource, optional
        Where images are read instead; of the same events.
    change : callable, optional
        What is done to each batch before the run's own transforms.
    """
    built, read = opened.built, (source or opened.selected).read
    built.network.eval()
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in built.outputs.tasks}
    told: dict[str, list[NDArray[np.float64]]] = {}
    with torch.no_grad():
        for part in batches(rows, built.experiment.batch_size):
            raw = read(part) if change is None else change(read(part))
            batch = apply(built.transforms, raw, _CPU, seed=None)
            if not np.array_equal(batch.events["row"].numpy(), part):
                raise AssertionError("a transform has changed the order of the events")
            with autocast("cpu", torch.bfloat16, enabled=built.experiment.precision == "bf16"):
                outputs = outputs_of(built.network, built, batch, opened.events)
            for name, value in decoded_outputs(built, outputs).items():
                found[name].append(value.double().numpy())
            for name, value in predicted_uncertainties(built, outputs).items():
                told.setdefault(name, []).append(value.double().numpy())
    seen = opened.events.take(rows)
    spreads = {name: np.concatenate(parts) for name, parts in told.items()}
    values = {n: quantities(t, np.concatenate(found[n]), spreads.get(n), seen) for n, t in built.tasks.items()}
    return Predictions(events=seen, rows=rows, values=values)


__all__ = ["network_predictions", "predicted"]

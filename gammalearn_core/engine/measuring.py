"""Losses and metrics of a whole split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import torch
from ignite.engine import Engine
from ignite.engine import Events
from ignite.exceptions import NotComputableError

from gammalearn_core.engine.distributed import alone
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.steps import balanced


class Measuring:
    """Attached to an evaluator, fills ``engine.state.metrics`` with ``loss``, ``<task>/loss`` and ``<task>/<metric>``.

    Losses are weighted means over all samples of the split that have truth, metrics are of all of these alike. What
    cannot be measured, because no sample has it, is NaN.
    """

    def __init__(self, running: RunningExperiment) -> None:
        self._running = running
        self._sums: dict[str, list[float]] = {}

    def attach(self, engine: Engine) -> None:
        """Measure every run of this engine."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def names(self) -> list[str]:
        """Names of all losses and metrics."""
        names = ["loss", *(f"{task}/loss" for task in self._running.built.outputs.tasks)]
        for task, metrics in self._running.built.metrics.items():
            for id, metric in metrics:
                metric.reset()
                names += [f"{task}/{name}" for name in _computed(id, metric)]
        return names

    def _start(self, engine: Engine) -> None:
        self._sums = {task: [0.0, 0.0] for task in self._running.built.outputs.tasks}
        for metrics in self._running.built.metrics.values():
            for _, metric in metrics:
                metric.reset()

    def _update(self, engine: Engine) -> None:
        output: Any = engine.state.output
        for task, (values, weights) in output["losses"].items():
            self._sums[task][0] += float((values.double() * weights.double()).sum())
            self._sums[task][1] += float(weights.double().sum())
        for task, metrics in self._running.built.metrics.items():
            has = self._running.truth.known(task, output["rows"])
            if has.any():
                for _, metric in metrics:
                    metric.update((output["outputs"][task][has], output["truth"][task][has]))

    def _finish(self, engine: Engine) -> None:
        engine.state.metrics = mean_losses(self._running, self._sums)
        for task, metrics in self._running.built.metrics.items():
            for id, metric in metrics:
                for name, value in _computed(id, metric).items():
                    key = f"{task}/{name}"
                    taken = name != "n" and key in engine.state.metrics
                    engine.state.metrics[f"{task}/{id}.{name}" if taken else key] = value


def mean_losses(running: RunningExperiment, sums: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Weighted mean of each task's losses, and of all joined, from sums of weighted losses and of weights.

    NaN where no sample has truth.
    """
    means = {task: total / weight if weight else math.nan for task, (total, weight) in sums.items()}
    measured = {task: torch.tensor(value, device=running.device) for task, value in means.items() if value == value}
    with torch.no_grad():
        loss = float(balanced(running, measured)) if measured else math.nan
    return {"loss": loss} | {f"{task}/loss": value for task, value in means.items()}


def _computed(id: str, metric: Any) -> dict[str, float]:
    short = id.rpartition(".")[2]
    try:
        with alone():
            result = metric.compute()
    except NotComputableError:
        return {short: math.nan}
    return {str(k): float(v) for k, v in result.items()} if isinstance(result, Mapping) else {short: float(result)}


__all__ = ["Measuring", "mean_losses"]

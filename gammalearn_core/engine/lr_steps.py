"""The steps of a learning-rate range test.

ignite's `FastaiLRFinder` (0.5.5) is not used: it makes the first step with the optimizer's own rate, records each loss
with the rate of the next step, and takes negative losses for diverging ones. It also compares losses of different
batches, which differ more among each other than the rates make them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from attrs import define
from attrs import field
from ignite.engine import Engine
from ignite.engine import Events
from numpy.typing import NDArray

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import derived_seed
from gammalearn_core.engine.loop import stopped
from gammalearn_core.engine.lr_curve import Curve
from gammalearn_core.engine.measuring import mean_losses
from gammalearn_core.engine.progress import TrainingProgress
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.steps import apply
from gammalearn_core.engine.steps import forward
from gammalearn_core.engine.steps import sample_losses
from gammalearn_core.engine.steps import training_batches
from gammalearn_core.engine.training import seed_all
from gammalearn_core.engine.training import train_step
from gammalearn_core.errors import NonFiniteLossError

_PROBED = 4
"""Batches of which the loss is measured after each step."""
_SILENT = logging.getLogger("gammalearn_core.ignite")
_SILENT.setLevel(logging.CRITICAL)


@define(kw_only=True)
class RangeTest:
    """Trains at growing rates; after each step the loss of always the same training batches is measured."""

    running: RunningExperiment
    rates: NDArray[np.float64]
    shares: list[float] = field(init=False)
    """The rate of each group of parameters, as a share of the largest."""
    ending: str = ""
    """Why it ended before its last step."""
    _probe: list[Batch] = field(init=False)
    _losses: list[float] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        own = [float(group["lr"]) for group in self.running.optimizer.param_groups]
        self.shares = [rate / max(own) if max(own) else 1.0 for rate in own]

    def run(self) -> Curve:
        """Make all steps, or those up to the one whose loss is not finite.

        Raises
        ------
        NonFiniteLossError
            The loss is not finite before the first step.
        StoppedError
            A signal or the end of the time asked for it.
        """
        trainer = self._trainer()
        self._probe = list(self._transformed(islice(training_batches(self.running), _PROBED)))
        before = self._loss()
        if not math.isfinite(before):
            raise NonFiniteLossError(
                "the loss is not finite before any weight is changed, so the learning rate is not the reason;"
                " gammalearn run lists the events of such a batch"
            )
        shown = TrainingProgress(console(), 1, self.running.device)
        shown.attach(trainer)
        try:
            trainer.run(_Endless(self.running), max_epochs=1, epoch_length=len(self.rates))
        except NonFiniteLossError:
            self._end(trainer.state.iteration - 1)
        finally:
            shown.close()
        return Curve(before=before, rates=self.rates[: len(self._losses)], losses=np.array(self._losses))

    def _trainer(self) -> Engine:
        running = self.running
        running.trainer = trainer = Engine(lambda _, batch: train_step(running, batch))
        trainer.logger = _SILENT
        trainer.add_event_handler(Events.ITERATION_STARTED, self._set_rate)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._measure)
        trainer.add_event_handler(Events.EXCEPTION_RAISED, _raise)
        return trainer

    def _set_rate(self, engine: Engine) -> None:
        """All groups of parameters keep the ratios of their rates; the largest is the one that is told."""
        for group, share in zip(self.running.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = share * float(self.rates[engine.state.iteration - 1])

    def _measure(self, engine: Engine) -> None:
        if self.running.stop.agreed:
            raise stopped(self.running)
        loss = self._loss()
        if math.isfinite(loss):
            self._losses.append(loss)
        else:
            self._end(engine.state.iteration)
            engine.terminate()

    def _end(self, step: int) -> None:
        self.ending = f"the loss is not finite after step {step}, at {self.rates[max(step, 1) - 1]:.2g}"

    def _transformed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        running = self.running
        for number, batch in enumerate(batches):
            seed = derived_seed(running.settings.seed, "probe", number)
            yield apply(running.built.transforms, batch, running.device, seed=seed)

    def _loss(self) -> float:
        """The loss of all batches that are measured, as training has it: with dropout and batch statistics."""
        running = self.running
        sums = dict.fromkeys(running.built.outputs.tasks, (0.0, 0.0))
        seed_all(running.device, derived_seed(running.settings.seed, "probe"))
        running.network.train()
        with torch.no_grad():
            for batch in self._probe:
                samples = sample_losses(running, forward(running, batch, running.network), batch)
                for task, (values, weights) in samples.items():
                    total, weight = sums[task]
                    sums[task] = total + float((values * weights).sum()), weight + float(weights.sum())
        return mean_losses(running, sums)["loss"]


class _Endless:
    """The batches of one epoch after the other."""

    def __init__(self, running: RunningExperiment) -> None:
        self._running = running

    def __iter__(self) -> Iterator[Batch]:
        return training_batches(self._running)


def _raise(engine: Engine, error: BaseException) -> None:
    raise error


__all__ = ["RangeTest"]

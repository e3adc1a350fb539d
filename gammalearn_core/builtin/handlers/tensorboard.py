"""Live monitoring."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

from ignite.engine import Engine
from ignite.engine import Events

if TYPE_CHECKING:
    from gammalearn_core.engine.running import RunningExperiment


def create(experiment: RunningExperiment, every: int = 10) -> Callable[[Engine], None]:
    """Write losses, gradient norms, metrics and learning rates: ``tensorboard --logdir RUN/tensorboard`` shows them.

    Parameters
    ----------
    every : int
        Steps between two points of the training loss.
    """
    writer = experiment.writer

    def write_step(engine: Engine) -> None:
        output: Any = engine.state.output
        for name, value in output["losses"].items():
            writer.add_scalar(f"train_step/{name}", value, engine.state.iteration)
        writer.add_scalar("train_step/gradient_norm", output["gradient_norm"], engine.state.iteration)

    def write_epoch(engine: Engine) -> None:
        epoch = engine.state.epoch
        for split, metrics in experiment.latest.items():
            for name, value in metrics.items():
                if math.isfinite(value):
                    writer.add_scalar(f"{name}/{split}", value, epoch)
        for index, group in enumerate(experiment.optimizer.param_groups):
            writer.add_scalar(f"learning_rate/{index}", group["lr"], epoch)
        writer.flush()

    experiment.trainer.add_event_handler(Events.ITERATION_COMPLETED(every=every), write_step)
    return write_epoch


__all__ = ["create"]

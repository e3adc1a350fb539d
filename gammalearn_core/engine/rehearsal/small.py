"""A real run, made small: the same components, device and loop, with few batches of each split."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define
from attrs import field
from ignite.engine import Engine
from ignite.engine import Events
from numpy.typing import NDArray

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.loop import Loop
from gammalearn_core.engine.prepare import describe_split
from gammalearn_core.engine.prepare import prepare
from gammalearn_core.engine.progress import TrainingProgress
from gammalearn_core.engine.progress import silent_console
from gammalearn_core.engine.rehearsal.few import FIT
from gammalearn_core.engine.rehearsal.few import FewSteps
from gammalearn_core.engine.rehearsal.few import few_rows
from gammalearn_core.engine.rehearsal.handlers import Calls
from gammalearn_core.engine.rehearsal.handlers import count_handlers
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.engine.rehearsal.watching import Watch
from gammalearn_core.engine.rehearsal.watching import watch_components
from gammalearn_core.engine.rehearsal.watching import watch_engines
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.signals import StopRequest


@define(kw_only=True)
class SmallRun:
    """A running experiment, and what it would be in full."""

    running: RunningExperiment
    splits: dict[str, NDArray[np.int64]]
    """Rows of the splits of the whole run."""
    steps: int
    """Of a training epoch of the whole run."""
    order: FewSteps
    described: dict[str, Any]
    """Cuts and splits of the whole run, as ``run.json`` has them."""
    watch: Watch = field(factory=Watch)
    handlers: list[Calls] = field(factory=list)
    loop: Loop = field(init=False)

    @property
    def sizes(self) -> dict[str, int]:
        """Samples of each split of the whole run."""
        return {name: len(rows) for name, rows in self.splits.items()}


def small_run(built: Built, folder: RunFolder, troubles: Troubles) -> SmallRun:
    """Prepare a run as it would be, schedule included, then leave few batches of it. It ends after its first epoch.

    Raises
    ------
    DataError, SettingsError
        As in a run.
    """
    running = prepare(built, folder, StopRequest(), World())
    small = SmallRun(
        running=running,
        splits=dict(running.splits),
        steps=len(running.order),
        order=FewSteps(running.order),
        described=describe_split(running),
    )
    running.order = small.order
    size = running.settings.batch_size
    running.splits = {n: few_rows(rows, size=size) for n, rows in small.splits.items()}
    running.splits["train"] = few_rows(small.splits["train"], size=size, batches=FIT)
    small.handlers = count_handlers(built, small.steps, small.sizes, troubles)
    watch_components(running, small.watch)
    small.loop = Loop(running, TrainingProgress(silent_console(), running.settings.epochs, running.device))
    watch_engines(running, small.watch)
    running.trainer.add_event_handler(Events.EPOCH_COMPLETED, _end)
    return small


def _end(engine: Engine) -> None:
    engine.terminate()


__all__ = ["SmallRun", "small_run"]

"""`RunningExperiment`: what handlers are given."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from typing import Any
from weakref import WeakSet

import torch
from attrs import define
from attrs import field
from ignite.engine import Engine
from ignite.engine import Events
from torch import nn
from torch.optim.swa_utils import AveragedModel

from gammalearn_core.data.order import Order
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.truth import Truth
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch.utils.tensorboard import SummaryWriter


@define(kw_only=True, slots=False)
class RunningExperiment:
    """An experiment while it runs: the argument of ``create_new_handler(experiment)``.

    Attributes
    ----------
    settings : Experiment
        What the settings file says.
    folder : RunFolder
        Where the run is written.
    network : nn.Module
    optimizer : torch.optim.Optimizer
    schedule : object or None
    trainer, validator, tester : ignite.engine.Engine
    source : EventSource
        The events that passed the cuts.
    splits : dict of str to array of int
        Rows of ``source`` of ``train``, ``validation`` and ``test``.
    order : Order
        The order of the training split, epoch by epoch.
    device : torch.device
    world : World
        The processes that train together; only the first one's folder is the run folder.
    average : torch.optim.swa_utils.AveragedModel or None
        The moving average of the network, if the settings ask for it.
    latest : dict of str to dict of str to float
        Newest metrics by split.
    metric_names : list of str
        Names of all losses and metrics of the validation.
    """

    settings: Experiment
    built: Built
    folder: RunFolder
    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Any
    source: EventSource
    truth: Truth
    splits: dict[str, NDArray[np.int64]]
    order: Order
    device: torch.device
    stop: StopRequest
    world: World
    parallel: nn.Module
    """The network as training calls it."""
    average: AveragedModel | None
    trainer: Engine = field(init=False)
    validator: Engine = field(init=False)
    tester: Engine = field(init=False)
    latest: dict[str, dict[str, float]] = field(factory=dict)
    metric_names: list[str] = field(factory=list)
    handlers: list[Any] = field(factory=list)
    readings: WeakSet[Any] = field(factory=WeakSet)

    @property
    def engines(self) -> dict[str, Engine]:
        """The engines by name."""
        return {"trainer": self.trainer, "validator": self.validator, "tester": self.tester}

    @property
    def predicting(self) -> nn.Module:
        """What validation, test and prediction are made with: the average, or the network itself."""
        return self.network if self.average is None else self.average.module

    @cached_property
    def writer(self) -> SummaryWriter:
        """TensorBoard's writer, in the run folder; made when it is first asked for."""
        from gammalearn_core.engine.monitoring import Writer

        writer = Writer(str(self.folder.tensorboard))
        # Steps after the checkpoint from which the run goes on are done again.
        self.trainer.add_event_handler(Events.STARTED, lambda trainer: writer.forget_from(trainer.state.iteration + 1))
        return writer

    def flush(self) -> None:
        """Write what the writer holds, if there is one."""
        if "writer" in vars(self):
            self.writer.flush()

    def close(self) -> None:
        """Close the writer, if there is one, what is still reading, and the files of the source."""
        if "writer" in vars(self):
            self.writer.close()
        for reading in list(self.readings):
            reading.close()
        self.source.close()


__all__ = ["RunningExperiment"]

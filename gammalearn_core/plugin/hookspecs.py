"""Every hook that a plug-in can implement: each yields records, and none takes an argument."""

from __future__ import annotations

from collections.abc import Iterable

from gammalearn_core.plugin.names import hookspec
from gammalearn_core.plugin.records import Command
from gammalearn_core.plugin.records import Filter
from gammalearn_core.plugin.records import Handler
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.records import Loss
from gammalearn_core.plugin.records import Metric
from gammalearn_core.plugin.records import Network
from gammalearn_core.plugin.records import Optimizer
from gammalearn_core.plugin.records import Report
from gammalearn_core.plugin.records import Target
from gammalearn_core.plugin.records import Transform


@hookspec
def gammalearn_loaders() -> Iterable[Loader]:  # type: ignore[empty-body]
    """Declare the file formats that the plug-in reads."""


@hookspec
def gammalearn_filters() -> Iterable[Filter]:  # type: ignore[empty-body]
    """Declare the cuts that choose which images and events are kept, and weights of events in the losses."""


@hookspec
def gammalearn_transforms() -> Iterable[Transform]:  # type: ignore[empty-body]
    """Declare what is done to a batch between file and network."""


@hookspec
def gammalearn_targets() -> Iterable[Target]:  # type: ignore[empty-body]
    """Declare what can be learned: how truth is encoded and predictions are decoded."""


@hookspec
def gammalearn_networks() -> Iterable[Network]:  # type: ignore[empty-body]
    """Declare the networks that the plug-in can build."""


@hookspec
def gammalearn_losses() -> Iterable[Loss]:  # type: ignore[empty-body]
    """Declare losses, and the ways of balancing several of them."""


@hookspec
def gammalearn_optimizers() -> Iterable[Optimizer]:  # type: ignore[empty-body]
    """Declare optimizers and learning-rate schedules."""


@hookspec
def gammalearn_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Declare what is measured on the validation and test splits."""


@hookspec
def gammalearn_handlers() -> Iterable[Handler]:  # type: ignore[empty-body]
    """Declare what happens when an engine fires an event."""


@hookspec
def gammalearn_reports() -> Iterable[Report]:  # type: ignore[empty-body]
    """Declare what is written once a run has ended."""


@hookspec
def gammalearn_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Declare subcommands of ``gammalearn``."""

"""From a built experiment to a running one: cuts, split, truth, transforms that measure, optimizer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import batches
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.split import SPLITS
from gammalearn_core.data.split import split
from gammalearn_core.data.truth import Truth
from gammalearn_core.data.truth import check_classes
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.loop import choose_device
from gammalearn_core.engine.loop import stopped
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.schedule import make_schedule
from gammalearn_core.engine.schedule import pace_of
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.engine.steps import apply
from gammalearn_core.engine.steps import read
from gammalearn_core.engine.steps import steps_per_epoch
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError

_log = logging.getLogger(__name__)


def select(built: Built) -> tuple[Selected, dict[str, NDArray[np.int64]]]:
    """What passes the cuts, and the rows of each split.

    Raises
    ------
    DataError
        Nothing is left to train on.
    SettingsError
        Some events have no class.
    """
    selected = Selected(built.source, built.cuts)
    for cut in selected.counts:
        _log.info("%s keeps %d of %d %ss", cut.name, cut.after, cut.before, cut.scope)
    if not len(selected.events):
        told = "; ".join(f"{c.name} keeps {c.after} of {c.before}" for c in selected.counts)
        raise DataError(f"no event is left after the cuts: {told}" if told else "the data have no events")
    problems = [p for task in built.tasks.values() for p in check_classes(selected.events, task)]
    if problems:
        raise SettingsError(problems)
    settings = built.experiment
    sides = split(selected.events, validation=settings.validation, test=settings.test)
    splits = {name: np.flatnonzero(sides == number) for number, name in enumerate(SPLITS)}
    if not len(splits["train"]):
        raise DataError(
            f"none of the {len(sides)} samples is in the training split: give more showers, or smaller shares"
        )
    for name, share in (("validation", settings.validation), ("test", settings.test)):
        if share and not len(splits[name]):
            _log.warning("no shower is in the %s split, though its share is %g: the data hold too few", name, share)
    return selected, splits


def check_tasks(truth: Truth, built: Built, splits: Mapping[str, NDArray[np.int64]]) -> None:
    """Refuse a task that no training sample has truth for; warn of classes that are not there.

    Raises
    ------
    DataError
        No training sample has truth for a task.
    """
    for name in built.tasks:
        if not truth.count(name, splits["train"]):
            raise DataError(f"no sample of the training split has truth for task {name!r}")
        for number, label in enumerate(built.tasks[name].codec.classes):
            if not truth.count_class(name, splits["train"], number):
                _log.warning("the training split has no %s, a class of task %r", label, name)


def prepare(built: Built, folder: RunFolder, stop: StopRequest) -> RunningExperiment:
    """Everything that training needs; no weight has been changed yet.

    Raises
    ------
    DataError
        Nothing is left to train on, or truth is missing.
    SettingsError
        The device, the optimizer or the schedule cannot be made.
    """
    settings = built.experiment
    device = choose_device(settings.device)
    selected, splits = select(built)
    truth = Truth(selected.events, built.tasks)
    check_tasks(truth, built, splits)
    network = built.network.to(device)
    modules = [network, built.balance, *built.losses.values()]
    parameters = [
        p for m in modules if isinstance(m, torch.nn.Module) for p in m.to(device).parameters() if p.requires_grad
    ]
    if not parameters:
        raise SettingsError([Problem("network", f"{built.parts['network'].ref.label} has no parameter to train")])
    optimizer = built.parts["optimizer"].make(parameters)
    running = RunningExperiment(
        settings=settings,
        built=built,
        folder=folder,
        network=network,
        optimizer=optimizer,
        schedule=None,
        source=selected,
        truth=truth,
        splits=splits,
        device=device,
        stop=stop,
    )
    if "schedule" in built.parts:
        part = built.parts["schedule"]
        total = settings.epochs * (steps_per_epoch(running) if pace_of(part) == "step" else 1)
        running.schedule = make_schedule(part, optimizer, total)
    return running


def fit_transforms(running: RunningExperiment) -> None:
    """Let transforms measure their constants on the training split, each on what the earlier ones leave."""
    transforms = running.built.transforms
    for number, (_, function) in enumerate(transforms):
        if hasattr(function, "fit"):
            function.fit(_training_batches(running, transforms[:number]))


def _training_batches(running: RunningExperiment, earlier: list[tuple[Any, Any]]) -> Iterator[Batch]:
    for rows in batches(running.splits["train"], running.settings.batch_size):
        if running.stop.signal:
            raise stopped(running)
        yield apply(earlier, read(running, rows), running.device, seed=None)


def describe_split(running: RunningExperiment) -> dict[str, Any]:
    """Cuts and splits, as ``run.json`` records them."""
    source = running.source
    assert isinstance(source, Selected)
    return {
        "cuts": [{"name": c.name, "scope": c.scope, "before": c.before, "after": c.after} for c in source.counts],
        "splits": {name: _describe_rows(running, rows) for name, rows in running.splits.items()},
    }


def _describe_rows(running: RunningExperiment, rows: NDArray[np.int64]) -> dict[str, Any]:
    events = running.source.events
    facts: dict[str, Any] = {"samples": len(rows)}
    if "true_shower_primary_id" in events:
        ids, counts = np.unique(np.asarray(events["true_shower_primary_id"])[rows], return_counts=True)
        facts["by_primary"] = dict(zip(map(str, ids.tolist()), counts.tolist(), strict=True))
    return facts


__all__ = ["describe_split", "fit_transforms", "prepare", "select"]

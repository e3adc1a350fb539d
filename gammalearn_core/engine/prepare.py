"""From a built experiment to a running one: cuts, split, truth, transforms that measure, optimizer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gammalearn_core.builtin.targets.particle import IDS
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import Order
from gammalearn_core.data.order import batches
from gammalearn_core.data.selection import CutCount
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.split import SPLITS
from gammalearn_core.data.split import shared_showers
from gammalearn_core.data.split import split_sources
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Truth
from gammalearn_core.data.truth import check_classes
from gammalearn_core.data.weights import event_weights
from gammalearn_core.engine.averaging import make_average
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.device import choose_device
from gammalearn_core.engine.device import compile_network
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.loop import stopped
from gammalearn_core.engine.provenance import events_sha256
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.schedule import make_schedule
from gammalearn_core.engine.schedule import pace_of
from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.engine.steps import apply
from gammalearn_core.engine.steps import read_all
from gammalearn_core.engine.steps import steps_per_epoch
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.settings.experiment import Experiment

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
        _log.info("%s", _told(cut))
    if not len(selected.events):
        counts = "; ".join(f"{c.name} keeps {c.after} of {c.before}" for c in selected.counts)
        raise DataError(f"no event is left after the cuts: {counts}" if counts else "the data have no events")
    problems = [p for task in built.tasks.values() for p in check_classes(selected.events, task)]
    problems += _shared(selected.events, tuple(built.experiment.data))
    if problems:
        raise SettingsError(problems)
    return selected, _splits(selected.events, built.experiment)


def _shared(events: EventTable, sources: Sequence[str]) -> list[Problem]:
    """Showers that two sources have, which are to be different splits."""
    return [
        Problem(
            f"data[{one!r}], data[{other!r}]",
            f"{count} showers are in both sources, so that these splits are not independent",
            "give each file to one of them; simulations may reuse a shower, but not in another file",
        )
        for (one, other), count in shared_showers(events, sources).items()
    ]


def _splits(events: EventTable, settings: Experiment) -> dict[str, NDArray[np.int64]]:
    """Rows of each split; warns of those that are empty."""
    sources = tuple(settings.data)
    sides = split_sources(events, sources, validation=settings.validation, test=settings.test)
    splits = {name: np.flatnonzero(sides == number) for number, name in enumerate(SPLITS)}
    if not len(splits["train"]):
        raise DataError(
            f"none of the {len(sides)} samples is in the training split: give more showers, or smaller shares"
        )
    for name, share in (("validation", settings.validation), ("test", settings.test)):
        if name in sources and not len(splits[name]):
            _log.warning("the cuts leave nothing of the source %r, so there is no %s split", name, name)
        elif share and not len(splits[name]):
            _log.warning("no shower is in the %s split, though its share is %g: the data hold too few", name, share)
    return splits


def _told(cut: CutCount) -> str:
    """What a cut keeps, of each particle too.

    Examples
    --------
    >>> _told(CutCount(name="core.energy", scope="event", before=10, after=7, by_primary={0: (6, 5), 101: (4, 2)}))
    'core.energy keeps 7 of 10 events (gamma 5 of 6, proton 2 of 4)'
    """
    names = {number: name for name, number in IDS.items()} | {-1: "without truth"}
    parts = [f"{names.get(p, f'primary {p}')} {after} of {before}" for p, (before, after) in cut.by_primary.items()]
    particles = f" ({', '.join(parts)})" if parts else ""
    return f"{cut.name} keeps {cut.after} of {cut.before} {cut.scope}s{particles}"


def check_tasks(truth: Truth, built: Built, splits: Mapping[str, NDArray[np.int64]]) -> None:
    """Refuse a task that no training sample has truth for, or weight; warn of classes that are not there.

    Raises
    ------
    DataError
        No training sample has truth for a task, or all that have it weigh nothing.
    """
    for name in built.tasks:
        if not truth.count(name, splits["train"]):
            raise DataError(f"no sample of the training split has truth for task {name!r}")
        if not truth.total_weight(name, splits["train"]):
            weights = ", ".join(weight for weight, _ in built.weights)
            raise DataError(f"all samples of the training split have weight 0 for task {name!r}, by {weights}")
        for number, label in enumerate(built.tasks[name].codec.classes):
            if not truth.count_class(name, splits["train"], number):
                _log.warning("the training split has no %s, a class of task %r", label, name)


def prepare(built: Built, folder: RunFolder, stop: StopRequest, world: World) -> RunningExperiment:
    """Everything that training needs; no weight has been changed yet.

    Raises
    ------
    DataError
        Nothing is left to train on, or truth is missing.
    SettingsError
        The device, the optimizer or the schedule cannot be made.
    """
    settings = built.experiment
    device = choose_device(settings.device, world)
    selected, splits = select(built)
    weights = event_weights(selected.events, splits.values(), built.weights) if built.weights else None
    truth = Truth(selected.events, built.tasks, weights=weights)
    check_tasks(truth, built, splits)
    network = built.network.to(device)
    modules = [network, built.balance, *built.losses.values()]
    parameters = [
        p for m in modules if isinstance(m, torch.nn.Module) for p in m.to(device).parameters() if p.requires_grad
    ]
    if not parameters:
        raise SettingsError([Problem("network", f"{built.parts['network'].ref.label} has no parameter to train")])
    average = make_average(network, settings.ema)
    if settings.compile:
        compile_network(network, device)
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
        order=_order(selected, splits["train"], settings),
        device=device,
        stop=stop,
        world=world,
        parallel=world.parallel(network, device),
        average=average,
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


def _order(source: Selected, rows: NDArray[np.int64], settings: Experiment) -> Order:
    """The order of the training split; what is read together is grouped by source and particle."""
    blocks, events = source.blocks, source.events
    groups = np.zeros(len(blocks) - 1, dtype=np.int64)
    for name in ("domain", "true_shower_primary_id"):
        if name in events:
            _, kinds = np.unique(np.asarray(events[name])[blocks[:-1]], return_inverse=True)
            groups = groups * (int(kinds.max(initial=0)) + 1) + kinds.reshape(-1)
    capacity = source.capacity
    return Order(rows, blocks, groups, capacity=capacity, size=settings.batch_size, seed=settings.seed)


def _training_batches(running: RunningExperiment, earlier: list[tuple[Any, Any]]) -> Iterator[Batch]:
    for batch in read_all(running, batches(running.splits["train"], running.settings.batch_size)):
        if running.stop.ask(running.world):
            raise stopped(running)
        yield apply(earlier, batch, running.device, seed=None)


def describe_split(running: RunningExperiment) -> dict[str, Any]:
    """Cuts and splits, as ``run.json`` records them."""
    source = running.source
    assert isinstance(source, Selected)
    return {
        "cuts": [_describe_cut(cut) for cut in source.counts],
        "splits": {name: _describe_rows(running, rows) for name, rows in running.splits.items()},
    }


def _describe_cut(cut: CutCount) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": cut.name, "scope": cut.scope, "before": cut.before, "after": cut.after}
    if cut.by_primary:
        facts["by_primary"] = {str(p): {"before": b, "after": a} for p, (b, a) in cut.by_primary.items()}
    return facts


def _describe_rows(running: RunningExperiment, rows: NDArray[np.int64]) -> dict[str, Any]:
    events, sources = running.source.events, tuple(running.settings.data)
    digest = events_sha256(running.source.events, rows, running.built.files)
    facts: dict[str, Any] = {"samples": len(rows), "events_sha256": digest}
    if len(sources) > 1:
        counts = np.bincount(events["domain"][rows], minlength=len(sources))
        facts["by_source"] = dict(zip(sources, counts.tolist(), strict=True))
    if "true_shower_primary_id" in events:
        ids, numbers = np.unique(np.asarray(events["true_shower_primary_id"])[rows], return_counts=True)
        facts["by_primary"] = dict(zip(map(str, ids.tolist()), numbers.tolist(), strict=True))
    return facts


__all__ = ["describe_split", "fit_transforms", "prepare", "select"]

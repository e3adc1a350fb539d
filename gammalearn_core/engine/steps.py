"""Parts of a step: read, transform, predict, compare."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import nn
from torch.amp import autocast

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import derived_seed
from gammalearn_core.data.table import EventTable
from gammalearn_core.engine.ahead import read_ahead
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.contracts import checked_batch
from gammalearn_core.engine.contracts import checked_losses
from gammalearn_core.engine.contracts import checked_outputs
from gammalearn_core.engine.contracts import checked_uncertainty
from gammalearn_core.engine.gathering import Evaluated
from gammalearn_core.engine.gathering import gathered
from gammalearn_core.engine.running import RunningExperiment

Outputs = dict[str, Tensor]


def training_batches(running: RunningExperiment) -> Iterator[Batch]:
    """Batches of one epoch, from the one that is next: this process's share of each.

    Which epoch and where in it follow from the trainer's iteration, so that a run can go on anywhere.
    """
    epoch, start = divmod(running.trainer.state.iteration, steps_per_epoch(running))
    world = running.world
    return read_all(running, running.order.steps(epoch, start, rank=world.rank, world=world.size))


def read_all(running: RunningExperiment, parts: Iterable[NDArray[np.int64]]) -> Iterator[Batch]:
    """Batches of these rows with truth, on the device, read ahead as the settings say."""
    made = read_ahead(parts, partial(_read, running), ahead=running.settings.read_ahead)
    running.readings.add(made)
    return made


def steps_per_epoch(running: RunningExperiment) -> int:
    """Steps of a training epoch; the last batch may be smaller."""
    return len(running.order)


def _read(running: RunningExperiment, rows: NDArray[np.int64]) -> Batch:
    return running.truth.attach(running.source.read(rows)).to(running.device, non_blocking=True)


def apply(transforms: list[tuple[Part, Any]], batch: Batch, device: torch.device, *, seed: int | None) -> Batch:
    """The batch after these transforms; random ones only if there is a seed, that is, in training."""
    for number, (part, function) in enumerate(transforms):
        generator = torch.Generator(device=device)
        if part.fact("random"):
            if seed is None:
                continue
            generator.manual_seed(derived_seed(seed, "transform", number))
        label = f"transform {part.ref.label}"
        batch = checked_batch(function(batch, generator), before=batch, outputs=function.outputs, label=label)
    return batch


def forward(running: RunningExperiment, batch: Batch, network: nn.Module) -> Outputs:
    """What a network predicts, by task: ``(n, size)``, in single precision."""
    half = running.settings.precision == "bf16"
    with autocast(running.device.type, torch.bfloat16) if half else nullcontext():
        return outputs_of(network, running.built, batch, running.source.events)


def outputs_of(network: nn.Module, built: Built, batch: Batch, events: EventTable) -> Outputs:
    """What a network predicts, checked, in single precision; ``events`` is the table that the batch has rows of."""
    if built.stereo:
        outputs = network(replace(batch, truth={}, weight={}))
    else:
        taken = built.parts["network"].fact("takes")
        outputs = network(batch.mono.pixels, **{name: _column(events, batch, name) for name in taken})
    label = f"network {built.parts['network'].ref.label}"
    checked = checked_outputs(outputs, wanted=built.outputs, n=len(batch), label=label)
    return {name: value.float() for name, value in checked.items()}


def _column(events: EventTable, batch: Batch, name: str) -> Tensor:
    """A column that a network takes: of the images, of the batch's events, or of the event table."""
    for columns in (batch.mono.columns, batch.events):
        if name in columns:
            return columns[name].to(batch.mono.pixels.dtype)
    rows = batch.events["row"].cpu().numpy()
    return torch.from_numpy(np.asarray(events[name][rows])).to(batch.mono.pixels)


def sample_losses(running: RunningExperiment, outputs: Outputs, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
    """By task: losses of the samples that have truth, and their weights."""
    result = {}
    for name in running.built.outputs.tasks:
        has = batch.weight[name] > 0
        whole = running.built.parts[f"losses[{name!r}]"].fact("scope") == "outputs"
        prediction = {k: v[has] for k, v in outputs.items()} if whole else outputs[name][has]
        truth, label = batch.truth[name][has], f"loss of task {name!r}"
        values = checked_losses(running.built.losses[name](prediction, truth), n=len(truth), label=label)
        result[name] = (values, batch.weight[name][has])
    return result


def balanced(running: RunningExperiment, losses: Mapping[str, Tensor]) -> Tensor:
    """One scalar of the losses of all tasks."""
    if running.built.balance is not None:
        shared = getattr(running.network, "shared_parameters", running.network.parameters)
        total: Tensor = running.built.balance(dict(losses), tuple(shared()))
        return total
    return torch.stack(list(losses.values())).sum()


def evaluate_step(running: RunningExperiment, batch: Batch) -> dict[str, Any]:
    """Predictions and losses of samples, with the weights as they are; those of all processes, in their order."""
    network = running.predicting
    network.eval()
    with torch.no_grad():
        transformed = apply(running.built.transforms, batch, running.device, seed=None)
        outputs = forward(running, transformed, network)
        losses = sample_losses(running, outputs, transformed)
    decoded = decoded_outputs(running.built, outputs)
    told = Evaluated(decoded, losses, transformed, predicted_uncertainties(running.built, outputs))
    return gathered(running.world, told) | {"batch": transformed}


def decoded_outputs(built: Built, outputs: Outputs) -> Outputs:
    """From the numbers that losses ask for to those of the targets, where a loss says how."""
    decoders = {name: getattr(built.losses[name], "decode", None) for name in outputs}
    return {name: value if (decode := decoders[name]) is None else decode(value) for name, value in outputs.items()}


def predicted_uncertainties(built: Built, outputs: Outputs) -> Outputs:
    """Standard deviations of the numbers of targets, ``(n, k)``, of the tasks whose loss says them."""
    found = {}
    for name, value in outputs.items():
        tell = getattr(built.losses[name], "uncertainty", None)
        if tell is not None:
            label = f"uncertainty of loss of task {name!r}"
            found[name] = checked_uncertainty(
                tell(value), n=len(value), size=built.tasks[name].codec.size, label=label
            ).float()
    return found


__all__ = [
    "apply",
    "balanced",
    "decoded_outputs",
    "evaluate_step",
    "forward",
    "outputs_of",
    "predicted_uncertainties",
    "read_all",
    "sample_losses",
    "steps_per_epoch",
    "training_batches",
]

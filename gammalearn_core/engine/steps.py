"""One step: read, transform, predict, compare."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import derived_seed
from gammalearn_core.engine.ahead import read_ahead
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.contracts import checked_batch
from gammalearn_core.engine.contracts import checked_losses
from gammalearn_core.engine.contracts import checked_outputs
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.errors import NonFiniteLossError

_log = logging.getLogger(__name__)

Outputs = dict[str, Tensor]


def training_batches(running: RunningExperiment) -> Iterator[Batch]:
    """Batches of one epoch, from the one that is next.

    Which epoch and where in it follow from the trainer's iteration, so that a run can go on anywhere.
    """
    epoch, start = divmod(running.trainer.state.iteration, steps_per_epoch(running))
    return read_all(running, running.order.steps(epoch, start))


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


def forward(running: RunningExperiment, batch: Batch) -> Outputs:
    """What the network predicts, by task: ``(n, size)``."""
    if running.built.stereo:
        outputs = running.network(replace(batch, truth={}, weight={}))
    else:
        images = batch.mono
        taken = running.built.parts["network"].fact("takes")
        outputs = running.network(images.pixels, **{name: _column(running, batch, name) for name in taken})
    label = f"network {running.built.parts['network'].ref.label}"
    return checked_outputs(outputs, wanted=running.built.outputs, n=len(batch), label=label)


def _column(running: RunningExperiment, batch: Batch, name: str) -> Tensor:
    """A column that a network takes: of the images, of the batch's events, or of the event table."""
    for columns in (batch.mono.columns, batch.events):
        if name in columns:
            return columns[name].to(batch.mono.pixels.dtype)
    rows = batch.events["row"].cpu().numpy()
    return torch.from_numpy(np.asarray(running.source.events[name][rows])).to(batch.mono.pixels)


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


def train_step(running: RunningExperiment, batch: Batch) -> dict[str, Any]:
    """Update the weights once. All randomness is a function of the seed and the step.

    Raises
    ------
    NonFiniteLossError
        The loss is NaN or infinite; the weights are untouched.
    """
    step = running.trainer.state.iteration
    seed = derived_seed(running.settings.seed, "step", step)
    torch.manual_seed(seed)
    running.network.train()
    running.optimizer.zero_grad(set_to_none=True)
    batch = apply(running.built.transforms, batch, running.device, seed=seed)
    outputs = forward(running, batch)
    samples = sample_losses(running, outputs, batch)
    losses = {name: (v * w).sum() / w.sum() for name, (v, w) in samples.items() if len(v)}
    total = balanced(running, losses) if losses else torch.zeros((), device=running.device)
    # A task that no sample of the batch has truth for takes no part, but its parameters have a gradient.
    total = total + sum(outputs[name].sum() * 0 for name in samples if name not in losses)
    if not torch.isfinite(total):
        raise NonFiniteLossError(_non_finite(running, losses, batch, step))
    total.backward()  # type: ignore[no-untyped-call]
    running.optimizer.step()
    return {
        "losses": {"loss": float(total.detach())} | {n: float(v.detach()) for n, v in losses.items()},
        "sums": {n: (float((v * w).detach().sum()), float(w.sum())) for n, (v, w) in samples.items()},
        "n": len(batch),
    }


def evaluate_step(running: RunningExperiment, batch: Batch) -> dict[str, Any]:
    """Predictions and losses of samples, with the weights as they are."""
    running.network.eval()
    with torch.no_grad():
        transformed = apply(running.built.transforms, batch, running.device, seed=None)
        outputs = forward(running, transformed)
        losses = sample_losses(running, outputs, transformed)
    decoded = {name: _decode_loss(running, name, value) for name, value in outputs.items()}
    return {"outputs": decoded, "losses": losses, "batch": transformed}


def _decode_loss(running: RunningExperiment, name: str, prediction: Tensor) -> Tensor:
    """From the numbers that a loss asks for to those of the target, if it says how."""
    decode = getattr(running.built.losses[name], "decode", None)
    return prediction if decode is None else decode(prediction)


def _non_finite(running: RunningExperiment, losses: Mapping[str, Tensor], batch: Batch, step: int) -> str:
    bad = [name for name, value in losses.items() if not torch.isfinite(value)]
    rows = batch.events["row"].cpu().numpy()
    table = running.source.events
    names = [n for n in ("file", "obs_id", "event_id", "tel_id") if n in table]
    events = [{n: int(table[n][r]) for n in names} for r in rows]
    path = running.folder.path / "non_finite.json"
    running.folder.write_json(
        path, {"step": step, "losses": {n: float(v.detach()) for n, v in losses.items()}, "events": events}
    )
    return (
        f"the loss of {', '.join(bad) or 'the balance'} is not finite at step {step}; the optimizer has not used it."
        f" The batch's events are listed in {path.name}. A lower learning rate often helps"
    )


__all__ = [
    "apply",
    "evaluate_step",
    "forward",
    "read_all",
    "sample_losses",
    "steps_per_epoch",
    "train_step",
    "training_batches",
]

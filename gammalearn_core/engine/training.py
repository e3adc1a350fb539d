"""One training step: the weights are updated once, by all processes alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import nullcontext
from typing import Any

import torch
from attrs import define
from attrs import field
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_
from torch.nn.utils import get_total_norm

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import derived_seed
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.steps import apply
from gammalearn_core.engine.steps import balanced
from gammalearn_core.engine.steps import forward
from gammalearn_core.engine.steps import sample_losses
from gammalearn_core.errors import NonFiniteLossError

_IDENTITY = ("file", "obs_id", "event_id", "tel_id")


@define
class _Sums:
    """What a step adds up over the parts of its batch and over all processes."""

    weighted: dict[str, float]
    """By task: losses times weights."""
    total: float = 0.0
    samples: float = 0.0
    stops: float = 0.0

    def over(self, running: RunningExperiment) -> _Sums:
        """The same of all processes."""
        numbers = [*self.weighted.values(), self.total, self.samples, self.stops]
        *weighted, total, samples, stops = running.world.total(numbers)
        return _Sums(dict(zip(self.weighted, weighted, strict=True)), total, samples, stops)


@define(kw_only=True)
class _Step:
    """A step that is being made."""

    running: RunningExperiment
    number: int
    batch: Batch
    """This process's share, transformed."""
    parts: list[Batch]
    weights: dict[str, float] = field(factory=dict)
    """By task: weights of the whole batch, summed."""
    addends: float = 1.0
    """Parts of all processes together."""


def train_step(running: RunningExperiment, batch: Batch) -> dict[str, Any]:
    """Update the weights once. All randomness is a function of the seed, the step and the process.

    Losses are divided by the weights of the whole batch, wherever its parts are, so that gradients are those that one
    process would have. A balance is called for each part with losses as large as those of a whole batch, and what it
    gives is averaged: that is the same for any that is linear in the losses.

    Returns
    -------
    dict
        ``losses`` (``loss`` and by task), ``sums`` (by task: weighted losses and weights, summed), ``n`` and
        ``gradient_norm``: numbers, the same in all processes.

    Raises
    ------
    NonFiniteLossError
        The loss or the gradient is NaN or infinite; the weights are untouched.
    """
    number = running.trainer.state.iteration
    process = (running.world.rank,) if running.world.rank else ()
    seed = derived_seed(running.settings.seed, "step", number, *process)
    seed_all(running.device, seed)
    if not running.network.training:
        running.network.train()
    running.optimizer.zero_grad(set_to_none=True)
    batch = apply(running.built.transforms, batch, running.device, seed=seed)
    step = _Step(running=running, number=number, batch=batch, parts=_parts(batch, running.settings.accumulate))
    _weigh(step)
    sums = _backward(step)
    losses = {name: sums.weighted[name] / weight for name, weight in step.weights.items() if weight}
    parameters = _parameters(running)
    norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
    if not math.isfinite(norm):
        raise NonFiniteLossError(_non_finite(step, losses, "the gradient"))
    if running.settings.clip_norm is not None:
        clip_grads_with_norm_(parameters, running.settings.clip_norm, norm)
    running.optimizer.step()
    if running.average is not None:
        running.average.update_parameters(running.network)
    return {
        "losses": {"loss": sums.total} | losses,
        "sums": {name: (sums.weighted[name], weight) for name, weight in step.weights.items()},
        "n": int(sums.samples),
        "gradient_norm": float(norm),
    }


def seed_all(device: torch.device, seed: int) -> None:
    """Seed what dropout and the like draw from. ``torch.manual_seed`` takes 0.1 ms for devices that are not there."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _parts(batch: Batch, count: int) -> list[Batch]:
    """The batch in about equal parts; fewer if it is too small."""
    if count == 1 or len(batch) < 2:
        return [batch]
    rows = torch.arange(len(batch), device=batch.events["row"].device)
    return [batch.take(part) for part in rows.tensor_split(min(count, len(batch)))]


def _weigh(step: _Step) -> None:
    """Sum weights over all processes."""
    tasks = list(step.running.built.outputs.tasks)
    mine = [float(step.batch.weight[name].sum()) for name in tasks]
    *weights, step.addends = step.running.world.total([*mine, len(step.parts)])
    step.weights = dict(zip(tasks, weights, strict=True))


def _backward(step: _Step) -> _Sums:
    """Add up the gradients of all parts. All processes look at the loss before the last of them is added."""
    running = step.running
    sums = _Sums(dict.fromkeys(step.weights, 0.0), samples=len(step.batch), stops=bool(running.stop.reason))
    for part, last in _marked(step.parts):
        with _kept_apart(running, last=last):
            total = _loss(step, part, sums)
            if last:
                sums = sums.over(running)
                running.stop.settle(bool(sums.stops))
                if not math.isfinite(sums.total):
                    losses = {name: sums.weighted[name] / weight for name, weight in step.weights.items() if weight}
                    raise NonFiniteLossError(_non_finite(step, losses, "the balance"))
            # Processes are averaged, and parts are to be added.
            share = running.world.size / step.addends
            (total if share == 1 else total * share).backward()  # type: ignore[no-untyped-call]
    if running.world.size > 1:
        of_network = set(running.network.parameters())
        running.world.average_gradients(p for p in _parameters(running) if p not in of_network)
    return sums


def _marked(parts: list[Batch]) -> Iterator[tuple[Batch, bool]]:
    for number, part in enumerate(parts, start=1):
        yield part, number == len(parts)


def _kept_apart(running: RunningExperiment, *, last: bool) -> AbstractContextManager[None]:
    """Where gradients stay in this process until the last part."""
    network = running.parallel
    return network.no_sync() if isinstance(network, DistributedDataParallel) and not last else nullcontext()


def _loss(step: _Step, part: Batch, sums: _Sums) -> Tensor:
    """The loss of a part, as large as that of the whole batch."""
    running = step.running
    outputs = forward(running, part, running.parallel)
    samples = sample_losses(running, outputs, part)
    added = {name: (values * weights).sum() for name, (values, weights) in samples.items()}
    for name, value in added.items():
        sums.weighted[name] += float(value.detach())
    losses = {name: added[name] / (weight / step.addends) for name, weight in step.weights.items() if weight}
    total = balanced(running, losses) if losses else torch.zeros((), device=running.device)
    # A task that no sample of the batch has truth for takes no part, but its parameters have a gradient.
    for name in samples:
        if name not in losses:
            total = total + outputs[name].sum() * 0
    sums.total += float(total.detach()) / step.addends
    return total


def _parameters(running: RunningExperiment) -> list[Tensor]:
    return [p for group in running.optimizer.param_groups for p in group["params"]]


def _non_finite(step: _Step, losses: Mapping[str, float], other: str) -> str:
    """Write down the events of the batch, and say what is not finite."""
    running = step.running
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    table = running.source.events
    names = [n for n in _IDENTITY if n in table]
    rows = step.batch.events["row"].cpu().numpy()
    mine = [{n: int(table[n][r]) for n in names} for r in rows]
    events = [event for one in running.world.gather(mine) for event in one]
    path = running.folder.path / "non_finite.json"
    running.folder.write_json(path, {"step": step.number, "losses": losses, "events": events})
    what = f"the loss of {', '.join(bad)}" if bad else other
    return (
        f"{what} is not finite at step {step.number}; the optimizer has not used it."
        f" The batch's events are listed in {path.name}. A lower learning rate often helps"
    )


__all__ = ["seed_all", "train_step"]

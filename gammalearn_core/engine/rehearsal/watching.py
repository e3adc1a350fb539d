"""Seeing what components give while the real loop calls them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from attrs import define
from attrs import field
from attrs import frozen
from ignite.engine import Engine
from ignite.engine import Events
from torch import Tensor
from torch.utils import _pytree as pytree

from gammalearn_core.data.batch import Batch
from gammalearn_core.engine.rehearsal.ranges import ImageRanges
from gammalearn_core.engine.rehearsal.ranges import Range
from gammalearn_core.engine.rehearsal.standing import StandIn
from gammalearn_core.engine.running import RunningExperiment

LOADING = "loading"
OPTIMIZER = "optimizer"
HANDLERS = "handlers"


@frozen
class Look:
    """What a component gave: its place in the settings, and a checksum."""

    place: str
    sha256: str


@define
class Watch:
    """What was seen of one running experiment.

    Between the reading of a batch and the end of its step everything is looked at, in training and in validation;
    ranges are those of training.
    """

    steps: list[list[Look]] = field(factory=list)
    """By step, in the order of their calls."""
    images: dict[str, ImageRanges] = field(factory=dict)
    """By place, in training."""
    truth: dict[str, Range] = field(factory=dict)
    classes: dict[str, dict[int, int]] = field(factory=dict)
    """By task: samples of each class."""
    outputs: dict[str, Range] = field(factory=dict)
    losses: list[dict[str, float]] = field(factory=list)
    """Of each training step."""
    norms: list[float] = field(factory=list)
    """Of the gradient of each training step, before it is clipped."""
    moved: set[str] = field(factory=set)
    """Parameters that had a gradient other than 0 in any step."""
    reached: set[str] = field(factory=set)
    """Parameters that had a gradient."""
    active: bool = False
    training: bool = False

    def begin(self, engine: Engine, *, training: bool) -> None:
        """Look at a new step."""
        self.active, self.training = True, training
        self.steps.append([])

    def look(self, place: str, value: Any) -> None:
        """Note what a component gave, if a step is being looked at."""
        if not self.active:
            return
        self.steps[-1].append(Look(place, digest(value)))
        if self.training and isinstance(value, Batch):
            self.images.setdefault(place, ImageRanges()).add(value)
            if place == LOADING:
                self._look_at_truth(value)

    def look_at_outputs(self, place: str, outputs: Any) -> None:
        """Note what the network gave."""
        if self.active and isinstance(outputs, dict):
            self.look(place, outputs)
            for task, value in outputs.items():
                if isinstance(value, Tensor):
                    self.outputs.setdefault(task, Range()).add(value)

    def _look_at_truth(self, batch: Batch) -> None:
        for task, values in batch.truth.items():
            known = values[batch.weight[task] > 0]
            if values.is_floating_point():
                self.truth.setdefault(task, Range()).add(known)
            else:
                counts = self.classes.setdefault(task, {})
                for number, count in enumerate(torch.bincount(known.flatten()).tolist()):
                    counts[number] = counts.get(number, 0) + count

    def look_at_gradients(self, running: RunningExperiment) -> None:
        """Note which gradients a step has left."""
        named = [(n, p.grad) for n, p in running.network.named_parameters() if p.grad is not None]
        self.reached |= {name for name, _ in named}
        self.moved |= {name for name, gradient in named if bool((gradient != 0).any())}


class Watched(StandIn):
    """A component of which every call, or one method, is looked at."""

    def __init__(self, component: Any, place: str, see: Callable[[str, Any], None], method: str = "") -> None:
        super().__init__(component)
        self._place = place
        self._see = see
        self._method = method

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        return self._seen(found) if name == self._method else found

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._seen(self._component)(*arguments, **keywords)

    def _seen(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            try:
                given = function(*arguments, **keywords)
            except Exception as error:
                error.add_note(self._place)
                raise
            self._see(self._place, given)
            return given

        return call


def watch_components(running: RunningExperiment, watch: Watch) -> None:
    """Look at all that a running experiment is made of; before its loop is made."""
    built = running.built
    running.truth = Watched(running.truth, LOADING, watch.look, method="attach")  # type: ignore[assignment]
    built.transforms = [(p, Watched(t, f"{p.where} {p.ref.label}", watch.look)) for p, t in built.transforms]
    for task, loss in built.losses.items():
        part = built.parts[f"losses[{task!r}]"]
        built.losses[task] = Watched(loss, f"{part.where} {part.ref.label}", watch.look)
    place = f"network {built.parts['network'].ref.label}"
    running.parallel = Watched(running.parallel, place, watch.look_at_outputs)  # type: ignore[assignment]
    optimizer = built.parts["optimizer"]
    place_of_optimizer = f"{OPTIMIZER} {optimizer.ref.label}"
    running.optimizer.register_step_post_hook(lambda *_: watch.look(place_of_optimizer, _weights(running)))


def watch_engines(running: RunningExperiment, watch: Watch) -> None:
    """Begin and end looking with each step of the engines; after the user's handlers were attached."""
    for name in ("trainer", "validator"):
        engine = running.engines[name]
        engine.add_event_handler(Events.GET_BATCH_STARTED, watch.begin, training=name == "trainer")
        engine.add_event_handler(Events.ITERATION_COMPLETED, _end_step, running, watch)


def _end_step(engine: Engine, running: RunningExperiment, watch: Watch) -> None:
    if watch.training:
        output: Any = engine.state.output
        watch.losses.append(dict(output["losses"]))
        watch.norms.append(float(output["gradient_norm"]))
        watch.look_at_gradients(running)
        watch.look(HANDLERS, _weights(running))
    watch.active = False


def _weights(running: RunningExperiment) -> list[Tensor]:
    groups = running.optimizer.param_groups
    return [p for group in groups for p in group["params"]] + list(running.network.buffers())


def digest(value: Any) -> str:
    """A checksum of every bit of the tensors in a value."""
    found = hashlib.sha256()
    for leaf in pytree.tree_leaves(value):
        if isinstance(leaf, Tensor):
            tensor = leaf.detach().cpu().contiguous()
            found.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        else:
            found.update(repr(leaf).encode())
    return found.hexdigest()


__all__ = [
    "HANDLERS",
    "LOADING",
    "OPTIMIZER",
    "Look",
    "Watch",
    "Watched",
    "digest",
    "watch_components",
    "watch_engines",
]

"""The state of a run as a checkpoint keeps it, and taking it back."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import torch
from attrs import define
from attrs import field
from torch.utils._pytree import tree_map_only

from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


@define(kw_only=True)
class Progress:
    """How far training has come."""

    epochs: int = 0
    """Epochs that are done, with their validation."""
    best_loss: float = math.inf
    best_epoch: int = 0
    complete: bool = False
    """Whether training is over, by its last epoch or by early stopping."""
    sums: dict[str, tuple[float, float]] = field(factory=dict)
    """Of the epoch so far, by task: weighted losses and weights, summed."""


def state_of(running: RunningExperiment, progress: Progress, epoch_length: int) -> dict[str, Any]:
    """Everything that training needs to go on: plain tensors and numbers."""
    state: dict[str, Any] = {
        "schema": 1,
        "iteration": running.trainer.state.iteration,
        "epoch_length": epoch_length,
        "epochs": progress.epochs,
        "output": running.trainer.state.output,
        "latest": {split: dict(values) for split, values in running.latest.items()},
        "samples": {name: len(rows) for name, rows in running.splits.items()},
        "best_loss": progress.best_loss,
        "best_epoch": progress.best_epoch,
        "complete": progress.complete,
        "sums": {task: list(pair) for task, pair in progress.sums.items()},
    }
    return state | {f"part:{name}": part.state_dict() for name, part in _stateful(running).items()}


def restore(running: RunningExperiment, state: Mapping[str, Any], epoch_length: int) -> Progress:
    """Take a state back.

    Raises
    ------
    DataError
        It is of other data: the splits have other sizes.
    """
    samples = {name: len(rows) for name, rows in running.splits.items()}
    if state["samples"] != samples or state["epoch_length"] != epoch_length:
        raise DataError(
            f"the data have changed since the run began: it had {state['samples']} samples, now there are {samples};"
            " start another run with --fresh"
        )
    _load_parts(running, state, _stateful(running))
    running.latest.update(state["latest"])
    running.trainer.load_state_dict(
        {"iteration": state["iteration"], "epoch_length": epoch_length, "max_epochs": running.settings.epochs}
    )
    running.trainer.state.output = state["output"]
    return Progress(
        epochs=state["epochs"],
        best_loss=state["best_loss"],
        best_epoch=state["best_epoch"],
        complete=state["complete"],
        sums={task: (total, weight) for task, (total, weight) in state["sums"].items()},
    )


def restore_weights(running: RunningExperiment, state: Mapping[str, Any]) -> None:
    """Take back what prediction needs: all but the optimizer, the schedule and what handlers have counted."""
    parts = _stateful(running).items()
    kept = {n: p for n, p in parts if n not in ("optimizer", "schedule") and not n.startswith("handler")}
    _load_parts(running, state, kept)


def _load_parts(running: RunningExperiment, state: Mapping[str, Any], parts: Mapping[str, Any]) -> None:
    """Checkpoints are read to the CPU; torch's own parts move what they are given, transforms need not."""
    for name, part in parts.items():
        own = state[f"part:{name}"]
        if name.startswith("transform"):
            own = tree_map_only(torch.Tensor, lambda t: t.to(running.device), own)
        part.load_state_dict(own)


def check_loadable(running: RunningExperiment) -> None:
    """Refuse parts whose state a checkpoint could not give back, before anything is trained.

    Raises
    ------
    SettingsError
        A ``state_dict`` holds other things than tensors, numbers, texts and collections of these.
    """
    problems = []
    for name, part in _stateful(running).items():
        stream = io.BytesIO()
        try:
            torch.save(part.state_dict(), stream)
            stream.seek(0)
            torch.load(stream, weights_only=True)
        except Exception as error:
            what = f"its state_dict() cannot be kept in a checkpoint: {str(error).splitlines()[0]}"
            problems.append(Problem(name, what, "give tensors, numbers and texts only"))
    if problems:
        raise SettingsError(problems)


def _stateful(running: RunningExperiment) -> dict[str, Any]:
    parts: dict[str, Any] = {"network": running.network, "optimizer": running.optimizer}
    optional = {"average": running.average, "schedule": running.schedule, "balance": running.built.balance}
    optional |= {f"transform{i}": t for i, (_, t) in enumerate(running.built.transforms)}
    optional |= {f"loss:{n}": loss for n, loss in running.built.losses.items()}
    optional |= {f"handler{i}": h for i, h in enumerate(running.handlers)}
    return parts | {n: p for n, p in optional.items() if hasattr(p, "state_dict") and hasattr(p, "load_state_dict")}


__all__ = ["Progress", "check_loadable", "restore", "restore_weights", "state_of"]

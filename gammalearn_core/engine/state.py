"""The state of a run as a checkpoint keeps it, and taking it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import define

from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.errors import DataError


@define(kw_only=True)
class Progress:
    """How far training has come."""

    best_loss: float = math.inf
    best_epoch: int = 0
    complete: bool = False
    """Whether training is over, by its last epoch or by early stopping."""


def state_of(running: RunningExperiment, progress: Progress, epoch_length: int) -> dict[str, Any]:
    """Everything that training needs to go on: plain tensors and numbers."""
    state: dict[str, Any] = {
        "schema": 1,
        "iteration": running.trainer.state.iteration,
        "epoch_length": epoch_length,
        "samples": {name: len(rows) for name, rows in running.splits.items()},
        "best_loss": progress.best_loss,
        "best_epoch": progress.best_epoch,
        "complete": progress.complete,
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
    for name, part in _stateful(running).items():
        part.load_state_dict(state[f"part:{name}"])
    running.trainer.load_state_dict(
        {"iteration": state["iteration"], "epoch_length": epoch_length, "max_epochs": running.settings.epochs}
    )
    return Progress(best_loss=state["best_loss"], best_epoch=state["best_epoch"], complete=state["complete"])


def restore_weights(running: RunningExperiment, state: Mapping[str, Any]) -> None:
    """Take back only what prediction needs: the network and what transforms have measured."""
    for name, part in _stateful(running).items():
        if name == "network" or name.startswith("transform"):
            part.load_state_dict(state[f"part:{name}"])


def _stateful(running: RunningExperiment) -> dict[str, Any]:
    parts: dict[str, Any] = {"network": running.network, "optimizer": running.optimizer}
    optional = {"schedule": running.schedule, "balance": running.built.balance}
    optional |= {f"transform{i}": t for i, (_, t) in enumerate(running.built.transforms)}
    optional |= {f"loss:{n}": loss for n, loss in running.built.losses.items()}
    optional |= {f"handler{i}": h for i, h in enumerate(running.handlers)}
    return parts | {n: p for n, p in optional.items() if hasattr(p, "state_dict") and hasattr(p, "load_state_dict")}


__all__ = ["Progress", "restore", "restore_weights", "state_of"]

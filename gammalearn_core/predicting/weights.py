"""The weights that a run was tested with, and what its transforms have measured."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.start import predicting_weights
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.reproducing.recorded import RecordedRun

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Weights:
    """Weights of a run."""

    which: str
    """``best`` or ``last``."""
    sha256: str
    """Canonical checksum, as ``run.json`` has it."""


def load_weights(run: RecordedRun, built: Built) -> Weights:
    """Give network, losses and transforms the state that the run was tested with.

    Raises
    ------
    SettingsError
        The run has no checkpoint yet.
    DataError
        It is damaged, of another network, or not what the run ended with.
    """
    path = _path(run)
    state = checkpoint.load(path)
    weights = predicting_weights(state)
    if weights is None:
        raise DataError(f"{path} does not hold the weights of a network")
    try:
        built.network.load_state_dict(weights)
        _load_others(built, state)
    except Exception as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path} does not fit the network and transforms of experiment.json: {why}") from error
    found = Weights(which=path.stem, sha256=checkpoint.weights_sha256(weights))
    _compare(run, path, found)
    return found


def _path(run: RecordedRun) -> Path:
    """A run without validation has no best weights, and was tested with the last ones."""
    folder = run.folder.checkpoints
    found = next((folder / n for n in (checkpoint.BEST, checkpoint.LAST) if (folder / n).is_file()), None)
    if found is None:
        what = "the run has no checkpoint"
        hint = "it writes one after its first epoch" if run.record.get("status") != "finished" else ""
        raise SettingsError([Problem("", what, hint)], str(run.folder.path))
    return found


def _load_others(built: Built, state: Mapping[str, Any]) -> None:
    parts = {f"transform{i}": transform for i, (_, transform) in enumerate(built.transforms)}
    parts |= {f"loss:{name}": loss for name, loss in built.losses.items()}
    for name, part in parts.items():
        if hasattr(part, "state_dict") and hasattr(part, "load_state_dict"):
            part.load_state_dict(state[f"part:{name}"])


def _compare(run: RecordedRun, path: Path, found: Weights) -> None:
    """A finished run says what it was tested with."""
    known = run.record.get("best_weights_sha256")
    if run.record.get("status") != "finished" or not isinstance(known, str):
        _log.warning(
            "the run %s is %s: these are the weights that it has now", run.folder.path, run.record.get("status")
        )
    elif known != found.sha256:
        raise DataError(f"{path} does not hold the weights that the run was tested with: their checksum is another")


def on_device(transforms: list[tuple[Any, Any]], device: torch.device) -> None:
    """Move what transforms hold to a device."""
    if device.type == "cpu":
        return
    for _, transform in transforms:
        if hasattr(transform, "state_dict") and hasattr(transform, "load_state_dict"):
            state = transform.state_dict()
            transform.load_state_dict({n: v.to(device) if isinstance(v, Tensor) else v for n, v in state.items()})


__all__ = ["Weights", "load_weights", "on_device"]

"""Constants that transforms have measured on the training split."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import torch

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.checkpoint import weights_sha256
from gammalearn_core.engine.components import plain

_SHOWN = 100
"""As many numbers are recorded as they are; of more, only the checksum."""


def describe_measured(built: Built) -> dict[str, Any]:
    """By transform, the state that a fit has left; transforms that measure nothing are left out."""
    return {
        part.where: dict(_told(function.state_dict()))
        for part, function in built.transforms
        if hasattr(function, "fit") and hasattr(function, "state_dict")
    }


def _told(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            yield name, plain(value)
        elif value.numel() < _SHOWN:
            yield name, value.tolist()
        else:
            yield name, {"sha256": weights_sha256({name: value})}


__all__ = ["describe_measured"]

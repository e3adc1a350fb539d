"""Weighted sum of the losses of several tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.data.specs import TaskSpec


class FixedWeights(nn.Module):
    """``sum(weight * loss)`` over the tasks.

    Parameters
    ----------
    tasks : mapping of str to TaskSpec
        The tasks.
    weights : mapping of str to float
        Factors by task; 1 for those that are not named.
    """

    def __init__(self, *, tasks: Mapping[str, TaskSpec], weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        given = dict(weights or {})
        unknown = sorted(set(given) - set(tasks))
        if unknown:
            raise ValueError(f"weights: there is no task {unknown[0]!r} among {', '.join(tasks)}")
        for name, weight in given.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"weights: that of {name!r} must be 0 or above, got {weight}")
        self.weights = {name: float(given.get(name, 1.0)) for name in tasks}

    def forward(self, losses: Mapping[str, Tensor], shared_parameters: Sequence[Tensor]) -> Tensor:
        """One scalar of those of the tasks."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()


__all__ = ["FixedWeights"]

"""`Heads`: the numbers of each task, from what is known of an event."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import OutputSpec
from gammalearn_stereo.layers import hidden as hidden_layer

VECTORS = {"camera_vector": "direction", "ground_vector": "impact"}
"""By the geometry of a target: what of an event it is."""


class Heads(nn.Module):
    """A hidden layer that all tasks share, and one linear layer a task.

    A task of a direction or an impact point may be given a vector, which the first two numbers of its linear layer then
    only correct; they are 0 at the start of training. Losses that want more numbers than the target, for how large an
    error is, have those of the target first, as ``core.gaussian_nll`` has.

    Parameters
    ----------
    width : int
        Numbers of an event.
    outputs : OutputSpec
        The tasks.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of it that is dropped in training.
    vectors : bool
        Whether vectors are given.
    """

    def __init__(
        self, width: int, outputs: OutputSpec, *, hidden: int, dropout: float = 0.0, vectors: bool = False
    ) -> None:
        super().__init__()
        self.shared = hidden_layer(width, hidden, dropout=dropout)
        self.tasks = {
            name: VECTORS.get(task.geometry, "") if vectors and task.size >= 2 else ""
            for name, task in outputs.tasks.items()
        }
        # Not a ModuleDict, which refuses names such as "type".
        self.heads = nn.ModuleList(
            _head(hidden, task.size, correcting=bool(self.tasks[name])) for name, task in outputs.tasks.items()
        )

    def forward(self, events: Tensor, vectors: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Events (n, width), and their ``direction`` and ``impact``, (n, 2), to {task: (n, size)}."""
        shared = self.shared(events)
        given = {name: head(shared) for name, head in zip(self.tasks, self.heads, strict=True)}
        return {n: _corrected(v, vectors[self.tasks[n]]) if vectors and self.tasks[n] else v for n, v in given.items()}


def _corrected(numbers: Tensor, vector: Tensor) -> Tensor:
    return torch.cat([numbers[:, :2] + vector, numbers[:, 2:]], dim=1)


def _head(hidden: int, size: int, *, correcting: bool) -> nn.Linear:
    head = nn.Linear(hidden, size)
    if correcting:
        with torch.no_grad():
            head.weight[:2] = 0
            head.bias[:2] = 0
    return head


__all__ = ["VECTORS", "Heads"]

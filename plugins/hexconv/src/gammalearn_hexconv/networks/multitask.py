"""`MultiTaskHeads`: the heads of GammaPhysNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from typing import get_args

import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_hexconv.networks.checks import check_tasks
from gammalearn_hexconv.networks.checks import check_whole
from gammalearn_hexconv.steady import SteadyLinear

Head = Literal["pooled", "fusion", "linear"]
"""What a task is predicted from."""
BY_GEOMETRY: dict[str, Head] = {"scalar": "pooled", "class": "linear"}
"""Heads by the geometry of a target; those of all others are ``fusion``."""


class MultiTaskHeads(nn.Module):
    """One head a task, by the geometry of its target.

    ======  ===================================================================  ==========================
    head    what it is                                                           of targets
    ======  ===================================================================  ==========================
    pooled  the mean of each channel, a hidden layer, a linear layer             scalars: energy
    fusion  all channels at all pixels, a hidden layer that these tasks share,   vectors: direction, impact
            a linear layer
    linear  all channels at all pixels, a linear layer                           classes: particle
    ======  ===================================================================  ==========================

    Takes ``(n, channels, n_pixels, 1)`` and gives the numbers of each task, ``(n, size)``. Inputs of the layers that
    see all pixels are ordered by pixel, then channel.

    Parameters
    ----------
    channels, n_pixels : int
    outputs : OutputSpec
        The tasks.
    hidden : int
        Width of the hidden layers.
    heads : mapping of str to {"pooled", "fusion", "linear"}
        Heads of tasks, in the place of those that their geometry gives.

    Raises
    ------
    ValueError
        There is no task, or a head that is none or of no task.

    Examples
    --------
    >>> task = TaskSpec(name="impact", target="mine.impact", size=2, geometry="ground_vector")
    >>> heads = MultiTaskHeads(64, 117, outputs=OutputSpec(tasks={"impact": task}), hidden=256, heads={})
    >>> heads(torch.zeros(5, 64, 117, 1))["impact"].shape
    torch.Size([5, 2])
    """

    def __init__(
        self, channels: int, n_pixels: int, *, outputs: OutputSpec, hidden: int, heads: Mapping[str, Head]
    ) -> None:
        super().__init__()
        check_tasks(outputs)
        check_whole(hidden=hidden)
        _check_heads(heads, outputs)
        self.kinds = {
            name: heads.get(name, BY_GEOMETRY.get(task.geometry, "fusion")) for name, task in outputs.tasks.items()
        }
        flat = channels * n_pixels
        self.fusion = SteadyLinear(flat, hidden) if "fusion" in self.kinds.values() else None
        # Not a ModuleDict, which refuses names such as "type".
        self.heads = nn.ModuleList(
            _head(self.kinds[name], task, channels=channels, flat=flat, hidden=hidden)
            for name, task in outputs.tasks.items()
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        flat = pixels.squeeze(-1).transpose(1, 2).flatten(1)
        given = {"pooled": pixels.mean(dim=(2, 3)), "linear": flat}
        if self.fusion is not None:
            given["fusion"] = F.relu(self.fusion(flat))
        return {name: head(given[kind]) for (name, kind), head in zip(self.kinds.items(), self.heads, strict=True)}


def _head(kind: Head, task: TaskSpec, *, channels: int, flat: int, hidden: int) -> nn.Module:
    if kind == "pooled":
        return nn.Sequential(SteadyLinear(channels, hidden), nn.ReLU(), SteadyLinear(hidden, task.size))
    return SteadyLinear(hidden if kind == "fusion" else flat, task.size)


def _check_heads(heads: Mapping[str, Head], outputs: OutputSpec) -> None:
    for name, kind in heads.items():
        if name not in outputs.tasks:
            raise ValueError(f"heads names the task {name!r}, but the tasks are {', '.join(outputs.tasks)}")
        if kind not in get_args(Head):
            raise ValueError(f"heads[{name!r}] must be one of {', '.join(map(repr, get_args(Head)))}, got {kind!r}")


__all__ = ["BY_GEOMETRY", "Head", "MultiTaskHeads"]

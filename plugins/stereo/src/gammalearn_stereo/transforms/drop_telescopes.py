"""The transform ``stereo.drop_telescopes``."""

from __future__ import annotations

import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import InputSpec
from gammalearn_stereo.checks import check_share
from gammalearn_stereo.checks import check_whole


class DropTelescopes:
    """Leaves out images of an event at random, so that a network learns events of fewer telescopes.

    Parameters
    ----------
    probability : float
        That an image is left out, from 0 to less than 1.
    minimum : int
        Images that an event keeps in any case; one that has no more keeps them all.
    """

    def __init__(self, *, inputs: InputSpec, probability: float = 0.2, minimum: int = 1) -> None:
        if inputs.level != "subarray":
            raise ValueError("samples are single images, of which none can be left out: it is for level='subarray'")
        check_share(probability=probability)
        check_whole(least=0, minimum=minimum)
        self.outputs = inputs
        self.probability, self.minimum = probability, minimum

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        groups = batch.images
        if not groups:
            return batch
        event = torch.cat([group.event for group in groups.values()])
        drawn = torch.rand(len(event), generator=generator, device=event.device, dtype=torch.float64)
        keep = (drawn >= self.probability) | (_rank(event, -drawn) < self.minimum)
        parts = torch.split(keep, [len(group) for group in groups.values()])
        return batch.take_images(dict(zip(groups, parts, strict=True)))


def _rank(event: Tensor, value: Tensor) -> Tensor:
    """How many images of the same event have a smaller value, (n,)."""
    order = torch.argsort(value, stable=True)
    order = order[torch.argsort(event[order], stable=True)]
    sorted_event = event[order]
    first = torch.searchsorted(sorted_event, sorted_event)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - first
    return rank


__all__ = ["DropTelescopes"]

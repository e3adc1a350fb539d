"""Pixels that training leaves out."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator

from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


class PixelDropout:
    """Makes pixels 0 in all channels, ``valid`` among them, each of each image with the same probability.

    The other pixels stay as they are, since broken pixels do not make others brighter. On a grid it drops cells.

    Parameters
    ----------
    probability : float
        Share of the pixels that are dropped, from 0 to below 1.
    """

    def __init__(self, *, inputs: InputSpec, probability: float) -> None:
        if not 0 <= probability < 1:
            raise ValueError(f"probability must be from 0 to below 1, got {probability}")
        self.outputs = inputs
        self.probability = probability

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return with_images(batch, lambda _, group: self._dropped(group, generator))

    def _dropped(self, group: Images, generator: Generator) -> Images:
        shape = (len(group), 1, *group.pixels.shape[2:])
        drawn = torch.rand(shape, generator=generator, device=group.pixels.device)
        return replace(group, pixels=group.pixels.masked_fill(drawn < self.probability, 0))


__all__ = ["PixelDropout"]

"""Noise that training adds to charges."""

from __future__ import annotations

import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.transforms.channels import channel
from gammalearn_core.builtin.transforms.channels import require_channels
from gammalearn_core.builtin.transforms.channels import require_pixels
from gammalearn_core.builtin.transforms.channels import with_channels
from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec

VALID = "valid"
"""Channel that is 0 where a pixel has no value."""


class _Noise:
    """Adds something random to each pixel of some channels, but for pixels that the channel ``valid`` says are none."""

    def __init__(self, *, inputs: InputSpec, channels: list[str] | tuple[str, ...]) -> None:
        require_pixels(inputs)
        require_channels(inputs, channels)
        self.outputs = inputs
        self.channels = tuple(channels)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return with_images(batch, lambda _, group: self._noisy(group, generator))

    def _noisy(self, group: Images, generator: Generator) -> Images:
        valid = channel(group, VALID)[:, None] > 0 if VALID in group.channels else True
        return with_channels(group, self.channels, lambda charge: charge + self._drawn(charge, generator) * valid)

    def _drawn(self, like: Tensor, generator: Generator) -> Tensor:
        raise NotImplementedError


class GaussianNoise(_Noise):
    """Adds normal noise of mean 0 to the charge of each pixel, as electronics do.

    Pixels where the channel ``valid`` is 0 stay 0. If the loader does not give that channel, pixels without a value
    cannot be told from others and get noise too.

    Parameters
    ----------
    sigma : float
        Standard deviation, p.e.
    channels : sequence of str
        Channels that hold charge, in p.e.: noise comes before the maps of charges.
    """

    def __init__(self, *, inputs: InputSpec, sigma: float, channels: list[str] | tuple[str, ...] = ("image",)) -> None:
        super().__init__(inputs=inputs, channels=channels)
        if not 0 < sigma < float("inf"):
            raise ValueError(f"sigma must be above 0 and finite, got {sigma}")
        self.sigma = sigma

    def _drawn(self, like: Tensor, generator: Generator) -> Tensor:
        drawn = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        return self.sigma * drawn


class NightSkyNoise(_Noise):
    """Adds photoelectrons of the night sky to the charge of each pixel: Poisson numbers, minus their mean.

    The mean is subtracted because the charges of DL1 files are counted from a pedestal that includes it. What is added
    is whole photoelectrons: the spread of single ones, and their times, are not simulated.

    Pixels where the channel ``valid`` is 0 stay 0. If the loader does not give that channel, pixels without a value
    cannot be told from others and get noise too.

    Parameters
    ----------
    mean : float
        Photoelectrons a pixel in the time that the charge is integrated, beyond those that the file has already.
    channels : sequence of str
        Channels that hold charge, in p.e.: noise comes before the maps of charges.
    """

    def __init__(self, *, inputs: InputSpec, mean: float, channels: list[str] | tuple[str, ...] = ("image",)) -> None:
        super().__init__(inputs=inputs, channels=channels)
        if not 0 < mean < float("inf"):
            raise ValueError(f"mean must be above 0 and finite, got {mean}")
        self.mean = mean

    def _drawn(self, like: Tensor, generator: Generator) -> Tensor:
        return torch.poisson(torch.full_like(like, self.mean), generator=generator) - self.mean


__all__ = ["GaussianNoise", "NightSkyNoise"]

"""Losses whose network says how large its errors are: it gives more numbers than the target has."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gammalearn_core.data.specs import TaskSpec

_QUANTILE = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
"""What of a normal distribution is below one standard deviation: 84.13 %."""


class GaussianNLL:
    """Negative logarithm of a normal distribution, whose mean and standard deviation the network gives.

    ``log(sigma) + (truth - mean)² / (2 sigma²)`` without its constant (Nix and Weigend 1994,
    doi:10.1109/ICNN.1994.374138), the mean over the components of a target.

    Parameters
    ----------
    beta : float
        The loss of a sample is multiplied by ``sigma ** (2 beta)``, which is taken as given (Seitzer et al. 2022,
        arXiv:2203.09168): 0 is the likelihood itself, 1 weighs errors of the mean as the squared difference does.
    minimum : float
        The smallest standard deviation, in units of the target.
    """

    def __init__(self, *, task: TaskSpec, beta: float = 0.5, minimum: float = 1e-3) -> None:
        if not 0 <= beta <= 1:
            raise ValueError(f"beta must be from 0 to 1, got {beta}")
        if not 0 < minimum < math.inf:
            raise ValueError(f"minimum must be above 0 and finite, got {minimum}")
        self.beta, self.minimum = beta, minimum
        self.size = 2 * task.size

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        mean, sigma = self.decode(prediction), self.uncertainty(prediction)
        loss = sigma.log() + ((truth - mean) / sigma) ** 2 / 2
        return (loss * sigma.detach() ** (2 * self.beta)).mean(dim=1)

    def decode(self, prediction: Tensor) -> Tensor:
        """The means, ``(n, k)``."""
        return prediction[:, : self.size // 2]

    def uncertainty(self, prediction: Tensor) -> Tensor:
        """The standard deviations, ``(n, k)``."""
        return F.softplus(prediction[:, self.size // 2 :]) + self.minimum


class Quantile:
    """Pinball losses of three quantiles: the median, and those one standard deviation of a normal distribution away.

    Of 15.87 %, 50 % and 84.13 %, the mean over quantiles and over the components of a target (Koenker and Bassett
    1978, doi:10.2307/1913643). The network gives the median and two distances from it, so that quantiles do not cross.
    No shape of the errors is assumed, and no outlier counts for more than others.
    """

    def __init__(self, *, task: TaskSpec) -> None:
        self.size = 3 * task.size

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        levels = (1 - _QUANTILE, 0.5, _QUANTILE)
        parts = [
            torch.maximum(level * (truth - q), (level - 1) * (truth - q))
            for level, q in zip(levels, self.quantiles(prediction), strict=True)
        ]
        return torch.stack(parts).mean(dim=0).mean(dim=1)

    def quantiles(self, prediction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three quantiles, ``(n, k)`` each."""
        median, below, above = prediction.chunk(3, dim=1)
        return median - F.softplus(below), median, median + F.softplus(above)

    def decode(self, prediction: Tensor) -> Tensor:
        """The medians, ``(n, k)``."""
        return self.quantiles(prediction)[1]

    def uncertainty(self, prediction: Tensor) -> Tensor:
        """Half of what is between the outer quantiles, ``(n, k)``: the standard deviation of normal errors."""
        low, _, high = self.quantiles(prediction)
        return (high - low) / 2


__all__ = ["GaussianNLL", "Quantile"]

"""Losses of numbers, one value a sample: the mean over the components of a target."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gammalearn_core.data.specs import TaskSpec


class L1:
    """``|prediction - truth|``."""

    def __init__(self, *, task: TaskSpec) -> None:
        pass

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        return F.l1_loss(prediction, truth, reduction="none").mean(dim=1)


class MSE:
    """``(prediction - truth)²``."""

    def __init__(self, *, task: TaskSpec) -> None:
        pass

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        return F.mse_loss(prediction, truth, reduction="none").mean(dim=1)


class SmoothL1:
    """Half the squared difference over ``beta`` below ``beta``, and the absolute one less ``beta / 2`` above.

    Parameters
    ----------
    beta : float
        Where the two meet, in units of the target.
    """

    def __init__(self, *, task: TaskSpec, beta: float = 1.0) -> None:
        if not beta > 0:
            raise ValueError(f"beta must be above 0, got {beta}")
        self.beta = beta

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        return F.smooth_l1_loss(prediction, truth, reduction="none", beta=self.beta).mean(dim=1)


__all__ = ["L1", "MSE", "SmoothL1"]

"""Cross-entropy of class scores."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from gammalearn_core.data.specs import TaskSpec


class CrossEntropy:
    """Negative logarithm of the softmax probability of the true class.

    Parameters
    ----------
    class_weights : mapping of str to float, optional
        Factors by class name, such as ``{"proton": 2.0}``; 1 for the others.
    label_smoothing : float
        Share of the probability that is spread evenly over the classes.
    """

    def __init__(
        self, *, task: TaskSpec, class_weights: Mapping[str, float] | None = None, label_smoothing: float = 0.0
    ) -> None:
        weights = dict(class_weights or {})
        unknown = sorted(set(weights) - set(task.classes))
        if unknown:
            raise ValueError(f"class_weights: there is no class {unknown[0]!r} among {', '.join(task.classes)}")
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"class_weights: that of {name!r} must be 0 or above, got {weight}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
        self.label_smoothing = label_smoothing
        self._weights = torch.tensor([float(weights.get(name, 1.0)) for name in task.classes])

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        loss = F.cross_entropy(prediction, truth, reduction="none", label_smoothing=self.label_smoothing)
        return loss * self._weights.to(loss.device)[truth]


__all__ = ["CrossEntropy"]

"""A metric over all samples of an epoch, which are kept until it is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ignite.metrics import Metric
from numpy.typing import NDArray
from torch import Tensor


class SampleMetric(Metric):
    """Collects ``(prediction, truth)`` and computes numbers of them; without samples these are NaN and n is 0.

    ignite's own metrics raise an error there, but a split of a small data set may well have no proton.
    """

    _state_dict_all_req_keys = ("_prediction", "_truth")

    def __init__(self) -> None:
        super().__init__()

    def reset(self) -> None:
        """Forget all samples."""
        self._prediction: list[Tensor] = []
        self._truth: list[Tensor] = []

    def update(self, output: tuple[Tensor, Tensor]) -> None:
        """Take the samples of a batch."""
        prediction, truth = output
        self._prediction.append(prediction.detach().cpu())
        self._truth.append(truth.detach().cpu())

    def compute(self) -> dict[str, float]:
        """Numbers by name."""
        if not self._prediction:
            return self.measure(None, None)
        return self.measure(_array(self._prediction), _array(self._truth))

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        """The numbers of all samples; both are None if there is none."""
        raise TypeError(f"{type(self).__name__} does not say how to measure")


def _array(parts: list[Tensor]) -> NDArray[Any]:
    joined = torch.cat(parts)
    return np.asarray(joined.double() if joined.is_floating_point() else joined)


__all__ = ["SampleMetric"]

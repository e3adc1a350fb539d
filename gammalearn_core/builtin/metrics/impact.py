"""Metrics of impact points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.builtin.targets.impact import METRES
from gammalearn_core.results.performance import IMPACT_RESOLUTION
from gammalearn_core.results.performance import impact_distance
from gammalearn_core.results.performance import impact_resolution


class ImpactError(SampleMetric):
    """Containment radii of the distance on the ground between true and predicted impact point.

    Parameters
    ----------
    scale : float
        One unit of what is learned, m.
    """

    def __init__(self, scale: float = METRES) -> None:
        if not 0 < scale < np.inf:
            raise ValueError(f"scale must be a number of metres above 0, got {scale}")
        self.scale = scale
        super().__init__()

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None:
            return impact_errors(np.empty(0))
        (true_x, true_y), (x, y) = truth.T[:2], prediction.T[:2]
        return impact_errors(self.scale * impact_distance(true_x, true_y, x, y))


def impact_errors(distance: ArrayLike) -> dict[str, float]:
    """Containment radii of distances on the ground, m."""
    resolution = IMPACT_RESOLUTION(distance)
    return {
        "resolution": resolution.value,
        "median": impact_resolution(distance, containment=0.5).value,
        "n": float(resolution.n),
    }


__all__ = ["ImpactError", "impact_errors"]

"""Metrics of direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.results.performance import ANGULAR_RESOLUTION
from gammalearn_core.results.performance import ANGULAR_RESOLUTION_50
from gammalearn_core.results.performance import angular_separation


class AngularError(SampleMetric):
    """Containment radii of the separation of directions that are learned as ``(fov_lon, fov_lat)``."""

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None:
            return angular_errors(np.empty(0))
        return angular_errors(angular_separation(prediction[:, 0], prediction[:, 1], truth[:, 0], truth[:, 1]))


def angular_errors(separation: ArrayLike) -> dict[str, float]:
    """Containment radii of angular separations, deg."""
    resolution = ANGULAR_RESOLUTION(separation)
    return {
        "resolution": resolution.value,
        "median": ANGULAR_RESOLUTION_50(separation).value,
        "n": float(resolution.n),
    }


__all__ = ["AngularError", "angular_errors"]

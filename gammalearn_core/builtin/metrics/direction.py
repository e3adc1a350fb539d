"""Metrics of direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.data.sky import separation
from gammalearn_core.results.quality import angular_errors


class AngularError(SampleMetric):
    """Containment radii of the separation of directions that are learned as ``(fov_lon, fov_lat)``."""

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None:
            return angular_errors(np.empty(0))
        return angular_errors(separation(prediction[:, 0], prediction[:, 1], truth[:, 0], truth[:, 1]))


__all__ = ["AngularError"]

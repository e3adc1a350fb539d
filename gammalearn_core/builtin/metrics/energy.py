"""Metrics of energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.results.quality import energy_errors


class EnergyError(SampleMetric):
    """Bias and resolution of energies that are learned as ``log10(E / TeV)``."""

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None:
            return energy_errors(np.empty(0), np.empty(0))
        with np.errstate(over="ignore"):
            return energy_errors(10.0 ** prediction[:, 0], 10.0 ** truth[:, 0])


__all__ = ["EnergyError"]

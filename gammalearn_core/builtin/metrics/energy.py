"""Metrics of energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.results.performance import ENERGY_BIAS
from gammalearn_core.results.performance import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance import ENERGY_RESOLUTION_PYIRF


class EnergyError(SampleMetric):
    """Bias and resolution of energies that are learned as ``log10(E / TeV)``."""

    def measure(self, prediction: NDArray[Any] | None, truth: NDArray[Any] | None) -> dict[str, float]:
        if prediction is None or truth is None:
            return energy_errors(np.empty(0), np.empty(0))
        with np.errstate(over="ignore"):
            return energy_errors(10.0 ** truth[:, 0], 10.0 ** prediction[:, 0])


def energy_errors(true: ArrayLike, reco: ArrayLike) -> dict[str, float]:
    """Bias and resolution of energies (TeV), relative, by the conventions of CTA and of pyirf."""
    bias = ENERGY_BIAS(true, reco)
    return {
        "bias": bias.value,
        "resolution_cta": ENERGY_RESOLUTION_CTA(true, reco).value,
        "resolution_pyirf": ENERGY_RESOLUTION_PYIRF(true, reco).value,
        "n": float(bias.n),
    }


__all__ = ["EnergyError", "energy_errors"]

"""Bias and resolution of energies."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gammalearn_core.results.performance.bins import Measure
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.quantiles import CONFIDENCE
from gammalearn_core.results.performance.quantiles import SIGMA
from gammalearn_core.results.performance.quantiles import Sample
from gammalearn_core.results.performance.widths import half_width

Definition = Literal["cta", "pyirf"]


def relative_error(true: ArrayLike, reco: ArrayLike) -> Floats:
    """``E_reco / E_true - 1``."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        error: Floats = np.asarray(reco, dtype=np.float64) / np.asarray(true, dtype=np.float64) - 1
    return error


def energy_bias(
    true: ArrayLike,
    reco: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Median of ``E_reco / E_true - 1``."""
    return Sample(relative_error(true, reco), weights=weights, groups=groups).estimate(0.5, confidence=confidence)


def energy_resolution(
    true: ArrayLike,
    reco: ArrayLike,
    *,
    definition: Definition,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Width of ``E_reco / E_true - 1``, which two conventions call energy resolution.

    Parameters
    ----------
    true, reco : array_like of float, (n,)
        TeV.
    definition : {"cta", "pyirf"}
        ``cta``: the 68.27 % quantile of its absolute value, which grows with the bias. ``pyirf``: half of the range
        of its central 68.27 %, which does not.
    """
    error = relative_error(true, reco)
    if definition == "cta":
        sample = Sample(np.abs(error), weights=weights, groups=groups)
        return sample.estimate(SIGMA, confidence=confidence)
    if definition == "pyirf":
        return half_width(Sample(error, weights=weights, groups=groups), SIGMA, confidence=confidence)
    raise ValueError(f"definition must be 'cta' or 'pyirf', got {definition!r}")


def _resolution(definition: Definition, text: str) -> Measure:
    def resolution(true: ArrayLike, reco: ArrayLike, **options: object) -> Estimate:
        return energy_resolution(true, reco, definition=definition, **options)  # type: ignore[arg-type]

    return Measure(
        name=f"energy_resolution_{definition}", quantity="energy resolution", definition=text, function=resolution
    )


ENERGY_BIAS = Measure(
    name="energy_bias",
    quantity="energy bias",
    definition="median of E_reco / E_true - 1 (gammas)",
    function=energy_bias,
)
ENERGY_RESOLUTION_CTA = _resolution(
    "cta", "CTA: 68.27 % quantile of |E_reco / E_true - 1|, about 0 and not about the bias (gammas)"
)
ENERGY_RESOLUTION_PYIRF = _resolution(
    "pyirf", "pyirf: half of the range between the 15.865 % and 84.135 % quantiles of E_reco / E_true - 1 (gammas)"
)

__all__ = [
    "ENERGY_BIAS",
    "ENERGY_RESOLUTION_CTA",
    "ENERGY_RESOLUTION_PYIRF",
    "energy_bias",
    "energy_resolution",
    "relative_error",
]

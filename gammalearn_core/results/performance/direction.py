"""Resolution of directions and of impact points: radii that contain a share of the samples."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from gammalearn_core.data.sky import separation as angular_separation
from gammalearn_core.results.performance.bins import Measure
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.quantiles import CONFIDENCE
from gammalearn_core.results.performance.quantiles import SIGMA
from gammalearn_core.results.performance.quantiles import Sample


def angular_resolution(
    separation: ArrayLike,
    *,
    containment: float = SIGMA,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Radius about the true direction that contains this share of the predicted ones.

    Parameters
    ----------
    separation : array_like of float, (n,)
        Angles between true and predicted directions, deg, as `angular_separation` gives them.
    containment : float
        0.6827 unless given. Others in use are 0.5, 0.68, 0.8 and 0.95.
    """
    return Sample(separation, weights=weights, groups=groups).estimate(containment, confidence=confidence)


def impact_distance(true_x: ArrayLike, true_y: ArrayLike, reco_x: ArrayLike, reco_y: ArrayLike) -> Floats:
    """Distance between true and predicted impact point on the ground, m."""
    true_x, true_y, reco_x, reco_y = (np.asarray(a, dtype=np.float64) for a in (true_x, true_y, reco_x, reco_y))
    distance: Floats = np.hypot(reco_x - true_x, reco_y - true_y)
    return distance


def impact_resolution(
    distance: ArrayLike,
    *,
    containment: float = SIGMA,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Radius about the true impact point that contains this share of the predicted ones; see `impact_distance`."""
    return Sample(distance, weights=weights, groups=groups).estimate(containment, confidence=confidence)


def _containment(share: float, percent: str) -> Measure:
    return Measure(
        name=f"angular_resolution_{percent}",
        quantity="angular resolution",
        unit="deg",
        definition=f"{share * 100:g} % quantile of the angle between true and predicted direction (gammas)",
        function=partial(angular_resolution, containment=share),
    )


ANGULAR_RESOLUTION = _containment(SIGMA, "68")
ANGULAR_RESOLUTION_50 = _containment(0.5, "50")
ANGULAR_RESOLUTION_95 = _containment(0.95, "95")
IMPACT_RESOLUTION = Measure(
    name="impact_resolution_68",
    quantity="impact resolution",
    unit="m",
    definition="68.27 % quantile of the distance between true and predicted impact point on the ground (gammas)",
    function=impact_resolution,
)

__all__ = [
    "ANGULAR_RESOLUTION",
    "ANGULAR_RESOLUTION_50",
    "ANGULAR_RESOLUTION_95",
    "IMPACT_RESOLUTION",
    "angular_resolution",
    "angular_separation",
    "impact_distance",
    "impact_resolution",
]

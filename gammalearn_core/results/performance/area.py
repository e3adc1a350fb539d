"""Effective area: which share of the simulated showers is left, times the area that they were thrown over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from gammalearn_core.results.performance.bins import ENERGY_EDGES
from gammalearn_core.results.performance.bins import bin_numbers
from gammalearn_core.results.performance.curve import Curve
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.quantiles import CONFIDENCE
from gammalearn_core.results.performance.quantiles import checked_weights


@frozen(kw_only=True)
class SimulatedShowers:
    """What was thrown: a power law of energies over a circle on the ground.

    Attributes
    ----------
    n_showers : float
        Showers times the uses of each (ctapipe: ``n_showers * shower_reuse``), times the share of the showers that the
        samples are taken of.
    energy_min, energy_max : float
        TeV.
    spectral_index : float
        Of ``dN/dE``, such as -2.
    scatter_radius : float
        m.

    Examples
    --------
    >>> thrown = SimulatedShowers(
    ...     n_showers=1000, energy_min=0.1, energy_max=10, spectral_index=-2, scatter_radius=500
    ... )
    >>> thrown.expected([0.01, 0.1, 1, 10, 100]).round(2).tolist()
    [0.0, 909.09, 90.91, 0.0]
    """

    n_showers: float
    energy_min: float
    energy_max: float
    spectral_index: float
    scatter_radius: float

    def __attrs_post_init__(self) -> None:
        sound = self.n_showers >= 0 and 0 < self.energy_min < self.energy_max < np.inf and self.scatter_radius > 0
        if not (sound and np.isfinite([self.n_showers, self.spectral_index, self.scatter_radius]).all()):
            raise ValueError(f"no such simulation: {self}")

    def expected(self, edges: ArrayLike) -> Floats:
        """Showers in each bin: the integral of the power law over it."""
        inside = np.clip(np.asarray(edges, dtype=np.float64), self.energy_min, self.energy_max)
        whole = _integral(np.array([self.energy_min, self.energy_max]), self.spectral_index)
        shares: Floats = _integral(inside, self.spectral_index) / whole
        return self.n_showers * shares

    @property
    def area(self) -> float:
        """Of the circle, m²."""
        return float(np.pi * self.scatter_radius**2)


def _integral(edges: Floats, index: float) -> Floats:
    """Of ``E^index`` between neighbouring edges, in units of the first edge: no power is too large."""
    logarithm = np.log(edges / edges[0])
    slope = index + 1
    primitive = np.expm1(slope * logarithm) / slope if slope else logarithm
    return np.diff(primitive)


def effective_area(
    true_energy: ArrayLike,
    showers: SimulatedShowers | Sequence[SimulatedShowers],
    *,
    edges: ArrayLike = ENERGY_EDGES,
    weights: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Curve:
    """Effective area by true energy.

    Parameters
    ----------
    true_energy : array_like of float, (n,)
        TeV, of the events that are left, each once.
    showers : SimulatedShowers, or a sequence of them
        All that they are left of. The area of several simulations is ``k / sum(n_i / A_i)``.
    weights : array_like of float, (n,), optional
        Of the events; the interval is that of their number.

    Notes
    -----
    ``n`` is the number of events that are left. The interval is that of Clopper and Pearson (1934,
    doi:10.1093/biomet/26.4.404). A bin without an event has area 0 and an upper end, if showers were thrown there, and
    NaN if none were.
    """
    limits = np.asarray(edges, dtype=np.float64)
    energy = np.asarray(true_energy, dtype=np.float64)
    given = checked_weights(weights, len(energy))
    numbers = bin_numbers(energy, limits)
    inside = (numbers >= 0) & (given > 0)
    counted = np.bincount(numbers[inside], minlength=len(limits) - 1)
    weighted = np.bincount(numbers[inside], weights=given[inside], minlength=len(limits) - 1)
    thrown = [showers] if isinstance(showers, SimulatedShowers) else list(showers)
    expected = sum((s.expected(limits) for s in thrown), np.zeros(len(limits) - 1))
    density = sum((s.expected(limits) / s.area for s in thrown), np.zeros(len(limits) - 1))
    low, high = _clopper_pearson(counted, expected, confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        area = expected / density
        scale = np.where(counted > 0, weighted / counted, 1.0)
        value = weighted / density
    value, low, high = (np.where(expected > 0, a, np.nan) for a in (value, low * area * scale, high * area * scale))
    return Curve(
        name="effective_area",
        quantity="effective area",
        unit="m2",
        x="true_energy",
        x_unit="TeV",
        edges=limits,
        value=value,
        low=low,
        high=high,
        n=counted,
        confidence=confidence,
        definition=DEFINITION,
    )


def _clopper_pearson(k: ArrayLike, n: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Ends of the interval of a share ``k / n``; both may be any number."""
    tail = (1 - confidence) / 2
    found = np.asarray(k, dtype=np.float64)
    rest = np.maximum(n - found, 0)
    low = np.where(found > 0, betaincinv(np.maximum(found, 1), rest + 1, tail), 0.0)
    high = np.where(rest > 0, betaincinv(found + 1, np.where(rest > 0, rest, 1), 1 - tail), 1.0)
    return low, high


DEFINITION = (
    "gammas that are left, over those that were thrown (power law of the simulation), times the area they were thrown"
    " over"
)

__all__ = ["SimulatedShowers", "effective_area"]

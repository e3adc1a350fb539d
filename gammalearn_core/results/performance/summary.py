"""`performance`: all that can be said of truth and predictions, in one dictionary for ``metrics.json``."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.results.performance.area import SimulatedShowers
from gammalearn_core.results.performance.area import effective_area
from gammalearn_core.results.performance.bins import ENERGY_EDGES
from gammalearn_core.results.performance.bins import Measure
from gammalearn_core.results.performance.bins import count_edges
from gammalearn_core.results.performance.classification import AUC
from gammalearn_core.results.performance.classification import roc_curve
from gammalearn_core.results.performance.curve import Curve
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.direction import ANGULAR_RESOLUTION
from gammalearn_core.results.performance.direction import ANGULAR_RESOLUTION_50
from gammalearn_core.results.performance.direction import ANGULAR_RESOLUTION_95
from gammalearn_core.results.performance.direction import IMPACT_RESOLUTION
from gammalearn_core.results.performance.direction import angular_separation
from gammalearn_core.results.performance.direction import impact_distance
from gammalearn_core.results.performance.energy import ENERGY_BIAS
from gammalearn_core.results.performance.energy import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance.energy import ENERGY_RESOLUTION_PYIRF
from gammalearn_core.results.performance.events import GAMMA
from gammalearn_core.results.performance.events import EventResults
from gammalearn_core.results.performance.migration import migration_matrix
from gammalearn_core.results.performance.quantiles import CONFIDENCE

SCHEMA = 1
ROC_POINTS = 201
"""Points of a ROC curve that are kept at most."""
INTERVALS = (
    "two-sided; of quantiles by order statistics (binomial, fractional ranks: Hutson 1999), of the pyirf resolution"
    " by multinomial order statistics, of AUC by DeLong 1988 on the logit, of effective area by Clopper and Pearson;"
    " images of one shower count as one sample; an end beyond the samples is null"
)


@frozen
class _Part:
    """Measures of one thing that is predicted, the columns that they take, and the samples that they are of."""

    name: str
    measures: tuple[Measure, ...]
    columns: tuple[str, ...]
    take: Callable[..., tuple[ArrayLike, ...]]
    """What the measures are given: made of these columns."""

    def of(self, results: EventResults) -> EventResults | None:
        """The samples that it can be measured of; None if nobody knows one of the columns."""
        chosen = results if self.name == "particle" else results.gammas
        return None if any(getattr(chosen, name) is None for name in self.columns) else chosen

    def finite(self, results: EventResults) -> NDArray[np.bool_]:
        """Which samples have all columns."""
        mask: NDArray[np.bool_] = np.all([np.isfinite(getattr(results, name)) for name in self.columns], axis=0)
        return mask

    def inputs(self, results: EventResults) -> tuple[ArrayLike, ...]:
        """What the measures are given."""
        return self.take(*(getattr(results, name) for name in self.columns))


_PARTS = (
    _Part(
        "energy",
        (ENERGY_BIAS, ENERGY_RESOLUTION_CTA, ENERGY_RESOLUTION_PYIRF),
        ("true_energy", "reco_energy"),
        lambda *columns: columns,
    ),
    _Part(
        "direction",
        (ANGULAR_RESOLUTION, ANGULAR_RESOLUTION_50, ANGULAR_RESOLUTION_95),
        ("true_az", "true_alt", "reco_az", "reco_alt"),
        lambda *columns: (angular_separation(*columns),),
    ),
    _Part(
        "impact",
        (IMPACT_RESOLUTION,),
        ("true_core_x", "true_core_y", "reco_core_x", "reco_core_y"),
        lambda *columns: (impact_distance(*columns),),
    ),
    _Part("particle", (AUC,), ("gammaness", "primary"), lambda score, primary: (score, primary == GAMMA)),
)


def performance(
    results: EventResults,
    *,
    showers: SimulatedShowers | Sequence[SimulatedShowers] = (),
    edges: ArrayLike = ENERGY_EDGES,
    confidence: float = CONFIDENCE,
) -> dict[str, Any]:
    """Numbers, curves by energy and by number of telescopes, ROC curve and migration matrix, of what is there.

    Parameters
    ----------
    results : EventResults
        Simulated samples; those of unknown particle take no part. Samples that a quantity is not finite for take no
        part in its measures, and ``not_finite`` says how many they are.
    showers : SimulatedShowers, or a sequence of them, optional
        What the gammas were thrown as; without it there is no effective area.
    edges : array_like of float
        Bins of energy, TeV.
    confidence : float
        Level of the two-sided intervals.

    Returns
    -------
    dict
        ``numbers`` and ``curves`` by name, ``roc`` and ``migration``, ``samples`` by particle; empty if no particle
        is known.
    """
    simulated = results.take(results.primary >= 0)
    if not len(simulated):
        return {}
    numbers: dict[str, Any] = {}
    curves: list[Curve] = []
    not_finite: dict[str, int] = {}
    for part in _PARTS:
        chosen = part.of(simulated)
        if chosen is None:
            continue
        finite = part.finite(chosen)
        not_finite[part.name] = int(np.count_nonzero(~finite))
        known = chosen.take(finite)
        numbers |= _numbers(part, known, confidence)
        curves += _curves(part, known, edges, confidence)
    curves += _area(simulated.gammas, showers, edges, confidence)
    return {
        "schema": SCHEMA,
        "samples": {str(p): int(np.count_nonzero(simulated.primary == p)) for p in np.unique(simulated.primary)},
        "not_finite": not_finite,
        "confidence": confidence,
        "intervals": INTERVALS,
        "numbers": numbers,
        "curves": {_key(curve): curve.to_dict() for curve in curves},
        **_roc(simulated),
        **_migration(simulated.gammas, edges),
    }


def _numbers(part: _Part, known: EventResults, confidence: float) -> dict[str, Any]:
    inputs = part.inputs(known)
    found = {m: m(*inputs, weights=known.weights, groups=known.shower, confidence=confidence) for m in part.measures}
    return {m.name: {**e.to_dict(), "unit": m.unit, "definition": m.definition} for m, e in found.items()}


def _curves(part: _Part, known: EventResults, edges: ArrayLike, confidence: float) -> list[Curve]:
    inputs = part.inputs(known)
    axes: list[tuple[str, str, Floats | None, ArrayLike]] = [
        ("true_energy", "TeV", known.true_energy, edges),
        ("reco_energy", "TeV", known.reco_energy, edges),
        ("telescopes", "", known.telescopes, () if known.telescopes is None else count_edges(known.telescopes)),
    ]
    given: dict[str, Any] = {"weights": known.weights, "groups": known.shower, "confidence": confidence}
    return [
        measure.per_bin(*inputs, by=by, x=x, x_unit=unit, edges=limits, **given)
        for measure in part.measures
        for x, unit, by, limits in axes
        if by is not None
    ]


def _area(
    gammas: EventResults,
    showers: SimulatedShowers | Sequence[SimulatedShowers],
    edges: ArrayLike,
    confidence: float,
) -> list[Curve]:
    thrown = [showers] if isinstance(showers, SimulatedShowers) else list(showers)
    if not thrown or gammas.true_energy is None:
        return []
    first = np.unique(gammas.event, return_index=True)[1]
    return [effective_area(gammas.true_energy[first], thrown, edges=edges, confidence=confidence)]


def _key(curve: Curve) -> str:
    return curve.name if curve.x == "true_energy" else f"{curve.name}_by_{curve.x}"


def _roc(simulated: EventResults) -> dict[str, Any]:
    score = simulated.gammaness
    if score is None:
        return {}
    finite = np.isfinite(score)
    known = simulated.take(finite)
    roc = roc_curve(score[finite], known.primary == GAMMA, weights=known.weights)
    if not roc.n_positive or not roc.n_negative:
        return {}
    kept = _evenly(roc.true_positive + roc.false_positive)
    return {
        "roc": {
            "threshold": roc.threshold[kept].tolist(),
            "true_positive": roc.true_positive[kept].tolist(),
            "false_positive": roc.false_positive[kept].tolist(),
            "n_positive": roc.n_positive,
            "n_negative": roc.n_negative,
            "definition": f"shares of gammas and of other particles whose gammaness is at least the threshold; at most"
            f" {ROC_POINTS} points of all",
        }
    }


def _evenly(way: Floats) -> NDArray[np.int64]:
    """Points along the curve, both ends among them."""
    wanted = np.linspace(0, way[-1], ROC_POINTS)
    return np.unique(np.minimum(np.searchsorted(way, wanted), len(way) - 1))


def _migration(gammas: EventResults, edges: ArrayLike) -> dict[str, Any]:
    if gammas.true_energy is None or gammas.reco_energy is None:
        return {}
    matrix = migration_matrix(
        gammas.true_energy, gammas.reco_energy, true_edges=edges, reco_edges=edges, weights=gammas.weights
    )
    return {"migration": matrix.to_dict()}


__all__ = ["performance"]

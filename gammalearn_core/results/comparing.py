"""How much better one reconstruction is than another on the same events, by a paired bootstrap.

Both are measured on the same draws of showers, so that what makes events hard for both cancels in the difference. Its
interval has quantiles of the draws as ends.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.results.bootstrap import Counts
from gammalearn_core.results.bootstrap import auc_of_draws
from gammalearn_core.results.bootstrap import drawn
from gammalearn_core.results.bootstrap import quantile_of_draws
from gammalearn_core.results.performance import CONFIDENCE
from gammalearn_core.results.performance import SIGMA
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import bin_numbers
from gammalearn_core.results.performance import impact_distance

Floats = NDArray[np.float64]
Statistic = Callable[[Floats, NDArray[np.bool_], Counts], Floats]
"""``statistic(values, gamma, counts)`` gives a number for each row of ``counts``."""
DRAWS = 1000
FEWEST = 10
"""Showers that an interval takes at least: draws of fewer are too much alike, and it would be too narrow."""
EDGES: Floats = 10.0 ** np.arange(-2, 3.1, 0.5)
"""TeV: two bins a decade, from 10 GeV to 1 PeV."""
EDGES.flags.writeable = False


@frozen(kw_only=True)
class Comparison:
    """One number of two reconstructions, ``one`` and ``other``.

    Attributes
    ----------
    name, unit, definition : str
    better : {"higher", "lower", "nearest 0"}
        Of two numbers; of ``nearest 0`` the difference is that of the absolute values.
    n : int
        Samples that both have predicted.
    showers : int
        Showers that these are of.
    one, other : float
        NaN where it cannot be known.
    difference, low, high : float
        ``one`` less ``other``, and both ends of the interval; ends are NaN of fewer than ten showers.
    """

    name: str
    unit: str
    definition: str
    better: str
    n: int
    showers: int
    one: float
    other: float
    difference: float
    low: float
    high: float

    @property
    def winner(self) -> str:
        """``one`` or ``other`` if the interval leaves 0 out, ``neither`` if not."""
        if not (self.low > 0 or self.high < 0):
            return "neither"
        return "one" if (self.difference > 0) == (self.better == "higher") else "other"


@frozen(kw_only=True)
class _Measured:
    name: str
    unit: str = ""
    definition: str
    better: str = "lower"
    statistic: Statistic
    values: Callable[[EventResults], Floats | None]
    gammas: bool = True


def paired_bootstrap(
    one: EventResults,
    other: EventResults,
    *,
    edges: ArrayLike = EDGES,
    draws: int = DRAWS,
    seed: int = 1,
    confidence: float = CONFIDENCE,
) -> dict[str, list[Comparison]]:
    """Compare two reconstructions of the same samples: of all, and by bins of true energy.

    Parameters
    ----------
    one, other : EventResults
        Of the same samples, in the same order; those that one of them has no finite prediction for take no part.
    edges : array_like of float
        Bins of true energy, TeV.
    draws, seed : int
    confidence : float

    Returns
    -------
    dict
        By bin, ``all`` and then ``<low>-<high>``; bins without samples are left out.

    Raises
    ------
    ValueError
        The samples are not the same.
    """
    if not _same(one, other):
        raise ValueError("the two reconstructions are not of the same samples, in the same order")
    found = {"all": _compared(one, other, draws, seed, confidence)}
    if one.true_energy is None:
        return found
    limits = np.asarray(edges, dtype=np.float64)
    numbers = bin_numbers(one.true_energy, limits)
    for number in np.unique(numbers[numbers >= 0]):
        here = numbers == number
        name = f"{limits[number]:.3g}-{limits[number + 1]:.3g}"
        found[name] = _compared(one.take(here), other.take(here), draws, seed, confidence)
    return found


def paired_bootstrap_by_telescopes(
    one: EventResults, other: EventResults, *, draws: int = DRAWS, seed: int = 1, confidence: float = CONFIDENCE
) -> dict[str, list[Comparison]]:
    """The same by the number of telescopes with images, ``2``, ``3``, …, of which both have predicted some.

    Empty where samples are images.

    Raises
    ------
    ValueError
        The samples are not the same.
    """
    if not _same(one, other):
        raise ValueError("the two reconstructions are not of the same samples, in the same order")
    if one.telescopes is None:
        return {}
    found = {}
    for count in np.unique(one.telescopes):
        here = one.telescopes == count
        found[f"{count:.0f}"] = _compared(one.take(here), other.take(here), draws, seed, confidence)
    return {name: compared for name, compared in found.items() if compared}


def _same(one: EventResults, other: EventResults) -> bool:
    if len(one) != len(other):
        return False
    pairs = ((one.primary, other.primary), (one.shower, other.shower), (one.event, other.event))
    return all(np.array_equal(a, b) for a, b in pairs)


def _compared(one: EventResults, other: EventResults, draws: int, seed: int, confidence: float) -> list[Comparison]:
    made = [_comparison(measured, one, other, draws, seed, confidence) for measured in _MEASURED]
    return [comparison for comparison in made if comparison is not None]


def _comparison(
    measured: _Measured, one: EventResults, other: EventResults, draws: int, seed: int, confidence: float
) -> Comparison | None:
    """None if one of the two does not have the quantity at all."""
    values = [measured.values(results) for results in (one, other)]
    if values[0] is None or values[1] is None:
        return None
    gamma = one.primary == 0
    kept = np.isfinite(values[0]) & np.isfinite(values[1]) & (gamma if measured.gammas else one.primary >= 0)
    first, second, gamma = values[0][kept], values[1][kept], gamma[kept]
    if not len(first):
        return None
    groups = np.unique(one.shower[kept], return_inverse=True)[1].reshape(-1)
    once = np.ones((1, len(first)), dtype=np.int64)
    values_once = [measured.statistic(v, gamma, once) for v in (first, second)]
    n_showers = int(groups.max()) + 1
    counted = drawn(groups, draws if n_showers >= FEWEST else 0, seed)
    many = [[measured.statistic(v, gamma, counts) for v in (first, second)] for counts in counted]
    low, high = _interval([_difference(measured.better, *pair) for pair in many], confidence)
    return Comparison(
        name=measured.name,
        unit=measured.unit,
        definition=measured.definition,
        better=measured.better,
        n=len(first),
        showers=n_showers,
        one=float(values_once[0][0]),
        other=float(values_once[1][0]),
        difference=float(_difference(measured.better, *values_once)[0]),
        low=low,
        high=high,
    )


def _interval(parts: Sequence[Floats], confidence: float) -> tuple[float, float]:
    """Central range of the draws that have a difference; NaN where so many have none that it would not be that."""
    if not parts:
        return np.nan, np.nan
    differences, tail = np.concatenate(parts), (1 - confidence) / 2
    known = differences[np.isfinite(differences)]
    if len(known) < confidence * len(differences):
        return np.nan, np.nan
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _difference(better: str, one: Floats, other: Floats) -> Floats:
    return np.abs(one) - np.abs(other) if better == "nearest 0" else one - other


def _relative_error(results: EventResults) -> Floats | None:
    if results.reco_energy is None or results.true_energy is None:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        error: Floats = results.reco_energy / results.true_energy - 1
    return error


def _core_distance(results: EventResults) -> Floats | None:
    columns = (results.true_core_x, results.true_core_y, results.reco_core_x, results.reco_core_y)
    known = [c for c in columns if c is not None]
    return impact_distance(*known) if len(known) == len(columns) else None


def _half_width(values: Floats, gamma: NDArray[np.bool_], counts: Counts) -> Floats:
    low, high = (quantile_of_draws(values, share, counts) for share in ((1 - SIGMA) / 2, (1 + SIGMA) / 2))
    half: Floats = (high - low) / 2
    return half


_MEASURED = (
    _Measured(
        name="auc",
        definition="area under the ROC curve of gammas and other particles",
        better="higher",
        statistic=auc_of_draws,
        values=lambda results: results.gammaness,
        gammas=False,
    ),
    _Measured(
        name="energy_bias",
        definition="median of E_reco / E_true - 1 (gammas); the difference is that of the absolute values",
        better="nearest 0",
        statistic=lambda values, gamma, counts: quantile_of_draws(values, 0.5, counts),
        values=_relative_error,
    ),
    _Measured(
        name="energy_resolution_cta",
        definition="68.27 % quantile of |E_reco / E_true - 1| (gammas)",
        statistic=lambda values, gamma, counts: quantile_of_draws(np.abs(values), SIGMA, counts),
        values=_relative_error,
    ),
    _Measured(
        name="energy_resolution_pyirf",
        definition="half of the central 68.27 % range of E_reco / E_true - 1 (gammas)",
        statistic=_half_width,
        values=_relative_error,
    ),
    _Measured(
        name="angular_resolution_68",
        unit="deg",
        definition="68.27 % quantile of the angle between true and predicted direction (gammas)",
        statistic=lambda values, gamma, counts: quantile_of_draws(values, SIGMA, counts),
        values=lambda results: results.separation(),
    ),
    _Measured(
        name="impact_resolution_68",
        unit="m",
        definition="68.27 % quantile of the distance between true and predicted impact point (gammas)",
        statistic=lambda values, gamma, counts: quantile_of_draws(values, SIGMA, counts),
        values=_core_distance,
    ),
)


def plain(comparison: Comparison, *, one: str, other: str) -> Mapping[str, Any]:
    """A comparison for JSON, with the names of both."""
    return {
        "name": comparison.name,
        "unit": comparison.unit,
        "n": comparison.n,
        "showers": comparison.showers,
        one: comparison.one,
        other: comparison.other,
        "difference": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
        "better": comparison.better,
        "winner": {"one": one, "other": other}.get(comparison.winner),
        "definition": comparison.definition,
    }


__all__ = [
    "DRAWS",
    "EDGES",
    "FEWEST",
    "Comparison",
    "paired_bootstrap",
    "paired_bootstrap_by_telescopes",
    "plain",
]

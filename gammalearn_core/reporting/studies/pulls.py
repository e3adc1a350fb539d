"""Whether the errors that a network predicts of itself are those that it makes.

A pull is the error over the predicted uncertainty. If uncertainties are right, pulls have mean 0 and width 1, and the
share of them within k is that of a normal distribution.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.special import ndtr

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.studies.histograms import shares
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Number
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.results.performance import CONFIDENCE
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance import SIGMA
from gammalearn_core.results.performance import Estimate
from gammalearn_core.results.performance import Measure
from gammalearn_core.results.performance.quantiles import Sample as Sorted
from gammalearn_core.results.performance.widths import half_width

Floats = NDArray[np.float64]
SECTION = "Predicted uncertainties"
_EDGES = np.linspace(-5, 5, 41)
_LEVELS = np.linspace(0.05, 0.95, 19)
_MEDIAN = "median of the pulls"
_WIDTH = "half of the central 68.27 % of the pulls; 1 if uncertainties are right, above 1 if they are too small"


@frozen(eq=False)
class Pull:
    """Pulls of one quantity, of the gammas that have an uncertainty."""

    name: str
    label: str
    definition: str
    values: Floats
    energy: Floats
    shower: NDArray[np.generic]


def pulls(sample: Sample) -> Studies:
    """Pulls of each quantity that has an uncertainty; a reason if there is none."""
    if not sample.uncertainties:
        reason = (
            "the network predicts no uncertainties; losses such as core.gaussian_nll make it, and DL2 then has columns"
            " whose names end in _uncert"
        )
        return Studies(missing=[Missing(section=SECTION, title="Pulls", reason=reason)])
    return together(_studied(pull) for pull in found_pulls(sample.gammas) if len(pull.values))


def found_pulls(gammas: Sample) -> Iterator[Pull]:
    """Pulls of energy, direction and impact point."""
    yield from _of_energy(gammas)
    yield from _of_direction(gammas)
    yield from _of_impact(gammas)


def _of_energy(gammas: Sample) -> Iterator[Pull]:
    results, given = gammas.results, gammas.uncertainties
    energies = (results.true_energy, results.reco_energy, given.get("energy_uncert"))
    if all(e is not None for e in energies):
        true, reco, sigma = (np.asarray(e, dtype=np.float64) for e in energies)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(reco / true) * reco / sigma
        what = "ln(E_reco / E_true) over the predicted relative uncertainty of the energy (gammas)"
        yield _pull(gammas, "energy", "energy", what, values)


def _of_direction(gammas: Sample) -> Iterator[Pull]:
    results, given = gammas.results, gammas.uncertainties
    angles = (results.true_alt, results.true_az, results.reco_alt, results.reco_az)
    if any(a is None for a in angles):
        return
    alt, az, reco_alt, reco_az = (np.asarray(a, dtype=np.float64) for a in angles)
    with np.errstate(divide="ignore", invalid="ignore"):
        if "alt_uncert" in given:
            what = "predicted less true altitude, over the predicted uncertainty (gammas)"
            yield _pull(gammas, "altitude", "altitude", what, (reco_alt - alt) / given["alt_uncert"])
        if "az_uncert" in given:
            turn = (reco_az - az + 180) % 360 - 180
            what = "predicted less true azimuth, over the predicted uncertainty (gammas)"
            yield _pull(gammas, "azimuth", "azimuth", what, turn / given["az_uncert"])


def _of_impact(gammas: Sample) -> Iterator[Pull]:
    results, given = gammas.results, gammas.uncertainties
    axes = {
        "north": ("x", results.true_core_x, results.reco_core_x),
        "west": ("y", results.true_core_y, results.reco_core_y),
    }
    for name, (axis, true, reco) in axes.items():
        sigma = given.get(f"core_uncert_{axis}")
        if true is not None and reco is not None and sigma is not None:
            what = f"predicted less true impact point to the {name}, over the predicted uncertainty (gammas)"
            with np.errstate(divide="ignore", invalid="ignore"):
                yield _pull(gammas, f"impact_{axis}", f"impact point to the {name}", what, (reco - true) / sigma)


def _pull(gammas: Sample, name: str, label: str, definition: str, values: Floats) -> Pull:
    results, finite = gammas.results, np.isfinite(values)
    energy = results.true_energy if results.true_energy is not None else np.full(len(values), np.nan)
    return Pull(name, label, definition, values[finite], energy[finite], results.shower[finite])


def median_of(
    values: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Median of pulls."""
    return Sorted(values, weights=weights, groups=groups).estimate(0.5, confidence=confidence)


def width_of(
    values: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Half of the central 68.27 % of pulls."""
    return half_width(Sorted(values, weights=weights, groups=groups), SIGMA, confidence=confidence)


def coverage(values: Floats, levels: Floats) -> Floats:
    """Share of the pulls that are within the central interval of each level of a normal distribution.

    Examples
    --------
    >>> coverage(np.array([0.1, -0.2, 3.0, 0.3]), np.array([0.5])).tolist()
    [0.75]
    """
    return np.searchsorted(np.sort(2 * ndtr(np.abs(values)) - 1), levels, side="right") / max(1, len(values))


def _studied(pull: Pull) -> Studies:
    found = {"median": (median_of, _MEDIAN), "width": (width_of, _WIDTH)}
    numbers = [
        Number.of(
            function(pull.values, groups=pull.shower),
            id=f"pull_{pull.name}_{key}",
            section=SECTION,
            title=f"{key} of the pulls: {pull.label}",
            definition=f"{what}; a pull is {pull.definition}",
        )
        for key, (function, what) in found.items()
    ]
    return Studies(items=[_histogram(pull), _covered(pull), *_by_energy(pull)], numbers=numbers)


def _histogram(pull: Pull) -> Chart:
    middle = (_EDGES[:-1] + _EDGES[1:]) / 2
    beyond = float(np.mean(np.abs(pull.values) > _EDGES[-1]))
    return Chart(
        id=f"pull_{pull.name}",
        section=SECTION,
        group=pull.label.capitalize(),
        title=f"Pulls: {pull.label}",
        x_label="error over predicted uncertainty",
        y_label="share of the gammas",
        series=[
            shares(f"gamma ({len(pull.values)})", pull.values, _EDGES),
            Series("normal", middle, np.diff(ndtr(_EDGES)), kind="reference"),
        ],
        note=f"{beyond:.1%} are beyond ±{_EDGES[-1]:g}",
        definition=pull.definition,
    )


def _covered(pull: Pull) -> Chart:
    found = coverage(pull.values, _LEVELS)
    return Chart(
        id=f"coverage_{pull.name}",
        section=SECTION,
        group=pull.label.capitalize(),
        title=f"Coverage: {pull.label}",
        x_label="level of the predicted interval",
        y_label="share of the gammas in it",
        series=[
            Series("test split", _LEVELS, found, n=np.full(len(_LEVELS), len(pull.values))),
            Series("right", [0, 1], [0, 1], kind="reference"),
        ],
        definition="share of the gammas whose error is within the central interval of a level, if errors are normal"
        f" with the predicted uncertainty; below the line uncertainties are too small. The pull is {pull.definition}",
    )


def _by_energy(pull: Pull) -> list[Chart]:
    measures = (
        Measure(name="width", quantity="pull", definition=_WIDTH, function=width_of),
        Measure(name="median", quantity="pull", definition=_MEDIAN, function=median_of),
    )
    curves = [m.per_bin(pull.values, by=pull.energy, x="true_energy", groups=pull.shower) for m in measures]
    there = np.flatnonzero(curves[0].n)
    if not len(there):
        return []
    used = slice(int(there[0]), int(there[-1]) + 1)
    edges = ENERGY_EDGES[there[0] : there[-1] + 2]
    series = [
        Series(c.name, c.centres[used], c.value[used], c.low[used], c.high[used], c.n[used], edges=edges)
        for c in curves
    ]
    reference = [Series(f"right: {y}", edges[[0, -1]], [y, y], kind="reference") for y in (0, 1)]
    chart = Chart(
        id=f"pull_{pull.name}_by_energy",
        section=SECTION,
        group=pull.label.capitalize(),
        title=f"Pulls by energy: {pull.label}",
        x_label="true energy [TeV]",
        y_label="error over predicted uncertainty",
        series=[*series, *reference],
        x_log=True,
        definition=f"width: {_WIDTH}; median: {_MEDIAN}, 0 if there is no bias. The pull is {pull.definition}",
    )
    return [chart]


__all__ = ["Pull", "coverage", "found_pulls", "median_of", "pulls", "width_of"]

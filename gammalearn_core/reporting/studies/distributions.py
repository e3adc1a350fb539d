"""Distributions of what was predicted: gammaness and energy by particle, angles between directions."""

from __future__ import annotations

import numpy as np

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.measured import ENERGIES
from gammalearn_core.reporting.measured import PARTICLES
from gammalearn_core.reporting.studies.histograms import by_particle
from gammalearn_core.reporting.studies.histograms import shares
from gammalearn_core.reporting.studies.histograms import shares_of_all
from gammalearn_core.reporting.studies.histograms import upper_limit
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance.curve import Floats

GAMMANESS_EDGES = np.linspace(0, 1, 51)
_THETA2_BINS = 50
_WITHIN = 0.95
"""Share of the gammas that the histogram of angles shows at least."""


def distributions(sample: Sample) -> Studies:
    """Histograms of what the sample has."""
    return together((_gammaness(sample), _energy(sample), _theta2(sample)))


def _gammaness(sample: Sample) -> Studies:
    score = sample.results.gammaness
    if score is None:
        return Studies()
    found = by_particle(score, sample.results.primary)
    chart = Chart(
        id="gammaness",
        section=PARTICLES,
        title="Gammaness",
        x_label="gammaness",
        y_label="share of the particle's samples",
        series=shares_of_all(found, GAMMANESS_EDGES),
        y_log=True,
        definition="share of the samples of a particle that are in a bin of gammaness (50 of equal width); numbers of"
        " samples in parentheses",
    )
    return _unless_empty(chart)


def _energy(sample: Sample) -> Studies:
    results = sample.results
    if results.reco_energy is None:
        return Studies()
    found = {f"{n}, predicted": v for n, v in by_particle(results.reco_energy, results.primary).items()}
    if results.true_energy is not None:
        found |= {f"{n}, true": v for n, v in by_particle(results.true_energy, results.primary).items()}
    values = np.concatenate([*found.values(), np.empty(0)])
    inside = values[(values >= ENERGY_EDGES[0]) & (values < ENERGY_EDGES[-1])]
    if not len(inside):
        return Studies()
    first, last = np.searchsorted(ENERGY_EDGES, [inside.min(), inside.max()], side="right")
    chart = Chart(
        id="energies",
        section=ENERGIES,
        title="Energies",
        x_label="energy [TeV]",
        y_label="share of the particle's samples",
        series=shares_of_all(found, ENERGY_EDGES[first - 1 : last + 1]),
        x_log=True,
        y_log=True,
        note="that of other particles is the energy that a gamma would have which looks alike",
        definition="share of the samples of a particle that are in a bin of true and of predicted energy, five bins a"
        " decade; numbers of samples in parentheses",
    )
    return _unless_empty(chart)


def _theta2(sample: Sample) -> Studies:
    gammas = sample.gammas.results
    theta = gammas.separation()
    if theta is None:
        return Studies()
    squares = theta[np.isfinite(theta)] ** 2
    if not len(squares):
        return Studies()
    limit = upper_limit(squares, share=_WITHIN)
    edges = np.linspace(0, limit, _THETA2_BINS + 1)
    chart = Chart(
        id="theta2",
        section=ENERGIES,
        title="Angle between true and predicted direction",
        x_label="θ² [deg²]",
        y_label="share of the gammas",
        series=[shares(f"gamma ({len(squares)})", squares, edges), _normal(squares, edges)],
        y_log=True,
        note=f"{np.mean(squares > limit):.1%} of the gammas are beyond {limit:g} deg²",
        definition="share of the gammas that are in a bin of θ², where θ is the angle between true and predicted"
        " direction; the reference is a two-dimensional normal distribution with the same median",
    )
    return Studies(items=[chart])


def _normal(squares: Floats, edges: Floats) -> Series:
    """What normal errors of the same median would give: squares of angles are distributed exponentially."""
    scale = max(float(np.median(squares)) / np.log(2), 1e-300)
    return Series("normal errors", (edges[:-1] + edges[1:]) / 2, -np.diff(np.exp(-edges / scale)), kind="reference")


def _unless_empty(chart: Chart) -> Studies:
    return Studies(items=[] if chart.empty else [chart])


__all__ = ["distributions"]

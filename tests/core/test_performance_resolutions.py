"""Energy, direction and impact point: analytic truths to three significant digits, bins and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from gammalearn_core.data.sky import from_offset
from gammalearn_core.results.performance import ANGULAR_RESOLUTION
from gammalearn_core.results.performance import ENERGY_BIAS
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance import ENERGY_RESOLUTION_PYIRF
from gammalearn_core.results.performance import IMPACT_RESOLUTION
from gammalearn_core.results.performance import SIGMA
from gammalearn_core.results.performance import Curve
from gammalearn_core.results.performance import angular_resolution
from gammalearn_core.results.performance import angular_separation
from gammalearn_core.results.performance import bin_numbers
from gammalearn_core.results.performance import energy_bias
from gammalearn_core.results.performance import energy_resolution
from gammalearn_core.results.performance import impact_distance
from gammalearn_core.results.performance import impact_resolution

N = 100_001
THREE_DIGITS = 5e-4
EVENLY: NDArray[np.float64] = (np.arange(N) + 0.5) / N
"""Shares that inverse distributions make samples of which have no chance in them."""


@pytest.mark.parametrize("containment", [0.5, 0.68, SIGMA, 0.95])
@pytest.mark.parametrize(("alt", "az"), [(70.0, 180.0), (89.99, 0.0), (20.0, 359.99)])
def test_radii_of_a_rayleigh_distribution_on_the_sky_are_found(containment: float, alt: float, az: float) -> None:
    sigma = 0.1
    radius = sigma * np.sqrt(-2 * np.log(1 - EVENLY))
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, N)
    reco_alt, reco_az = from_offset(radius * np.cos(angle), radius * np.sin(angle), alt, az)
    found = angular_resolution(angular_separation(reco_az, reco_alt, az, alt), containment=containment)
    truth = sigma * np.sqrt(-2 * np.log(1 - containment))
    assert found.value == pytest.approx(truth, rel=THREE_DIGITS)
    assert found.low < truth < found.high
    assert found.n == N


def test_bias_and_resolution_of_log_normal_energies_are_found() -> None:
    mu, sigma = 0.1, 0.25
    true = 10 ** np.random.default_rng(2).uniform(-1, 1, N)
    reco = true * np.exp(mu + sigma * norm.ppf(EVENLY))
    assert energy_bias(true, reco).value == pytest.approx(np.exp(mu) - 1, rel=THREE_DIGITS)
    half = (np.exp(mu + sigma) - np.exp(mu - sigma)) / 2
    assert energy_resolution(true, reco, definition="pyirf").value == pytest.approx(half, rel=THREE_DIGITS)

    def outside(width: float) -> float:
        inside = norm.cdf((np.log(1 + width) - mu) / sigma) - norm.cdf((np.log(1 - width) - mu) / sigma)
        return float(inside - SIGMA)

    about_truth = brentq(outside, 0.01, 0.9)
    assert energy_resolution(true, reco, definition="cta").value == pytest.approx(about_truth, rel=THREE_DIGITS)


def test_both_definitions_agree_without_bias_and_only_that_of_cta_grows_with_it() -> None:
    reco = 1 + 0.1 * norm.ppf(EVENLY)
    shifted = reco + 0.3
    ones = np.ones(N)
    assert energy_resolution(ones, reco, definition="cta").value == pytest.approx(0.1, rel=THREE_DIGITS)
    assert energy_resolution(ones, reco, definition="pyirf").value == pytest.approx(0.1, rel=THREE_DIGITS)
    assert energy_resolution(ones, shifted, definition="pyirf").value == pytest.approx(0.1, rel=THREE_DIGITS)
    assert energy_resolution(ones, shifted, definition="cta").value > 0.34


def test_a_definition_that_nobody_has_is_refused() -> None:
    with pytest.raises(ValueError, match="'cta' or 'pyirf', got 'ctaplot'"):
        energy_resolution([1.0], [1.0], definition="ctaplot")  # type: ignore[arg-type]


def test_the_radius_of_impact_points_is_found() -> None:
    radius, angle = 30 * np.sqrt(-2 * np.log(1 - EVENLY)), np.random.default_rng(3).uniform(0, 2 * np.pi, N)
    distance = impact_distance(100.0, -50.0, 100 + radius * np.cos(angle), -50 + radius * np.sin(angle))
    truth = 30 * np.sqrt(-2 * np.log(1 - SIGMA))
    assert impact_resolution(distance).value == pytest.approx(truth, rel=THREE_DIGITS)
    assert IMPACT_RESOLUTION.unit == "m"


@pytest.mark.parametrize(("n", "confidence"), [(60, 0.95), (1000, 0.68), (1000, 0.95)])
def test_intervals_of_widths_have_the_truth_in_them_at_least_as_often_as_they_say(n: int, confidence: float) -> None:
    rng = np.random.default_rng(4)
    ones = np.ones(n)
    found = [
        energy_resolution(ones, rng.normal(1, 0.1, n), definition="pyirf", confidence=confidence) for _ in range(400)
    ]
    hits = np.mean([f.low <= 0.1 <= f.high for f in found])
    assert confidence - 0.03 < hits < confidence + 0.07


def test_the_interval_of_a_width_is_the_same_each_time_and_leaves_the_generator_of_others_alone() -> None:
    reco = np.random.default_rng(5).normal(1, 0.1, 50)
    state = np.random.get_state()[1].tolist()
    first, second = (energy_resolution(np.ones(50), reco, definition="pyirf") for _ in range(2))
    assert first == second
    assert np.random.get_state()[1].tolist() == state


def test_the_widths_of_few_samples_are_not_bounded_from_above() -> None:
    found = energy_resolution(np.ones(4), [0.9, 1.0, 1.1, 1.3], definition="pyirf")
    assert found.value > 0
    assert np.isnan(found.high)


def test_the_default_bins_are_those_of_cta_five_a_decade() -> None:
    assert len(ENERGY_EDGES) == 22
    assert np.log10(ENERGY_EDGES[[0, -1]]).tolist() == pytest.approx([-1.9, 2.3])
    assert np.diff(np.log10(ENERGY_EDGES)) == pytest.approx(np.full(21, 0.2))
    with pytest.raises(ValueError, match="read-only"):
        ENERGY_EDGES[0] = 1


@pytest.mark.parametrize("edges", [[1.0], [1.0, 1.0], [2.0, 1.0], [1.0, np.nan]])
def test_edges_that_do_not_grow_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="edges must be two or more numbers that grow"):
        bin_numbers([1.0], edges)


def test_a_curve_has_the_numbers_of_the_samples_of_each_bin() -> None:
    rng = np.random.default_rng(6)
    true = 10 ** rng.uniform(-2.2, 2.2, 3000)
    reco, weights = true * rng.lognormal(0, 0.2, 3000), rng.uniform(0.5, 2, 3000)
    curve = ENERGY_RESOLUTION_CTA.per_bin(true, reco, by=reco, x="reco_energy", weights=weights)
    for i in (0, 7, 20):
        rows = (reco >= ENERGY_EDGES[i]) & (reco < ENERGY_EDGES[i + 1])
        expected = energy_resolution(true[rows], reco[rows], definition="cta", weights=weights[rows])
        assert (curve.value[i], curve.low[i], curve.high[i], curve.n[i]) == pytest.approx(
            (expected.value, expected.low, expected.high, expected.n), nan_ok=True
        )
    assert curve.n.sum() == np.count_nonzero((reco >= ENERGY_EDGES[0]) & (reco < ENERGY_EDGES[-1]))
    assert (curve.x, curve.name) == ("reco_energy", "energy_resolution_cta")


def test_a_curve_comes_back_from_json_as_it_was() -> None:
    curve = ENERGY_BIAS.per_bin([0.2, 0.3], [0.2, 0.4], by=[0.2, 0.3], x="true_energy")
    fields = curve.to_dict()
    fields["value"] = [None if np.isnan(v) else v for v in fields["value"]]
    back = Curve.from_dict(fields)
    assert repr(back.to_dict()) == repr(curve.to_dict())


def test_a_curve_whose_parts_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="odd: 3 edges do not fit 1 values"):
        Curve(name="odd", quantity="", x="true_energy", edges=[1, 2, 3], value=[1], low=[1, 1], high=[1, 1], n=[1, 1])


@pytest.mark.parametrize(
    "measure", [ENERGY_BIAS, ENERGY_RESOLUTION_CTA, ENERGY_RESOLUTION_PYIRF, ANGULAR_RESOLUTION, IMPACT_RESOLUTION]
)
def test_measures_say_what_they_are(measure: object) -> None:
    assert "gammas" in getattr(measure, "definition", "")

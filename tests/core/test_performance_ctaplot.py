"""Defects of ctaplot 0.6.6, as tests of what we have in its place.

Of the fourteen that were found, numbers 4, 5, 6 and 13 are about files of reference curves and number 12 about a figure
that the core does not draw: they have no counterpart here.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gammalearn_core.results.performance import ANGULAR_RESOLUTION
from gammalearn_core.results.performance import AUC
from gammalearn_core.results.performance import ENERGY_BIAS
from gammalearn_core.results.performance import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance import ENERGY_RESOLUTION_PYIRF
from gammalearn_core.results.performance import IMPACT_RESOLUTION
from gammalearn_core.results.performance import Measure
from gammalearn_core.results.performance import SimulatedShowers
from gammalearn_core.results.performance import angular_resolution
from gammalearn_core.results.performance import angular_separation
from gammalearn_core.results.performance import auc
from gammalearn_core.results.performance import effective_area
from gammalearn_core.results.performance import energy_bias
from gammalearn_core.results.performance import migration_matrix

EDGES = [0.1, 1.0, 10.0, 100.0]
THROWN = SimulatedShowers(n_showers=1000, energy_min=1, energy_max=10, spectral_index=-2, scatter_radius=100)


@pytest.mark.parametrize("measure", [ANGULAR_RESOLUTION, IMPACT_RESOLUTION])
def test_defect_1_an_empty_bin_is_not_a_perfect_resolution(measure: Measure) -> None:
    curve = measure.per_bin([0.1, 0.2], by=[0.5, 0.5], x="true_energy", edges=EDGES)
    for part in (curve.value, curve.low, curve.high):
        assert np.isnan(part[1:]).all()
    assert curve.n.tolist() == [2, 0, 0]


@pytest.mark.parametrize("measure", [ENERGY_BIAS, ENERGY_RESOLUTION_CTA, ENERGY_RESOLUTION_PYIRF])
def test_defect_1_an_empty_bin_is_not_a_perfect_energy(measure: Measure) -> None:
    curve = measure.per_bin([0.5, 0.5], [0.5, 0.6], by=[0.5, 0.5], x="true_energy", edges=EDGES)
    assert np.isnan(curve.value[1:]).all()
    assert curve.n.tolist() == [2, 0, 0]


def test_defect_2_the_bins_that_are_given_are_those_that_are_used() -> None:
    true = np.array([0.5, 5.0, 5.0, 50.0])
    curve = ENERGY_BIAS.per_bin(true, true * [1.1, 1.2, 1.4, 2.0], by=true, x="true_energy", edges=EDGES)
    assert curve.edges.tolist() == EDGES
    assert curve.value.tolist() == pytest.approx([0.1, 0.3, 1.0])


def test_defect_3_bins_are_of_the_energy_that_is_named_and_lose_no_event_on_an_edge() -> None:
    true, reco = np.array([0.5, 0.5, 1.0]), np.array([0.5, 5.0, 1.0])
    by_true = ENERGY_RESOLUTION_CTA.per_bin(true, reco, by=true, x="true_energy", edges=EDGES)
    by_reco = ENERGY_RESOLUTION_CTA.per_bin(true, reco, by=reco, x="reco_energy", edges=EDGES)
    assert by_true.n.tolist() == [2, 1, 0]
    assert by_reco.n.tolist() == [1, 2, 0]


def test_defect_7_how_numpy_treats_errors_stays_as_it_was() -> None:
    with np.errstate(all="raise"):
        before = np.geterr()
        effective_area([2.0], THROWN, edges=EDGES)
        migration_matrix([0.5], [0.5], true_edges=EDGES, reco_edges=EDGES)
        energy_bias([1.0, 0.0], [1.0, 1.0])
        auc([0.1, 0.2], [True, True])
        assert np.geterr() == before


def test_defect_8_an_inverted_classifier_is_not_reported_as_good() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(400) % 2 == 0
    score = rng.normal(size=400) - 2.5 * positive
    found = auc(score, positive)
    assert found.high < 0.1
    curve = AUC.per_bin(score, positive, by=np.full(400, 2.0), x="reco_energy", edges=EDGES)
    assert curve.value[1] == found.value


def test_defect_8_a_bin_has_the_background_of_this_bin_only() -> None:
    score = np.array([0.9, 0.5, 0.1, 0.95])
    positive = np.array([True, False, True, False])
    curve = AUC.per_bin(score, positive, by=[0.5, 0.5, 5.0, 5.0], x="reco_energy", edges=EDGES)
    assert curve.value.tolist()[:2] == [1.0, 0.0]


@pytest.mark.parametrize("azimuth", [0.0, 180.0, 360.0])
def test_defect_9_the_resolution_is_the_same_where_the_azimuth_begins_anew(azimuth: float) -> None:
    rng = np.random.default_rng(2)
    reco_alt, reco_az = 70 + rng.normal(0, 0.02, 1000), (azimuth + rng.normal(0, 0.06, 1000)) % 360
    found = angular_resolution(angular_separation(reco_az, reco_alt, azimuth, 70.0))
    turned = angular_resolution(angular_separation((reco_az + 90) % 360, reco_alt, (azimuth + 90) % 360, 70.0))
    assert found.value == pytest.approx(turned.value, rel=1e-9)
    assert found.value < 0.04


def test_defect_10_intervals_are_two_sided() -> None:
    rng = np.random.default_rng(3)
    found = [angular_resolution(rng.normal(size=100), confidence=0.95) for _ in range(2000)]
    truth = norm.ppf(0.682689)
    assert np.mean([f.low > truth for f in found]) == pytest.approx(0.025, abs=0.012)
    assert np.mean([f.high < truth for f in found]) == pytest.approx(0.025, abs=0.012)


@pytest.mark.parametrize("latitude", [0.0, 70.0, 89.9, -90.0])
@pytest.mark.parametrize("angle", [1e-9, 1e-6, 1e-3, 1.0, 89.0])
def test_defect_11_small_angles_keep_their_digits(latitude: float, angle: float) -> None:
    found = angular_separation(10.0, latitude, 10.0, latitude + angle if latitude < 0 else latitude - angle)
    assert float(found) == pytest.approx(angle, rel=1e-4 if angle < 1e-8 else 1e-6)


def test_defect_11_scalars_and_the_ends_of_the_sphere_have_a_separation() -> None:
    assert float(angular_separation(0, 0, 180, 0)) == pytest.approx(180)
    assert float(angular_separation(123.0, 90.0, 300.0, 90.0)) == pytest.approx(0, abs=1e-12)
    assert float(angular_separation(5.0, 20.0, 365.0, 20.0)) == pytest.approx(0, abs=1e-12)


def test_defect_11_single_precision_is_not_made_worse() -> None:
    alt = np.float32(70.0) + np.arange(1, 5, dtype=np.float32) * np.float32(0.0078125)
    found = angular_separation(np.float32(180), alt, np.float32(180), np.float32(70))
    assert found.dtype == np.float64
    assert found == pytest.approx(np.arange(1, 5) * 0.0078125, rel=1e-9)


@pytest.mark.parametrize("x", ["true_energy", "reco_energy"])
def test_defect_14_a_curve_says_which_energy_its_bins_are_of(x: str) -> None:
    curve = ANGULAR_RESOLUTION.per_bin([0.1], by=[0.5], x=x, edges=EDGES)
    assert (curve.to_dict()["x"], curve.x_unit) == (x, "TeV")

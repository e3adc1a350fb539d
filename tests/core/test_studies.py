"""Studies of samples whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom
from scipy.stats import ks_2samp
from scipy.stats import norm

from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import SettingsError
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.studies.axes import AXES
from gammalearn_core.reporting.studies.by_axis import by_axes
from gammalearn_core.reporting.studies.calibration import calibration
from gammalearn_core.reporting.studies.calibration import perfect_errors
from gammalearn_core.reporting.studies.calibration import reliability
from gammalearn_core.reporting.studies.changes import changes_between
from gammalearn_core.reporting.studies.distributions import distributions
from gammalearn_core.reporting.studies.histograms import by_particle
from gammalearn_core.reporting.studies.histograms import range_of
from gammalearn_core.reporting.studies.histograms import upper_limit
from gammalearn_core.reporting.studies.observed import distance
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.pulls import pulls
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.reporting.studies.shifts import gain
from gammalearn_core.reporting.studies.shifts import night_sky
from gammalearn_core.results.performance import SIGMA
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.predictions import Predictions

R68 = np.sqrt(-2 * np.log(1 - SIGMA))
"""Radius that holds 68.27 % of a two-dimensional normal distribution of width 1."""


def sample(
    n: int, *, quantities: dict[str, Any] | None = None, told: dict[str, Any] | None = None, **columns: Any
) -> Sample:
    """Samples of showers of their own; gammas unless ``primary`` says otherwise."""
    primary = columns.pop("primary", np.zeros(n, dtype=int))
    shower = columns.pop("shower", np.arange(n))
    results = EventResults(primary=primary, shower=shower, **columns)
    return Sample(results=results, level="telescope", quantities=quantities or {}, uncertainties=told or {})


def chart(found: Studies, id: str) -> Chart:
    """The chart of this id."""
    (item,) = (item for item in found.items if item.id == id)
    assert isinstance(item, Chart)
    return item


def values(found: Studies) -> dict[str, float]:
    """Numbers by id."""
    return {number.id: number.value for number in found.numbers}


def shifted(rng: np.random.Generator, sigma: NDArray[np.float64]) -> dict[str, Any]:
    """True and predicted directions that are a normal error apart, where a degree is one in both."""
    n = len(sigma)
    return {
        "true_alt": np.zeros(n),
        "true_az": np.zeros(n),
        "reco_alt": sigma * rng.normal(size=n),
        "reco_az": sigma * rng.normal(size=n) % 360,
    }


def test_a_resolution_is_found_in_the_bin_that_it_is_of() -> None:
    """Rayleigh: directions err by 0.1 deg near the pointing, and by 0.3 deg far from it."""
    rng = np.random.default_rng(1)
    offset = np.repeat([0.2, 1.7], 5000)
    sigma = np.where(offset < 1, 0.1, 0.3)
    found = by_axes(sample(len(offset), quantities={"offset": offset}, **shifted(rng, sigma)))
    (series,) = chart(found, "angular_resolution_by_offset").series
    assert series.n == (5000, 0, 0, 5000)
    assert series.edges == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert series.y[0] == pytest.approx(0.1 * R68, rel=0.03)
    assert series.y[3] == pytest.approx(0.3 * R68, rel=0.03)
    assert np.isnan(series.y[1:3]).all()
    for value, low, high, true in zip(
        *(c[::3] for c in (series.y, series.y_low, series.y_high)), (0.1, 0.3), strict=True
    ):
        assert low < value < high
        assert low < true * R68 < high


def test_a_bias_and_a_resolution_of_energies_are_found_by_impact_distance() -> None:
    rng = np.random.default_rng(1)
    impact = np.repeat([30.0, 120.0, 2900.0], 3000)
    bias = np.repeat([0.0, 0.2, -0.3], 3000)
    true = rng.uniform(0.1, 10, len(impact))
    reco = true * (1 + bias + 0.1 * rng.normal(size=len(true)))
    found = by_axes(sample(len(true), quantities={"impact": impact}, true_energy=true, reco_energy=reco))
    (biases,) = chart(found, "energy_bias_by_impact").series
    known = [i for i, n in enumerate(biases.n or ()) if n]
    assert [biases.y[i] for i in known] == pytest.approx([0.0, 0.2, -0.3], abs=0.01)
    cta, pyirf = chart(found, "energy_resolution_by_impact").series
    assert [pyirf.y[i] for i in known] == pytest.approx([0.1] * 3, rel=0.06)
    assert cta.y[known[1]] == pytest.approx(0.2 + 0.1 * norm.ppf(SIGMA), rel=0.03)


def test_a_binormal_auc_is_found_by_zenith_angle() -> None:
    """Scores of gammas and of others are a number of widths apart."""
    rng = np.random.default_rng(1)
    n = 4000
    zenith = np.repeat([12.0, 47.0], n)
    primary = np.tile([0, 101], n)
    apart = np.where(zenith < 20, 2.0, 0.5)
    score = np.where(primary == 0, apart, 0.0) + rng.normal(size=2 * n)
    found = by_axes(sample(2 * n, quantities={"zenith": zenith}, primary=primary, gammaness=score))
    (series,) = chart(found, "auc_by_zenith").series
    assert (series.y[0], series.y[-1]) == pytest.approx(tuple(norm.cdf(np.array([2, 0.5]) / np.sqrt(2))), abs=0.015)
    assert series.n is not None
    assert sum(series.n) == 2 * n


def test_a_quantity_that_is_the_same_everywhere_gives_a_reason() -> None:
    found = by_axes(
        sample(20, quantities={"zenith": np.full(20, 20.0)}, true_energy=np.ones(20), reco_energy=np.ones(20))
    )
    assert not found.items
    reasons = {m.title: m.reason for m in found.missing}
    assert reasons["By zenith angle"] == "all 20 samples are in one bin of zenith angle of the pointing [deg]: 20"
    assert reasons["By impact distance"] == "neither impact distances nor positions of telescopes are known"
    assert len(found.missing) == len(AXES)


def test_gammas_of_one_offset_among_diffuse_protons_have_no_resolution_by_offset() -> None:
    primary = np.repeat([0, 101], 50)
    offset = np.where(primary == 0, 0.4, np.linspace(0, 3, 100))
    columns = {"true_energy": np.ones(100), "reco_energy": np.ones(100), "gammaness": np.linspace(0, 1, 100)}
    found = by_axes(sample(100, primary=primary, quantities={"offset": offset}, **columns))
    assert not found.items
    reasons = {m.title: m.reason for m in found.missing}
    assert (
        "all 50 samples that it can be measured of are in one bin" in reasons["energy bias by offset from the pointing"]
    )
    assert "fewer than two bins" in reasons["AUC by offset from the pointing"]


def test_whole_numbers_are_in_bins_of_their_own() -> None:
    dead = np.array([0, 1, 1, 2, 3, 4, 4, 5])
    found = by_axes(sample(8, quantities={"dead_pixels": dead}, true_energy=np.ones(8), reco_energy=np.ones(8)))
    (series,) = chart(found, "energy_bias_by_dead_pixels").series
    assert series.x == (0.0, 1.0, 2.0, 3.5, 6.5)
    assert series.n == (1, 2, 1, 3, 1)


def test_predictions_that_are_not_finite_take_no_part() -> None:
    reco = np.array([1.0, np.nan, np.inf, 1.0])
    quantities = {"zenith": np.array([1.0, 1.0, 30.0, 30.0])}
    found = by_axes(sample(4, quantities=quantities, true_energy=np.ones(4), reco_energy=reco))
    (series,) = chart(found, "energy_bias_by_zenith").series
    assert sum(series.n or ()) == 2


def test_the_impact_distance_of_an_event_is_that_of_the_middle_of_the_array() -> None:
    n = 2
    columns = {
        "obs_id": np.ones(n, dtype=int),
        "event_id": np.arange(n),
        "true_shower_primary_id": np.zeros(n, dtype=int),
        "true_energy": np.ones(n),
        "true_alt": np.array([90.0, 30.0]),
        "true_az": np.zeros(n),
        "true_core_x": np.array([100.0, 200.0]),
        "true_core_y": np.array([20.0, 0.0]),
        "pointing_alt": np.array([88.0, 30.0]),
        "pointing_az": np.zeros(n),
    }
    predictions = Predictions(
        events=EventTable(columns, n), rows=np.arange(n), values={"energy": {"energy": np.ones(n)}}
    )
    found = Sample.of(predictions, "subarray", centre=np.array([0.0, 20.0, 0.0]))
    # A vertical shower passes as far away as it lands; a slanted one, from the north, by sin(30 deg) of it.
    assert found.quantities["impact"].tolist() == pytest.approx([100.0, np.hypot(200 * 0.5, 20)])
    assert found.quantities["offset"].tolist() == pytest.approx([2.0, 0.0])
    assert found.quantities["zenith"].tolist() == [2.0, 60.0]
    assert "multiplicity" not in found.quantities


def test_observations_are_no_sample() -> None:
    events = EventTable({"obs_id": np.ones(3, dtype=int), "event_id": np.arange(3)}, 3)
    assert len(Sample.of(Predictions(events=events, rows=np.arange(3)), "telescope")) == 0


def calibrated(n: int, seed: int) -> dict[str, Any]:
    """Gammaness that is the probability of a gamma."""
    rng = np.random.default_rng(seed)
    gammaness = rng.beta(0.5, 0.5, n)
    return {"gammaness": gammaness, "primary": np.where(rng.random(n) < gammaness, 0, 101)}


def test_a_calibrated_classifier_is_on_the_line() -> None:
    found = calibration(sample(20_000, **calibrated(20_000, 1)))
    series, line = chart(found, "reliability").series
    assert (line.x, line.y) == ((0, 1), (0, 1))
    assert series.y == pytest.approx(series.x, abs=0.03)
    inside = [low < x < high for x, low, high in zip(series.x, series.y_low, series.y_high, strict=True)]
    assert sum(inside) >= 9
    (error,) = (n for n in found.numbers if n.id == "calibration_error")
    assert error.n == 20_000
    assert error.value < np.quantile(perfect_errors(calibrated(20_000, 1)["gammaness"], np.arange(20_000)), 0.95)


def test_a_classifier_that_is_too_sure_is_off_the_line_by_as_much() -> None:
    """0.95 is said of 1000 of which 0.7 are gammas, and 0.05 of 3000 of which 0.2 are."""
    gammaness = np.repeat([0.95, 0.05], [1000, 3000])
    primary = np.repeat([0, 101, 0, 101], [700, 300, 600, 2400])
    found = calibration(sample(4000, gammaness=gammaness, primary=primary))
    assert values(found)["calibration_error"] == pytest.approx(0.25 * 0.25 + 0.75 * 0.15)
    squares = 0.25 * (0.7 * 0.05**2 + 0.3 * 0.95**2) + 0.75 * (0.2 * 0.95**2 + 0.8 * 0.05**2)
    assert values(found)["brier_score"] == pytest.approx(squares)
    assert values(found)["calibration_error"] > perfect_errors(gammaness, np.arange(4000))[-1]
    series = chart(found, "reliability").series[0]
    assert (series.y[0], series.y[9]) == (0.2, 0.7)
    assert np.isnan(series.y[1:9]).all()


def test_intervals_of_shares_hold_the_truth() -> None:
    """In 95 % of the cases at least, whatever the share: each number of gammas, times how often it is found."""
    intervals = [reliability(np.full(40, 0.33), np.arange(40) < k) for k in range(41)]
    low, high = (np.array([getattr(found, end)[3] for found in intervals]) for end in ("low", "high"))
    for share in (0.02, 0.3, 0.5, 0.77, 1.0):
        held = binom.pmf(np.arange(41), 40, share)[(low <= share) & (share <= high)].sum()
        assert 0.95 <= held <= 1.0 + 1e-9
    assert binom.pmf(np.arange(41), 40, 0.3)[(low <= 0.3) & (high >= 0.3)].sum() < 0.98


@pytest.mark.parametrize(("gammas", "expected"), [(0, (0, 0, 0.3085)), (10, (1, 0.6915, 1))])
def test_intervals_of_shares_are_those_of_clopper_and_pearson(gammas: int, expected: tuple[float, ...]) -> None:
    found = reliability(np.full(10, 0.5), np.arange(10) < gammas, edges=[0, 1])
    assert (found.share[0], found.low[0], found.high[0]) == pytest.approx(expected, abs=1e-4)


def test_images_of_one_shower_make_neither_intervals_nor_expected_errors_smaller() -> None:
    drawn = calibrated(500, 3)
    gamma = drawn["primary"] == 0
    once = reliability(drawn["gammaness"], gamma)
    four = reliability(np.repeat(drawn["gammaness"], 4), np.repeat(gamma, 4), groups=np.repeat(np.arange(500), 4))
    np.testing.assert_allclose(four.low, once.low)
    np.testing.assert_allclose(four.high, once.high)
    assert four.n.tolist() == (4 * once.n).tolist()
    errors = perfect_errors(np.repeat(drawn["gammaness"], 4), np.repeat(np.arange(500), 4))
    np.testing.assert_allclose(errors, perfect_errors(drawn["gammaness"], np.arange(500)))


def test_a_gammaness_of_1_is_in_the_last_bin() -> None:
    assert reliability([1.0, 0.0], [True, False]).n.tolist() == [1, *[0] * 8, 1]


def test_a_test_split_of_gammas_alone_has_no_calibration() -> None:
    found = calibration(sample(5, gammaness=np.linspace(0, 1, 5)))
    assert [m.reason for m in found.missing] == ["the test split has gammas only"]


def test_the_calibration_error_by_energy_is_that_of_the_bin() -> None:
    n = 3000
    drawn = {name: np.concatenate([v, v]) for name, v in calibrated(n, 5).items()}
    energy = np.repeat([0.3, 3.0], n)
    drawn["gammaness"][n:] = 0.5 + (drawn["gammaness"][n:] - 0.5) / 2  # half as sure as it should be
    found = calibration(sample(2 * n, reco_energy=energy, **drawn))
    error, median, highest = chart(found, "calibration_error_by_energy").series
    assert error.n is not None
    assert [v for v in error.n if v] == [n, n]
    assert error.y[0] < highest.y[0] < error.y[-1]
    assert median.y[0] < highest.y[0]
    direct = reliability(drawn["gammaness"][n:], drawn["primary"][n:] == 0).error
    assert error.y[-1] == pytest.approx(direct)


def test_right_uncertainties_have_pulls_of_width_1_and_halved_ones_of_2() -> None:
    rng = np.random.default_rng(1)
    n = 20_000
    sigma = rng.uniform(0.05, 0.4, n)
    true = 10 ** rng.uniform(-1, 1, n)
    reco = true * np.exp(sigma * rng.normal(size=n))
    for factor in (1.0, 0.5):
        found = pulls(sample(n, true_energy=true, reco_energy=reco, told={"energy_uncert": factor * sigma * reco}))
        assert values(found)["pull_energy_width"] == pytest.approx(1 / factor, rel=0.03)
        assert values(found)["pull_energy_median"] == pytest.approx(0, abs=0.03 / factor)
        coverage = chart(found, "coverage_energy").series[0]
        expected = 2 * norm.cdf(norm.ppf((1 + np.array(coverage.x)) / 2) * factor) - 1
        assert coverage.y == pytest.approx(tuple(expected), abs=0.015)
        by_energy = {s.label: s for s in chart(found, "pull_energy_by_energy").series}
        assert np.nanmedian(by_energy["width"].y) == pytest.approx(1 / factor, rel=0.05)


def test_pulls_of_the_azimuth_go_across_north() -> None:
    rng = np.random.default_rng(1)
    n = 5000
    errors = rng.normal(size=(2, n))
    found = pulls(
        sample(
            n,
            true_alt=np.full(n, 70.0),
            true_az=np.full(n, 0.01),
            reco_alt=70.0 + 0.2 * errors[0],
            reco_az=(0.01 + 0.5 * errors[1]) % 360,
            told={"alt_uncert": np.full(n, 0.2), "az_uncert": np.full(n, 0.5)},
        )
    )
    assert values(found)["pull_azimuth_width"] == pytest.approx(1, rel=0.05)
    assert values(found)["pull_altitude_width"] == pytest.approx(1, rel=0.05)


def test_a_biased_energy_has_a_biased_pull() -> None:
    reco, sigma = np.full(500, 1.2), np.full(500, 0.1 * 1.2)
    found = pulls(sample(500, true_energy=np.ones(500), reco_energy=reco, told={"energy_uncert": sigma}))
    assert values(found)["pull_energy_median"] == pytest.approx(np.log(1.2) / 0.1)


def test_pulls_of_impact_points_are_those_of_both_axes() -> None:
    told = {"core_uncert_x": np.full(50, 10.0), "core_uncert_y": np.full(50, 20.0)}
    zeros = np.zeros(50)
    columns = {"true_core_x": zeros, "true_core_y": zeros, "reco_core_x": zeros + 10, "reco_core_y": zeros - 10}
    found = values(pulls(sample(50, told=told, **columns)))
    assert (found["pull_impact_x_median"], found["pull_impact_y_median"]) == (1.0, -0.5)


def test_without_uncertainties_the_reason_names_losses_that_give_them() -> None:
    (missing,) = pulls(sample(3, true_energy=np.ones(3), reco_energy=np.ones(3))).missing
    assert "core.gaussian_nll" in missing.reason


def test_squared_angles_of_normal_errors_fall_on_the_reference() -> None:
    rng = np.random.default_rng(1)
    found = chart(distributions(sample(50_000, **shifted(rng, np.full(50_000, 0.1)))), "theta2")
    histogram, reference = found.series
    assert np.abs(np.array(histogram.y) - reference.y).max() < 0.004
    assert histogram.x[-1] == 0.1  # 95 % are within 0.06 deg²
    assert sum(histogram.n or ()) == pytest.approx(50_000 * (1 - np.exp(-0.1 / 0.02)), rel=0.01)
    assert sum(histogram.y) == pytest.approx(sum(histogram.n or ()) / 50_000)  # of all, also of those beyond


def test_distributions_are_those_of_each_particle() -> None:
    gammaness = np.concatenate([np.full(30, 0.99), np.full(10, 0.01), np.full(60, 0.01)])
    primary = np.repeat([0, 0, 101], [30, 10, 60])
    series = chart(distributions(sample(100, gammaness=gammaness, primary=primary)), "gammaness").series
    assert [s.label for s in series] == ["gamma (40)", "proton (60)"]
    assert (series[0].y[0], series[0].y[-1], series[1].y[0]) == (0.25, 0.75, 1.0)


def test_energies_outside_of_all_bins_leave_no_chart() -> None:
    assert not distributions(sample(2, reco_energy=[1e-9, np.nan], true_energy=[1e-9, 1e-9])).items


def test_values_are_told_apart_by_particle_without_those_that_are_not_finite() -> None:
    found = by_particle([1.0, np.nan, 3.0], [0, 0, 5626])
    assert {name: v.tolist() for name, v in found.items()} == {"gamma": [1.0], "iron": [3.0]}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.5), (0.95, 1.0), (0.1, 0.1)])
def test_limits_are_round(share: float, expected: float) -> None:
    assert upper_limit(np.linspace(0, 0.999, 1000), share=share) == pytest.approx(expected)


def test_nothing_has_a_range_if_all_is_the_same() -> None:
    assert range_of({"a": np.full(5, 3.0)}) is None
    assert range_of({}) is None


def test_the_distance_of_distributions_is_that_of_kolmogorov_and_smirnov() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=300), np.round(rng.normal(0.5, 1, 200), 1)
    assert distance(one, other) == pytest.approx(ks_2samp(one, other).statistic)


def test_changes_have_a_sign_and_hold_the_truth() -> None:
    """Energies that are 10 % lower: the median of relative errors falls by 10 % of 1 + bias."""
    rng = np.random.default_rng(1)
    true = rng.uniform(1, 2, 400)
    reco = true * (1.05 + 0.2 * rng.normal(size=400))
    other = sample(400, true_energy=true, reco_energy=reco).results
    one = sample(400, true_energy=true, reco_energy=0.9 * reco).results
    found = changes_between(one, other, seed=1)["energy_bias"]
    assert found.difference == pytest.approx(-0.1 * np.median(reco / true))
    assert found.low < found.difference < found.high < 0
    assert found.n == 400
    assert changes_between(one, other, seed=1)["energy_bias"] == found


def test_changes_of_few_showers_have_no_interval() -> None:
    one = sample(5, true_energy=np.ones(5), reco_energy=np.full(5, 1.1)).results
    found = changes_between(one, one, seed=1)
    assert all(np.isnan([c.low, c.high]).all() for c in found.values())
    assert found["energy_bias"].difference == 0


def test_levels_have_the_one_that_changes_nothing_among_them() -> None:
    assert night_sky([2, 1]).levels == (0.0, 1.0, 2.0)
    assert gain([1.1]).levels == (1.0, 1.1)


@pytest.mark.parametrize("make", [lambda: night_sky([-1.0]), lambda: gain([0.0]), lambda: gain([float("nan")])])
def test_levels_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(SettingsError, match="levels must be finite"):
        make()

"""Weighted quantiles and their intervals: the definition, its limits, and coverage on simulated draws."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats import norm

from gammalearn_core.results.performance import weighted_quantile
from gammalearn_core.results.performance.quantiles import Sample
from gammalearn_core.results.performance.quantiles import bounds
from gammalearn_core.results.performance.quantiles import effective_size

SHARES = (0.0, 0.05, 0.5, 0.68, 0.95, 1.0)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1001])
@pytest.mark.parametrize("share", SHARES)
def test_equal_weights_give_the_linear_quantile_of_numpy(n: int, share: float) -> None:
    values = np.random.default_rng(n).normal(size=n)
    expected = np.quantile(values, share)
    assert weighted_quantile(values, share) == expected
    assert weighted_quantile(values, share, weights=np.full(n, 0.3)) == pytest.approx(expected, abs=1e-12)


def test_a_weighted_quantile_is_that_of_the_formula_worked_by_hand() -> None:
    # Weights 1, 2, 1: n = 16 / 6, the median has rank 1 + 5 / 6, so the window is from 5 / 16 to 11 / 16 of the
    # cumulated weight, and lies in the second value.
    assert weighted_quantile([10, 20, 30], 0.5, weights=[1, 2, 1]) == pytest.approx(20)
    # Share 0.2: rank 4 / 3, window 1 / 8 to 1 / 2, a third of it in the first value.
    assert weighted_quantile([10, 20, 30], 0.2, weights=[1, 2, 1]) == pytest.approx((10 + 2 * 20) / 3)


def test_the_scale_of_weights_and_the_order_of_samples_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=50), rng.uniform(0.1, 3, 50)
    expected = weighted_quantile(values, 0.68, weights=weights)
    assert weighted_quantile(values, 0.68, weights=weights * 1e6) == pytest.approx(expected, rel=1e-12)
    assert weighted_quantile(values[::-1], 0.68, weights=weights[::-1]) == pytest.approx(expected, rel=1e-12)


def test_samples_without_weight_do_not_count() -> None:
    sample = Sample([1.0, 5.0, 2.0, 9.0], weights=[1, 0, 1, 0])
    assert (sample.n, sample.quantile(0.5)) == (2, pytest.approx(1.5))


def test_weights_that_undo_a_selection_give_back_the_quantile() -> None:
    rng = np.random.default_rng(2)
    values = rng.exponential(size=200_000)
    kept = rng.random(len(values)) < (probability := np.exp(-values / 2))
    found = weighted_quantile(values[kept], 0.68, weights=1 / probability[kept])
    assert found == pytest.approx(-np.log(0.32), rel=0.02)
    assert weighted_quantile(values[kept], 0.68) < 0.7 * found


@pytest.mark.parametrize("weights", [None, [], [0.0, 0.0]])
def test_of_no_samples_nothing_is_known(weights: list[float] | None) -> None:
    found = Sample([1.0, 2.0][: len(weights or [])], weights=weights).estimate(0.5)
    assert (found.n, *np.isnan([found.value, found.low, found.high])) == (0, True, True, True)


def test_a_prediction_that_is_nan_makes_the_number_nan() -> None:
    assert np.isnan(weighted_quantile([1.0, np.nan, 2.0], 0.1))
    assert np.isnan(weighted_quantile([1.0, np.nan, 2.0], 0.1, weights=[1, 2, 3]))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        weighted_quantile([1.0, 2.0], 0.5, weights=weights)


def test_the_effective_size_is_that_of_kish_and_of_whole_groups() -> None:
    assert effective_size(np.ones(7)) == 7
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert effective_size(np.ones(6), np.array([5, 5, 8, 8, 9, 9])) == pytest.approx(3)


@pytest.mark.parametrize("n", [20, 101])
@pytest.mark.parametrize("share", [0.5, 0.6827])
def test_whole_ranks_are_those_of_the_binomial_distribution(n: int, share: float) -> None:
    low, high = np.array(bounds(share, n, confidence=0.95)) * (n + 1)
    assert binom.cdf(np.floor(low) - 1, n, share) <= 0.025 <= binom.cdf(np.ceil(low) - 1, n, share)
    assert binom.cdf(np.floor(high) - 1, n, share) <= 0.975 <= binom.cdf(np.ceil(high) - 1, n, share)


def test_an_end_that_the_samples_do_not_bound_is_nan() -> None:
    found = Sample(np.arange(1.0, 6.0)).estimate(0.95, confidence=0.95)
    assert np.isfinite([found.value, found.low]).all()
    assert np.isnan(found.high)


def coverage(share: float, confidence: float, n: int, copies: int = 1, grouped: bool = True) -> float:
    """How often the interval of a quantile of normal draws has the true one in it."""
    rng = np.random.default_rng(3)
    truth = norm.ppf(share)
    groups = np.repeat(np.arange(n), copies) if grouped else None
    hits = 0
    for _ in range(1500):
        found = Sample(np.repeat(rng.normal(size=n), copies), groups=groups).estimate(share, confidence=confidence)
        hits += found.low <= truth <= found.high
    return hits / 1500


@pytest.mark.parametrize("confidence", [0.68, 0.95])
@pytest.mark.parametrize(("share", "n"), [(0.5, 15), (0.6827, 40), (0.95, 400)])
def test_intervals_have_the_truth_in_them_as_often_as_they_say(share: float, n: int, confidence: float) -> None:
    assert coverage(share, confidence, n) == pytest.approx(confidence, abs=0.035)


def test_images_of_one_shower_count_as_one() -> None:
    assert coverage(0.6827, 0.68, 40, copies=4) == pytest.approx(0.68, abs=0.05)
    assert coverage(0.6827, 0.68, 40, copies=4, grouped=False) < 0.5


def test_weighted_intervals_have_the_truth_in_them_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(1000):
        found = Sample(rng.normal(size=80), weights=rng.uniform(0.2, 2, 80)).estimate(0.6827, confidence=0.68)
        hits += found.low <= norm.ppf(0.6827) <= found.high
    assert hits / 1000 == pytest.approx(0.68, abs=0.05)


def test_infinite_values_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Sample([1.0, np.inf, np.inf], weights=[1, 2, 1]).estimate(0.9)
    assert not np.isfinite(found.value)

"""ROC curves and AUC: analytic truths, independent formulas, coverage of intervals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from gammalearn_core.results.performance import AUC
from gammalearn_core.results.performance import auc
from gammalearn_core.results.performance import roc_curve

EVENLY = (np.arange(20_001) + 0.5) / 20_001


def pairs(score: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The area by its definition, pair by pair."""
    difference = score[positive][:, None] - score[~positive][None]
    order = (difference > 0) + 0.5 * (difference == 0)
    return float(np.average(order, weights=weights[positive][:, None] * weights[~positive][None]))


def sample(n: int, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Scores with ties, classes, weights."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    return rng.integers(0, 6, n) + 1.0 * positive, positive, rng.uniform(0.1, 2, n)


@pytest.mark.parametrize(("distance", "width"), [(0.0, 1.0), (1.0, 1.0), (1.5, 2.0), (-1.0, 1.0)])
def test_the_area_of_two_normal_distributions_is_that_of_signal_detection_theory(distance: float, width: float) -> None:
    score = np.concatenate([distance + width * norm.ppf(EVENLY), norm.ppf(EVENLY)])
    positive = np.arange(len(score)) < len(EVENLY)
    truth = norm.cdf(distance / np.hypot(1, width))
    found = auc(score, positive)
    assert found.value == pytest.approx(truth, rel=5e-4)
    assert found.low < truth < found.high


def test_weights_count_in_pairs() -> None:
    score, positive, weights = sample(200)
    assert auc(score, positive, weights=weights).value == pytest.approx(pairs(score, positive, weights), rel=1e-12)
    whole = np.random.default_rng(2).integers(0, 4, 200)
    repeated = auc(np.repeat(score, whole), np.repeat(positive, whole))
    assert auc(score, positive, weights=whole).value == pytest.approx(repeated.value, rel=1e-12)
    assert auc(score, positive, weights=whole).n == np.count_nonzero(whole)


def test_the_variance_is_that_of_delong() -> None:
    score, positive, _ = sample(80)
    order = score[positive][:, None] - score[~positive][None]
    order = (order > 0) + 0.5 * (order == 0)
    variance = order.mean(axis=1).var(ddof=1) / order.shape[0] + order.mean(axis=0).var(ddof=1) / order.shape[1]
    found = auc(score, positive, confidence=0.95)
    logit = np.log(found.value / (1 - found.value))
    reach = norm.ppf(0.975) * np.sqrt(variance) / (found.value * (1 - found.value))
    assert found.low == pytest.approx(1 / (1 + np.exp(reach - logit)), rel=1e-9)
    assert found.high == pytest.approx(1 / (1 + np.exp(-reach - logit)), rel=1e-9)


def coverage(confidence: float, copies: int = 1, grouped: bool = True) -> float:
    rng = np.random.default_rng(3)
    positive = np.repeat(np.arange(80) % 2 == 0, copies)
    groups = np.repeat(np.arange(80), copies) if grouped else None
    hits = 0
    for _ in range(800):
        score = np.repeat(rng.normal(size=80), copies) + 1.2 * positive
        found = auc(score, positive, groups=groups, confidence=confidence)
        hits += found.low <= norm.cdf(1.2 / np.sqrt(2)) <= found.high
    return hits / 800


@pytest.mark.parametrize("confidence", [0.68, 0.95])
def test_intervals_have_the_truth_in_them_as_often_as_they_say(confidence: float) -> None:
    assert coverage(confidence) == pytest.approx(confidence, abs=0.04)
    assert coverage(confidence, copies=4) == pytest.approx(confidence, abs=0.04)


def test_intervals_that_take_images_of_one_shower_for_independent_are_too_narrow() -> None:
    assert coverage(0.68, copies=4, grouped=False) < 0.5


@pytest.mark.parametrize(("sign", "value"), [(1, 1.0), (-1, 0.0)])
def test_perfect_order_is_not_known_without_doubt(sign: int, value: float) -> None:
    found = auc(sign * np.arange(30.0), np.arange(30) >= 20)
    assert found.value == value
    doubt = 0.025 ** (1 / 10)
    assert (found.low, found.high) == pytest.approx((doubt, 1.0) if value else (0.0, 1 - doubt))


@pytest.mark.parametrize("positive", [[], [True, True], [False, False]])
def test_without_both_classes_there_is_no_area(positive: list[bool]) -> None:
    found = auc(np.arange(len(positive), dtype=float), positive)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.n == len(positive)


def test_two_samples_have_an_area_and_no_interval() -> None:
    found = auc([0.5, 0.5], [True, False])
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()


def test_the_area_under_the_curve_is_that_of_the_statistic() -> None:
    score, positive, weights = sample(300)
    roc = roc_curve(score, positive, weights=weights)
    area = np.trapezoid(roc.true_positive, roc.false_positive)
    assert area == pytest.approx(auc(score, positive, weights=weights).value, rel=1e-12)


def test_points_of_the_curve_are_shares_at_or_above_the_threshold() -> None:
    score, positive, weights = sample(100)
    roc = roc_curve(score, positive, weights=weights)
    for threshold, true, false in zip(roc.threshold, roc.true_positive, roc.false_positive, strict=True):
        passed = score >= threshold
        assert true == pytest.approx(np.average(passed[positive], weights=weights[positive]))
        assert false == pytest.approx(np.average(passed[~positive], weights=weights[~positive]))
    assert (roc.n_positive, roc.n_negative) == (positive.sum(), (~positive).sum())
    assert (np.diff(roc.threshold) < 0).all()


def test_a_curve_of_scores_that_are_nan_has_no_points_and_one_class_gives_nan() -> None:
    assert len(roc_curve([0.1, np.nan], [True, False]).threshold) == 1
    assert np.isnan(roc_curve([0.1, 0.2], [True, True]).false_positive).all()


def test_bins_hold_both_classes_of_their_own() -> None:
    score = np.array([0.9, 0.1, 0.2, 0.8])
    positive = np.array([True, False, True, False])
    curve = AUC.per_bin(score, positive, by=[0.2, 0.3, 2.0, 3.0], x="reco_energy", edges=[0.1, 1, 10, 100])
    assert curve.value.tolist()[:2] == [1.0, 0.0]
    assert np.isnan(curve.value[2])
    assert curve.n.tolist() == [2, 2, 0]

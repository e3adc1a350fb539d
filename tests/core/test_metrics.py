"""The core's metrics, against analytic truths and independent formulas."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.metrics.classification import AUC
from gammalearn_core.builtin.metrics.classification import Accuracy
from gammalearn_core.builtin.metrics.direction import AngularError
from gammalearn_core.builtin.metrics.direction import angular_errors
from gammalearn_core.builtin.metrics.energy import EnergyError
from gammalearn_core.builtin.metrics.energy import energy_errors
from gammalearn_core.builtin.metrics.impact import ImpactError
from gammalearn_core.builtin.metrics.samples import SampleMetric
from gammalearn_core.results import performance
from gammalearn_core.results.performance import SIGMA

N = 200_000
TWO, THREE = (
    TaskSpec(name="particle", target="core.particle", size=len(names), geometry="class", classes=names)
    for names in (("gamma", "proton"), ("proton", "gamma", "electron"))
)
CLASSES: dict[str, Callable[[], SampleMetric]] = {"accuracy": Accuracy, "auc": partial(AUC, TWO)}
METRICS: dict[str, Callable[[], SampleMetric]] = {
    **CLASSES,
    "direction": AngularError,
    "energy": EnergyError,
    "impact": ImpactError,
}


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    return performance.auc(score, positive).value


def samples(name: str, n: int) -> tuple[Tensor, Tensor]:
    """Predictions and truth that fit a metric."""
    generator = torch.Generator().manual_seed(1)
    columns = {"energy": 1}.get(name, 2)
    prediction = torch.randn(n, columns, generator=generator)
    if name in CLASSES:
        return prediction, (torch.rand(n, generator=generator) < 0.4).long()
    return prediction, prediction + 0.1 * torch.randn(n, columns, generator=generator)


def measured(metric: SampleMetric, *parts: tuple[Tensor, Tensor]) -> dict[str, float]:
    metric.reset()
    for part in parts:
        metric.update(part)
    return metric.compute()


def binormal(separation: float, n: int = N) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores of two unit normal distributions whose means are this far apart."""
    positive = np.arange(n) % 4 == 0
    return np.random.default_rng(2).normal(size=n) + separation * positive, positive


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_auc_of_two_normal_distributions_is_that_of_signal_detection_theory(distance: float) -> None:
    assert auc(*binormal(distance)) == pytest.approx(norm.cdf(distance / np.sqrt(2)), abs=0.004)


def test_auc_of_an_inverted_classifier_is_below_one_half() -> None:
    score, positive = binormal(1.0)
    assert auc(-score, positive) == pytest.approx(1 - auc(score, positive))
    assert auc(-score, positive) < 0.3


def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    rng = np.random.default_rng(3)
    score, positive = rng.integers(0, 5, 60).astype(np.float64), rng.random(60) < 0.5
    difference = score[positive][:, None] - score[~positive][None]
    assert auc(score, positive) == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)))


def test_auc_of_a_perfect_classifier_is_1_and_of_a_constant_one_half() -> None:
    positive = np.array([True, False, True, False])
    assert auc(positive.astype(float), positive) == 1
    assert auc(np.ones(4), positive) == 0.5


@pytest.mark.parametrize("positive", [[], [True, True], [False, False]])
def test_auc_without_both_classes_is_nan(positive: list[bool]) -> None:
    assert np.isnan(auc(np.arange(len(positive), dtype=float), np.array(positive, dtype=bool)))


def test_auc_of_predictions_that_are_not_finite_is_nan() -> None:
    assert np.isnan(auc(np.array([0.1, np.nan, 0.3]), np.array([True, False, True])))


def test_gammas_are_the_positives_of_the_metric_of_gammaness() -> None:
    scores, truth = torch.tensor([[3.0, 0.0], [0.0, 3.0], [2.0, 0.0]]), torch.tensor([0, 1, 0])
    assert measured(AUC(TWO), (scores, truth)) == {"auc": 1.0, "n": 3.0}
    assert measured(AUC(TWO), (-scores, truth))["auc"] == 0


@pytest.mark.parametrize(("positive", "number"), [("proton", 0), ("gamma", 1), ("electron", 2)])
def test_the_metric_is_that_of_the_probability_of_one_class_against_all_others(positive: str, number: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 500)
    scores = rng.normal(size=(500, 3)) + np.eye(3)[truth]
    probability = np.exp(scores[:, number]) / np.exp(scores).sum(axis=1)
    expected = auc(probability, truth == number)
    result = measured(AUC(THREE, positive=positive), (torch.from_numpy(scores), torch.from_numpy(truth)))
    assert result["auc"] == pytest.approx(expected)
    assert expected > 0.6


def test_a_class_that_the_task_does_not_have_cannot_be_the_positive_one() -> None:
    with pytest.raises(ValueError, match="positive: there is no class 'iron' among gamma, proton"):
        AUC(TWO, positive="iron")


def test_accuracy_is_the_share_of_right_answers() -> None:
    scores = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 5.0]])
    assert measured(Accuracy(), (scores, torch.tensor([0, 1, 1, 1]))) == {"accuracy": 0.75, "n": 4.0}


def test_the_radius_of_a_rayleigh_distribution_is_found() -> None:
    sigma = 0.1
    offsets = torch.from_numpy(np.random.default_rng(5).normal(0, sigma, (N, 2)))
    result = measured(AngularError(), (offsets, torch.zeros(N, 2, dtype=torch.float64)))
    assert result["resolution"] == pytest.approx(sigma * np.sqrt(-2 * np.log(1 - 0.6827)), rel=0.01)
    assert result["resolution"] == pytest.approx(sigma * np.sqrt(-2 * np.log(0.3173)), rel=0.01)
    assert result["median"] == pytest.approx(sigma * np.sqrt(-2 * np.log(0.5)), rel=0.01)
    assert result["n"] == N


def test_angles_are_those_on_the_sphere() -> None:
    prediction, truth = torch.tensor([[30.0, 60.0]]), torch.tensor([[0.0, 60.0]])
    expected = 2 * np.degrees(np.arcsin(np.sin(np.radians(15)) * np.cos(np.radians(60))))
    assert measured(AngularError(), (prediction, truth))["median"] == pytest.approx(expected, rel=1e-6)


def test_distances_between_impact_points_are_told_in_metres() -> None:
    sigma = 0.4
    offsets = torch.from_numpy(np.random.default_rng(9).normal(0, sigma, (N, 2)))
    truth = torch.full((N, 2), 3.0, dtype=torch.float64)
    result = measured(ImpactError(), (truth + offsets, truth))
    assert result["resolution"] == pytest.approx(100 * sigma * np.sqrt(-2 * np.log(0.3173)), rel=0.01)
    assert result["median"] == pytest.approx(100 * sigma * np.sqrt(-2 * np.log(0.5)), rel=0.01)
    assert measured(ImpactError(scale=1.0), (truth + offsets, truth))["median"] == pytest.approx(result["median"] / 100)
    with pytest.raises(ValueError, match="scale must be a number of metres above 0, got -1"):
        ImpactError(scale=-1)


def test_bias_and_resolution_of_normal_energies_are_found() -> None:
    true = np.random.default_rng(6).uniform(1, 10, N)
    reco = true * np.random.default_rng(7).normal(1.2, 0.1, N)
    result = energy_errors(true, reco)
    assert result["bias"] == pytest.approx(0.2, abs=0.002)
    assert result["resolution_pyirf"] == pytest.approx(0.1, rel=0.01)


def test_the_resolution_of_cta_counts_from_the_truth() -> None:
    true = np.ones(N)
    reco = np.random.default_rng(8).normal(1.0, 0.1, N)
    assert energy_errors(true, reco)["resolution_cta"] == pytest.approx(0.1, rel=0.01)
    shifted = energy_errors(true, reco + 0.5)
    assert shifted["resolution_cta"] == pytest.approx(0.5 + 0.1 * norm.ppf(SIGMA), rel=0.01)
    assert shifted["resolution_pyirf"] == pytest.approx(0.1, rel=0.01)


def test_energies_are_compared_in_tev_and_not_in_logarithms() -> None:
    truth = torch.tensor([[0.0], [1.0]])
    result = measured(EnergyError(), (truth + np.log10(2), truth))
    assert result["bias"] == pytest.approx(1.0, rel=1e-5)
    assert result["resolution_cta"] == pytest.approx(1.0, rel=1e-5)


def test_absurd_energies_give_numbers_that_are_not_finite_and_no_warning() -> None:
    result = measured(EnergyError(), (torch.full((5, 1), 400.0), torch.zeros(5, 1)))
    assert not any(np.isfinite(value) for name, value in result.items() if name != "n")


@pytest.mark.parametrize("name", METRICS)
def test_one_batch_and_several_batches_give_the_same(name: str) -> None:
    prediction, truth = samples(name, 100)
    cuts = (0, 1, 40, 40, 100)
    parts = [(prediction[a:b], truth[a:b]) for a, b in itertools.pairwise(cuts)]
    assert measured(METRICS[name](), *parts) == measured(METRICS[name](), (prediction, truth))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("batches", [0, 1])
def test_without_samples_all_numbers_are_nan_and_n_is_0(name: str, batches: int) -> None:
    result = measured(METRICS[name](), *[samples(name, 0)] * batches)
    assert result.pop("n") == 0
    assert all(np.isnan(value) for value in result.values())
    assert set(result) == set(measured(METRICS[name](), samples(name, 10))) - {"n"}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_forgets_when_it_is_reset(name: str) -> None:
    metric = METRICS[name]()
    measured(metric, samples(name, 10))
    assert measured(metric, samples(name, 7))["n"] == 7


def test_predictions_need_no_gradient_and_are_not_kept_alive() -> None:
    metric = AngularError()
    prediction = torch.ones(3, 2, requires_grad=True)
    metric.update((prediction * 2, torch.zeros(3, 2)))
    assert not any(t.requires_grad for t in metric._prediction)
    assert metric.compute()["n"] == 3


def test_empty_input_gives_nan() -> None:
    nothing = np.empty(0)
    assert {k: v for k, v in energy_errors(nothing, nothing).items() if not np.isnan(v)} == {"n": 0}
    assert {k: v for k, v in angular_errors(nothing).items() if not np.isnan(v)} == {"n": 0}

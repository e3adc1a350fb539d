"""The core's losses: one value a sample, whose mean is torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch import nn
from torch.nn import functional as F

from gammalearn_core.api import SampleLoss
from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.losses.cross_entropy import CrossEntropy
from gammalearn_core.builtin.losses.fixed_weights import FixedWeights
from gammalearn_core.builtin.losses.regression import L1
from gammalearn_core.builtin.losses.regression import MSE
from gammalearn_core.builtin.losses.regression import SmoothL1

NUMBERS = TaskSpec(name="direction", target="core.direction", size=2)
CLASSES = TaskSpec(name="particle", target="core.particle", size=3, geometry="class", classes=("gamma", "proton", "x"))
REGRESSIONS = [(L1, F.l1_loss, {}), (MSE, F.mse_loss, {}), (SmoothL1, F.smooth_l1_loss, {"beta": 0.3})]


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("loss", "expected", "params"), REGRESSIONS)
def test_regressions_give_one_value_a_sample_whose_mean_is_that_of_torch(
    loss: type, expected: object, params: dict[str, float]
) -> None:
    prediction, truth = random(50, 2, seed=1), random(50, 2, seed=2)
    values = loss(task=NUMBERS, **params)(prediction, truth)
    assert values.shape == (50,)
    torch.testing.assert_close(values.mean(), expected(prediction, truth, **params))  # type: ignore[operator]
    torch.testing.assert_close(values[3:4].mean(), expected(prediction[3:4], truth[3:4], **params))  # type: ignore[operator]


def test_smooth_l1_is_a_parabola_below_beta_and_a_line_above() -> None:
    values = SmoothL1(task=NUMBERS, beta=2.0)(torch.tensor([[1.0, 1.0], [-5.0, 5.0]]), torch.zeros(2, 2))
    assert values.tolist() == [1 / 4, 5 - 1]


def test_smooth_l1_wants_a_beta_above_0() -> None:
    with pytest.raises(ValueError, match="beta must be above 0, got 0"):
        SmoothL1(task=NUMBERS, beta=0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_gives_one_value_a_sample_whose_mean_is_that_of_torch(smoothing: float) -> None:
    scores, truth = random(50, 3, seed=1), torch.arange(50) % 3
    values = CrossEntropy(task=CLASSES, label_smoothing=smoothing)(scores, truth)
    assert values.shape == (50,)
    torch.testing.assert_close(values.mean(), nn.CrossEntropyLoss(label_smoothing=smoothing)(scores, truth))


def test_cross_entropy_is_the_logarithm_of_the_probability() -> None:
    scores, truth = random(20, 3, seed=1), torch.arange(20) % 3
    probability = scores.double().softmax(dim=1)[torch.arange(20), truth]
    torch.testing.assert_close(
        CrossEntropy(task=CLASSES)(scores, truth).double(), -probability.log(), atol=1e-6, rtol=1e-5
    )


def test_class_weights_are_factors_by_name() -> None:
    scores, truth = random(50, 3, seed=1), torch.arange(50) % 3
    weighted = CrossEntropy(task=CLASSES, class_weights={"proton": 2.0})(scores, truth)
    expected = F.cross_entropy(scores, truth, weight=torch.tensor([1.0, 2.0, 1.0]), reduction="none")
    torch.testing.assert_close(weighted, expected)


def test_a_weight_of_an_unknown_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no class 'protn' among gamma, proton, x"):
        CrossEntropy(task=CLASSES, class_weights={"protn": 2.0})


@pytest.mark.parametrize(
    "loss", [CrossEntropy(task=CLASSES), L1(task=NUMBERS), MSE(task=NUMBERS), SmoothL1(task=NUMBERS)]
)
def test_losses_are_sample_losses_that_take_no_samples_too(loss: SampleLoss) -> None:
    assert isinstance(loss, SampleLoss)
    classes = isinstance(loss, CrossEntropy)
    truth = torch.zeros(0, dtype=torch.int64) if classes else torch.zeros(0, 2)
    assert loss(torch.zeros(0, 3 if classes else 2), truth).shape == (0,)


@pytest.mark.parametrize("loss", [L1(task=NUMBERS), MSE(task=NUMBERS), SmoothL1(task=NUMBERS)])
def test_samples_do_not_touch_each_other(loss: SampleLoss) -> None:
    prediction = random(5, 2, seed=1).requires_grad_()
    loss(prediction, torch.zeros(5, 2))[2].backward()
    assert prediction.grad is not None
    assert prediction.grad.abs().sum(dim=1).nonzero().tolist() == [[2]]


def test_fixed_weights_add_the_losses() -> None:
    tasks = {"particle": CLASSES, "direction": NUMBERS}
    losses = {"particle": torch.tensor(2.0, requires_grad=True), "direction": torch.tensor(3.0, requires_grad=True)}
    total = FixedWeights(tasks=tasks, weights={"direction": 10})(losses, [])
    assert total.item() == 32
    total.backward()
    assert [loss.grad.item() for loss in losses.values() if loss.grad is not None] == [1, 10]


def test_fixed_weights_are_1_unless_they_are_given() -> None:
    assert FixedWeights(tasks={"a": NUMBERS, "b": NUMBERS})({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}, []) == 5


def test_a_weight_of_an_unknown_task_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no task 'energi' among energy"):
        FixedWeights(tasks={"energy": NUMBERS}, weights={"energi": 2.0})

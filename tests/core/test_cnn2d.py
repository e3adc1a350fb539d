"""``core.cnn2d``: shapes, gradients, and batches of nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.networks.cnn2d import CNN2d

Camera = Callable[..., CameraGeometry]
Inputs = Callable[..., InputSpec]

OUTPUTS = OutputSpec(
    tasks={
        "particle": TaskSpec(name="particle", target="core.particle", size=2, classes=("gamma", "proton")),
        "energy": TaskSpec(name="energy", target="core.energy", size=1),
    }
)


@pytest.fixture
def network(camera: Camera, inputs: Inputs) -> Callable[..., CNN2d]:
    """``network(…)``: for images of 30 times 30."""

    def create(**params: object) -> CNN2d:
        torch.manual_seed(1)
        spec = inputs(camera("VERITAS"), shape=(30, 30))
        return CNN2d(inputs=spec, outputs=OUTPUTS, channels=[4, 8], hidden=16, **params)  # type: ignore[arg-type]

    return create


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("training", [True, False])
def test_there_is_one_row_of_scores_an_image(network: Callable[..., CNN2d], n: int, training: bool) -> None:
    scores = network().train(training)(torch.randn(n, 2, 30, 30))
    assert {task: tuple(t.shape) for task, t in scores.items()} == {"particle": (n, 2), "energy": (n, 1)}
    assert all(t.isfinite().all() for t in scores.values())


def test_an_empty_batch_does_not_spoil_the_statistics(network: Callable[..., CNN2d]) -> None:
    net, pixels = network(), torch.randn(5, 2, 30, 30, generator=torch.Generator().manual_seed(2))
    net(pixels)
    before = [b.clone() for n, b in net.named_buffers() if "running" in n]
    net(pixels[:0])
    after = [b for n, b in net.named_buffers() if "running" in n]
    assert before
    assert all(b.isfinite().all() for b in after)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_every_parameter_gets_a_gradient(network: Callable[..., CNN2d]) -> None:
    net = network()
    scores = net(torch.randn(5, 2, 30, 30, generator=torch.Generator().manual_seed(2)))
    torch.cat(list(scores.values()), dim=1).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_images_do_not_touch_each_other_in_evaluation(network: Callable[..., CNN2d]) -> None:
    net, pixels = network().eval(), torch.randn(5, 2, 30, 30, generator=torch.Generator().manual_seed(2))
    together, alone = net(pixels)["energy"], torch.cat([net(p[None])["energy"] for p in pixels])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert together.std() > 0


def test_dropout_works_in_training_only(network: Callable[..., CNN2d]) -> None:
    net, pixels = network(dropout=0.5), torch.randn(5, 2, 30, 30, generator=torch.Generator().manual_seed(2))
    assert not torch.equal(net(pixels)["energy"], net(pixels)["energy"])
    net.eval()
    assert torch.equal(net(pixels)["energy"], net(pixels)["energy"])


def test_images_that_are_not_on_a_grid_are_refused_with_advice(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match=r"not on a grid: add transforms=\[ref\('core.to_square'\)\]"):
        CNN2d(inputs=inputs(camera("VERITAS")), outputs=OUTPUTS)


def test_images_that_are_too_small_are_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match=r"images of \(7, 9\) cannot be halved 3 times"):
        CNN2d(inputs=inputs(camera("VERITAS"), shape=(7, 9)), outputs=OUTPUTS)


def test_several_cameras_are_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="expected images of one camera"):
        CNN2d(inputs=inputs(camera("VERITAS"), camera("FACT"), shape=(30, 30)), outputs=OUTPUTS)

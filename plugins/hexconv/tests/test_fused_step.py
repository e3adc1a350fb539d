"""A training step of a whole network, fused, against its parts in plain torch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv import kernel
from gammalearn_hexconv.fused import training
from gammalearn_hexconv.networks import blocks
from gammalearn_hexconv.networks.gammaphysnet import GammaPhysNet
from gammalearn_hexconv.networks.resnet import HexResNet

pytestmark = pytest.mark.skipif(not kernel.available(), reason=f"no kernel: {kernel.why_not()}")

Make = Callable[[type[nn.Module]], nn.Module]


@pytest.fixture
def make(small: CameraGeometry, inputs: Callable[..., InputSpec], outputs: Callable[..., OutputSpec]) -> Make:
    def create(kind: type[nn.Module]) -> nn.Module:
        network = kind(inputs=inputs(small), outputs=outputs(energy=1, direction=2), attention="dual")
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                # Few values are then near zero, where rounding decides whether a gradient passes.
                nn.init.constant_(module.bias, 2.0)
        return network

    return create


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to have plain torch from then on."""

    def switch() -> None:
        monkeypatch.setattr(training, "_kernel_takes", lambda pixels: False)
        monkeypatch.setattr(blocks, "pre_activated", lambda layer, pixels: None)

    return switch


def step(network: nn.Module, images: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Predictions, gradients and running statistics of one step."""
    predicted = list(network(images).values())
    sum(p.square().sum() for p in predicted).backward()  # type: ignore[union-attr]
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    statistics = [b.detach().clone() for b in network.buffers() if b.is_floating_point()]
    return [p.detach() for p in predicted], gradients, statistics


def off(values: list[Tensor], wanted: list[Tensor]) -> float:
    """Difference of all, over the size of all."""
    error = sum(float((v.double() - w.double()).square().sum()) for v, w in zip(values, wanted, strict=True))
    return float((error / sum(float(w.double().square().sum()) for w in wanted)) ** 0.5)


@pytest.mark.parametrize("kind", [GammaPhysNet, HexResNet])
def test_a_training_step_is_that_of_plain_torch(make: Make, plain: Callable[[], None], kind: type[nn.Module]) -> None:
    network, images = make(kind), torch.randn(6, 2, 217)
    exact = copy.deepcopy(network).double()
    apart = copy.deepcopy(network)
    fused = step(network, images)
    plain()
    for mine, theirs, wanted in zip(fused, step(apart, images), step(exact, images.double()), strict=True):
        assert off(mine, wanted) < 2e-6 + 2 * off(theirs, wanted)
        assert off(mine, wanted) < 1e-4


@pytest.mark.parametrize("kind", [GammaPhysNet, HexResNet])
def test_in_bfloat16_it_is_as_near_as_plain_torch(make: Make, plain: Callable[[], None], kind: type[nn.Module]) -> None:
    network, images = make(kind).bfloat16(), torch.randn(6, 2, 217).bfloat16()
    exact = copy.deepcopy(network).double()
    apart = copy.deepcopy(network)
    fused = step(network, images)
    plain()
    for mine, theirs, wanted in zip(fused, step(apart, images), step(exact, images.double()), strict=True):
        assert [value.dtype for value in mine] == [value.dtype for value in theirs]
        assert off(mine, wanted) < 1.5 * off(theirs, wanted) + 3e-3


@pytest.mark.parametrize("threads", [2, 3])
def test_training_does_not_depend_on_threads(make: Make, threads: int) -> None:
    network, images = make(GammaPhysNet), torch.randn(6, 2, 217)
    twin = copy.deepcopy(network)
    trunk, other = (nn.Sequential(n.stem, n.stages) for n in (network, twin))  # type: ignore[arg-type]

    def train(features: nn.Module) -> list[Tensor]:
        optimizer = torch.optim.SGD(features.parameters(), lr=1e-3)
        for _ in range(3):
            optimizer.zero_grad()
            features(images.unsqueeze(3)).square().mean().backward()
            optimizer.step()
        return [*features.parameters(), *features.buffers()]

    one = train(trunk)
    torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(one, train(other), strict=True))


def test_autocast_trains(make: Make) -> None:
    network, images = make(GammaPhysNet), torch.randn(6, 2, 217)
    wanted = step(copy.deepcopy(network), images)
    with torch.autocast("cpu", torch.bfloat16):
        given = step(network, images)
    assert off(given[0], wanted[0]) < 5e-2
    assert off(given[1], wanted[1]) < 0.2

"""``hexconv.resnet``: what it has that other networks do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.attention import Attention
from gammalearn_hexconv.networks.blocks import ResidualBlock
from gammalearn_hexconv.networks.resnet import HexResNet

Inputs = Callable[..., InputSpec]
Outputs = Callable[..., OutputSpec]


def test_one_image_of_three_pixels_is_legal(inputs: Inputs, outputs: Outputs) -> None:
    camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28.0)
    network = HexResNet(inputs=inputs(camera), outputs=outputs(energy=1), channels=[4] * 6, depths=[1] * 6)
    assert network.train()(torch.randn(1, 2, 3))["energy"].isfinite().all()


def test_a_block_whose_convolutions_give_nothing_lets_its_input_through() -> None:
    block = ResidualBlock(4, HexLattice([(0, 0), (1, 0), (0, 1)]))
    torch.nn.init.zeros_(block.norm2.weight)
    pixels = torch.rand(2, 4, 3, 1)
    torch.testing.assert_close(block(pixels), pixels)


def blobs(camera: CameraGeometry, n: int) -> tuple[Tensor, Tensor]:
    """Round images, and where each is in units of the camera's radius."""
    place = np.random.default_rng(7).uniform(-0.6, 0.6, (n, 2))
    radius = np.hypot(camera.x, camera.y).max()
    x, y = (place[:, i, None] - c / radius for i, c in enumerate((camera.x, camera.y)))
    images = np.exp(-(x**2 + y**2) / (2 * 0.15**2))
    return torch.from_numpy(images[:, None]).float(), torch.from_numpy(place).float()


def test_centroids_tell_it_sooner_where_a_blob_is(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    pixels, place = blobs(small, 64)
    losses = {}
    for pooling in (("mean", "max"), ("mean", "max", "centroid")):
        torch.manual_seed(20)
        network = HexResNet(
            inputs=inputs(small, ("image",)), outputs=outputs(place=2), channels=(8, 16), depths=(1, 1), pooling=pooling
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(20):
            loss = torch.nn.functional.mse_loss(network(pixels)["place"], place)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        losses[pooling[-1]] = loss.item()
    assert losses["centroid"] < losses["max"] / 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout": 1.5}, "dropout must be from 0 to 1, got 1.5"),
        ({"attention": "self"}, "attention must be None, 'squeeze_excite', 'spatial', 'dual', got 'self'"),
        ({"ratio": 0.5}, "ratio must be a whole number above 0, got 0.5"),
        ({"pooling": ("mean", "sum")}, r"pooling must be a list of 'mean', 'max', 'centroid', got \('mean', 'sum'\)"),
    ],
)
def test_wrong_parameters_are_refused(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        HexResNet(inputs=inputs(small), outputs=outputs(energy=1), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("attention", ["squeeze_excite", "spatial", "dual"])
def test_each_stage_may_end_with_attention(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs, attention: Attention
) -> None:
    plain = HexResNet(inputs=inputs(small), outputs=outputs(energy=1))
    network = HexResNet(inputs=inputs(small), outputs=outputs(energy=1), attention=attention, ratio=8)
    names = [type(module).__name__ for module in network.stages[1::2]]  # type: ignore[union-attr]
    assert [name.lower() for name in names] == [f"{attention}attention".replace("_exciteattention", "excite")] * 3
    assert len(network.state_dict()) > len(plain.state_dict())
    assert network(torch.randn(2, 2, 217))["energy"].isfinite().all()


def test_without_attention_it_has_the_parameters_of_0_1(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs
) -> None:
    network = HexResNet(inputs=inputs(small), outputs=outputs(energy=1, direction=2))
    shapes = [tuple(p.shape) for p in network.parameters() if p.ndim > 1]
    blocks = [[(c, c, 7)] * 4 for c in (16, 32, 64)]
    convolutions = [(16, 2, 7), *blocks[0], (32, 16, 7), *blocks[1], (64, 32, 7), *blocks[2]]
    assert shapes == [*convolutions, (64, 128), (1, 64), (2, 64)]
    assert sum(p.numel() for p in network.parameters() if p.ndim == 1) == 2 * 5 * (16 + 32 + 64) + 64 + 1 + 2

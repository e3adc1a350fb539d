"""``hexconv.vgg``: its stages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.modules import HexMaxPool2d
from gammalearn_hexconv.networks.blocks import ConvNormAct
from gammalearn_hexconv.networks.vgg import HexVGG

Inputs = Callable[..., InputSpec]
Outputs = Callable[..., OutputSpec]


def test_a_stage_has_as_many_convolutions_as_the_settings_say(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs
) -> None:
    network = HexVGG(inputs=inputs(small), outputs=outputs(energy=1), channels=(4, 8, 8), depths=(1, 2, 3))
    layers = [m for m in network.stages if isinstance(m, (ConvNormAct, HexMaxPool2d))]
    expected = "conv pool conv conv pool conv conv conv"
    assert " ".join("conv" if isinstance(m, ConvNormAct) else "pool" for m in layers) == expected
    widths = [(m.conv.in_channels, m.conv.out_channels) for m in layers if isinstance(m, ConvNormAct)]
    assert widths == [(2, 4), (4, 8), (8, 8), (8, 8), (8, 8), (8, 8)]


def test_convolutions_stay_on_their_pixels_and_pooling_goes_to_coarser_ones(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs
) -> None:
    network = HexVGG(inputs=inputs(small), outputs=outputs(energy=1))
    strides = {type(m).__name__: m.stride for m in network.modules() if hasattr(m, "stride")}
    assert strides == {"HexConv2d": 1, "HexMaxPool2d": 2}
    lattice = network.lattice
    pools = [m.out_lattice for m in network.stages if isinstance(m, HexMaxPool2d)]
    assert pools == [lattice.coarsen(2), lattice.coarsen(2).coarsen(2)]


def test_a_bright_pixel_is_seen_wherever_it_is(small: CameraGeometry, inputs: Inputs, outputs: Outputs) -> None:
    """Pooling leaves no pixel out."""
    network = HexVGG(inputs=inputs(small, ("image",)), outputs=outputs(energy=1), channels=(8, 8), depths=(1, 1)).eval()
    dark = network(torch.zeros(1, 1, 217))["energy"]
    bright = network(10 * torch.eye(217)[:, None])["energy"]
    assert ((bright - dark).abs() > 1e-6).all()


@pytest.mark.parametrize("attention", ["squeeze_excite", "spatial", "dual"])
def test_it_may_have_attention(small: CameraGeometry, inputs: Inputs, outputs: Outputs, attention: str) -> None:
    network = HexVGG(inputs=inputs(small), outputs=outputs(energy=1), attention=attention)  # type: ignore[arg-type]
    assert network(torch.randn(2, 2, 217))["energy"].isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout": 1.5}, "dropout must be from 0 to 1, got 1.5"),
        ({"attention": "self"}, "attention must be None, 'squeeze_excite', 'spatial', 'dual', got 'self'"),
        ({"pooling": "mean"}, "pooling must be a list of 'mean', 'max', 'centroid', got 'mean'"),
    ],
)
def test_wrong_parameters_are_refused(
    small: CameraGeometry, inputs: Inputs, outputs: Outputs, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        HexVGG(inputs=inputs(small), outputs=outputs(energy=1), **wrong)  # type: ignore[arg-type]

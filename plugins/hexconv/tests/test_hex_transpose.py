from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import hexagonal
from conftest import ragged
from conftest import real
from conftest import square
from conftest import two_sizes

from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexConvTranspose2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import NeighbourTable
from gammalearn_hexconv.functional import hex_conv2d
from gammalearn_hexconv.functional import hex_conv_transpose2d

SETTINGS = [(radius, stride, dilation) for radius in (1, 2, 3) for stride in (1, 2, 3, "sqrt7") for dilation in (1, 2)]


@pytest.mark.parametrize(("radius", "stride", "dilation"), SETTINGS)
@pytest.mark.parametrize("backend", ["gather", "axial"])
def test_it_is_the_adjoint(radius: int, stride: int, dilation: int, backend: str) -> None:
    if stride == "sqrt7" and backend == "axial":
        backend = "auto"
    lattice = HexLattice.from_camera(ragged())
    options = {"radius": radius, "stride": stride, "dilation": dilation, "bias": False, "groups": 2, "backend": backend}
    down = HexConv2d(4, 6, lattice, **options).double()  # type: ignore[arg-type]
    up = HexConvTranspose2d(6, 4, lattice, **options).double()  # type: ignore[arg-type]
    up.load_state_dict(down.state_dict())
    fine = torch.randn(3, 4, lattice.n_pixels, dtype=torch.float64)
    coarse = torch.randn(3, 6, down.out_lattice.n_pixels, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close((down(fine) * coarse).sum(), (fine * up(coarse)).sum(), atol=1e-10, rtol=1e-12)


@pytest.mark.parametrize("camera", [real("FACT"), square(9), two_sizes()], ids=lambda camera: camera.kind)
@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_the_gradient_of_the_convolution(camera: object, stride: int) -> None:
    lattice = HexLattice.from_camera(camera)  # type: ignore[arg-type]
    down = HexConv2d(2, 3, lattice, stride=stride, bias=False).double()
    up = HexConvTranspose2d(3, 2, lattice, stride=stride, bias=False).double()
    up.load_state_dict(down.state_dict())
    fine = torch.zeros(1, 2, lattice.n_pixels, dtype=torch.float64, requires_grad=True)
    coarse = torch.randn(1, 3, down.out_lattice.n_pixels, dtype=torch.float64)
    down(fine).backward(coarse)
    torch.testing.assert_close(up(coarse), fine.grad)
    assert up.out_lattice is lattice
    assert up.lattice == down.out_lattice


def test_up_and_down_fit_together(camera: object) -> None:
    lattice = HexLattice.from_camera(camera)  # type: ignore[arg-type]
    down = HexConv2d(1, 4, lattice, stride=2)
    up = HexConvTranspose2d(4, 1, lattice, stride=2)
    pixels = torch.randn(2, 1, lattice.n_pixels)
    assert up(down(pixels)).shape == pixels.shape
    assert (up(down(pixels)) != 0).all()


def test_any_table_can_be_transposed() -> None:
    table = NeighbourTable(np.random.default_rng(0).integers(-1, 5, (40, 3)), 6)
    weight = torch.randn(8, 2, 3, dtype=torch.float64)
    fine = torch.randn(2, 4, 6, dtype=torch.float64)
    coarse = torch.randn(2, 8, 40, dtype=torch.float64)
    there = hex_conv2d(fine, weight, None, table, groups=2, backend="gather")
    back = hex_conv_transpose2d(coarse, weight, None, table, groups=2, backend="gather")
    torch.testing.assert_close((there * coarse).sum(), (fine * back).sum())
    layer = HexConvTranspose2d(8, 4, table, groups=2, bias=False).double()
    layer.load_state_dict({"weight": weight})
    torch.testing.assert_close(layer(coarse), back)


def test_with_a_table_it_is_that_of_the_lattice() -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    of_lattice = HexConvTranspose2d(2, 3, lattice, stride=2)
    of_table = HexConvTranspose2d(2, 3, lattice.table(stride=2))
    of_table.load_state_dict(of_lattice.state_dict())
    pixels = torch.randn(2, 2, of_lattice.table.n_in)
    assert torch.equal(of_table(pixels), of_lattice(pixels))


def test_its_bias_is_added_to_every_pixel() -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    layer = HexConvTranspose2d(2, 3, lattice, stride=2)
    assert layer.bias is not None
    output = layer(torch.zeros(1, 2, layer.lattice.n_pixels))
    torch.testing.assert_close(output, layer.bias[None, :, None].expand_as(output))


def test_it_begins_like_a_transposed_convolution_of_torch() -> None:
    bound = (32 * 7) ** -0.5
    layer = HexConvTranspose2d(16, 32, HexLattice.from_camera(hexagonal(2)))
    theirs = torch.nn.ConvTranspose2d(16, 32, (7, 1))
    for values in (layer.weight, layer.bias, theirs.weight, theirs.bias):
        assert values is not None
        assert 0.9 * bound < values.abs().max() <= bound


def test_an_image_of_the_fine_lattice_is_refused() -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    layer = HexConvTranspose2d(2, 3, lattice, stride=2)
    with pytest.raises(ValueError, match=rf"shape \(n, 2, {layer.lattice.n_pixels}\), got \(1, 2, 61\)"):
        layer(torch.zeros(1, 2, 61))

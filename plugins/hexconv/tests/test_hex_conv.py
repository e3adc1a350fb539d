from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv.lattice import TAPS
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.modules import HexConv2d


def brute_force(conv: HexConv2d, pixels: Tensor) -> Tensor:
    """The same sum, one product at a time."""
    row = {tuple(point): i for i, point in enumerate(conv.lattice.axial.tolist())}
    assert conv.bias is not None
    output = conv.bias[:, None].repeat(len(pixels), 1, conv.out_lattice.n_pixels)
    for out, centre in enumerate(conv.out_lattice.axial * conv.stride):
        for k, step in enumerate(TAPS):
            if (seen := row.get(tuple((centre + step).tolist()))) is not None:
                output[:, :, out] += pixels[:, :, seen] @ conv.weight[:, :, k].T
    return output


@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_the_sum_over_taps(camera: CameraGeometry, stride: int) -> None:
    conv = HexConv2d(3, 4, HexLattice.from_camera(camera), stride=stride).double()
    pixels = torch.randn(2, 3, camera.n_pixels, dtype=torch.float64)
    torch.testing.assert_close(conv(pixels), brute_force(conv, pixels))


def test_it_equals_indexedconv(camera: CameraGeometry) -> None:
    engine = pytest.importorskip("indexedconv.engine")
    utils = pytest.importorskip("indexedconv.utils")
    lattice = HexLattice.from_camera(camera)
    i, j = torch.tensor([(q, -r) for q, r in lattice.axial.tolist()]).T
    j = j - j.min()
    matrix = torch.full((1, 1, int(i.max()) + 1, int(j.max()) + 1), -1)
    matrix[0, 0, i, j] = torch.arange(camera.n_pixels)
    theirs = engine.IndexedConv(3, 4, utils.neighbours_extraction(matrix)).double()
    ours = HexConv2d(3, 4, lattice).double()
    ours.load_state_dict({name: theirs.state_dict()[name] for name in ("weight", "bias")})
    pixels = torch.randn(2, 3, camera.n_pixels, dtype=torch.float64)
    raster = matrix[matrix >= 0]
    torch.testing.assert_close(ours(pixels)[:, :, raster], theirs(pixels))


def test_shuffled_pixels_give_the_output_shuffled_alike(camera: CameraGeometry) -> None:
    order = np.random.default_rng(5).permutation(camera.n_pixels)
    shuffled = CameraGeometry(
        name="shuffled", x=camera.x[order], y=camera.y[order], area=camera.area[order], focal_length=28.0
    )
    conv = HexConv2d(2, 3, HexLattice.from_camera(camera))
    other = HexConv2d(2, 3, HexLattice.from_camera(shuffled))
    other.load_state_dict(conv.state_dict())
    pixels = torch.randn(2, 2, camera.n_pixels)
    torch.testing.assert_close(other(pixels[:, :, order]), conv(pixels)[:, :, order])


def test_what_is_outside_counts_as_zero(small: CameraGeometry) -> None:
    conv = HexConv2d(1, 1, HexLattice.from_camera(small), bias=False)
    torch.nn.init.ones_(conv.weight)
    seen = conv(torch.ones(1, 1, small.n_pixels))[0, 0]
    start, _ = small.neighbours
    torch.testing.assert_close(seen, torch.from_numpy(np.diff(start) + 1).float())
    assert seen.min() == 4


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_are_those_of_finite_differences(stride: int) -> None:
    lattice = HexLattice([(0, 0), (1, 0), (0, 1), (3, 1), (2, 1), (2, 0)])
    conv = HexConv2d(2, 3, lattice, stride=stride).double()
    pixels = torch.randn(2, 2, 6, dtype=torch.float64, requires_grad=True)
    assert conv.bias is not None
    torch.autograd.gradcheck(
        lambda x, weight, bias: torch.func.functional_call(conv, {"weight": weight, "bias": bias}, x),
        (pixels, conv.weight, conv.bias),
    )


def test_it_begins_like_a_convolution_of_torch() -> None:
    conv = HexConv2d(16, 64, HexLattice([(0, 0), (1, 0), (0, 1)]))
    bound = (16 * 7) ** -0.5
    assert conv.bias is not None
    for values in (conv.weight, conv.bias):
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.9 * bound
        assert abs(values.mean()) < 0.2 * bound


def test_its_state_is_weight_and_bias_alone(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    assert set(HexConv2d(1, 1, lattice).state_dict()) == {"weight", "bias"}
    assert set(HexConv2d(1, 1, lattice, bias=False).state_dict()) == {"weight"}


@pytest.mark.parametrize("n", [0, 1, 5])
def test_any_number_of_images_is_legal(small: CameraGeometry, n: int) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small), stride=2)
    pixels = torch.randn(n, 2, small.n_pixels, requires_grad=True)
    output = conv(pixels)
    assert output.shape == (n, 3, conv.out_lattice.n_pixels)
    output.sum().backward()
    assert pixels.grad is not None


def test_half_precision_stays_half(small: CameraGeometry) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small))
    pixels = torch.randn(2, 2, small.n_pixels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = conv(pixels)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), conv(pixels), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("shape", [(2, 1, 217), (2, 2, 218), (3, 217), (217,), (2, 2, 217, 2), (2, 2, 217, 1, 1)])
def test_an_input_of_another_shape_is_refused(small: CameraGeometry, shape: tuple[int, ...]) -> None:
    conv = HexConv2d(2, 3, HexLattice.from_camera(small))
    with pytest.raises(ValueError, match=r"expected an input of the shape \(n, 2, 217\), got"):
        conv(torch.zeros(shape))

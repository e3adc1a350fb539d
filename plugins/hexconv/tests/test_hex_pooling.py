from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import hexagonal
from conftest import ragged
from conftest import real
from conftest import square
from conftest import two_sizes

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv import HexAdaptiveAvgPool2d
from gammalearn_hexconv import HexAdaptiveMaxPool2d
from gammalearn_hexconv import HexAvgPool2d
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv import NeighbourTable
from gammalearn_hexconv.functional import hex_avg_pool2d
from gammalearn_hexconv.functional import hex_max_pool2d
from gammalearn_hexconv.lattice.cells import cells


@pytest.mark.parametrize("stride", [1, 2, 3, "sqrt7"])
@pytest.mark.parametrize("backend", ["auto", "gather"])
def test_poolings_are_those_of_the_pixels_that_are_there(camera: CameraGeometry, stride: int, backend: str) -> None:
    lattice = HexLattice.from_camera(camera)
    pixels = torch.randn(2, 3, camera.n_pixels) - 2
    largest = HexMaxPool2d(lattice, stride=stride, backend=backend)(pixels)  # type: ignore[arg-type]
    mean = HexAvgPool2d(lattice, stride=stride, backend=backend)(pixels)  # type: ignore[arg-type]
    rows = lattice.table(stride=stride).rows
    for out in range(0, len(rows), 7):
        seen = pixels[..., rows[out][rows[out] >= 0]]
        torch.testing.assert_close(largest[..., out], seen.amax(dim=-1), atol=0, rtol=0)
        torch.testing.assert_close(mean[..., out], seen.mean(dim=-1))


@pytest.mark.parametrize("backend", ["auto", "gather"])
def test_of_equal_pixels_the_first_gets_the_gradient(backend: str) -> None:
    table = NeighbourTable([(0, 1, 2), (2, 1, -1)], 3)
    pixels = torch.ones(1, 1, 3, requires_grad=True)
    hex_max_pool2d(pixels, table, backend=backend).backward(torch.tensor([[[1.0, 10.0]]]))  # type: ignore[arg-type]
    assert pixels.grad is not None
    assert pixels.grad.tolist() == [[[1.0, 0.0, 10.0]]]


@pytest.mark.parametrize("backend", ["auto", "gather"])
def test_nan_is_the_largest_as_in_torch(backend: str) -> None:
    table = NeighbourTable([(0, 1), (1, 2), (2, -1)], 3)
    found = hex_max_pool2d(torch.tensor([[[1.0, torch.nan, torch.inf]]]), table, backend=backend)  # type: ignore[arg-type]
    assert found.isnan().tolist() == [[[True, True, False]]]


@pytest.mark.parametrize("backend", ["auto", "gather"])
def test_an_output_that_sees_no_pixel_is_zero(backend: str) -> None:
    table = NeighbourTable([(-1, -1), (-1, 0)], 1)
    pixels = torch.full((1, 1, 1), -3.0, requires_grad=True)
    for pool in (hex_max_pool2d, hex_avg_pool2d):
        output = pool(pixels, table, backend=backend)  # type: ignore[operator]
        assert output.tolist() == [[[0.0, -3.0]]]
        (gradient,) = torch.autograd.grad(output.sum(), pixels)
        assert gradient.tolist() == [[[1.0]]]


@pytest.mark.parametrize("pool", [HexMaxPool2d, HexAvgPool2d])
def test_bfloat16_stays_bfloat16(pool: type[HexMaxPool2d | HexAvgPool2d]) -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    pixels = torch.randn(2, 3, 61)
    for backend in ("auto", "gather"):
        output = pool(lattice, backend=backend)(pixels.bfloat16())  # type: ignore[arg-type]
        assert output.dtype == torch.bfloat16
        torch.testing.assert_close(output.float(), pool(lattice)(pixels), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("shape", [(3, 61), (2, 3, 61), (2, 3, 61, 1), (0, 3, 61)])
def test_poolings_keep_the_number_of_dimensions(shape: tuple[int, ...]) -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    n_out = lattice.coarsen(2).n_pixels
    wanted = tuple(n_out if size == 61 else size for size in shape)
    assert HexMaxPool2d(lattice)(torch.zeros(shape)).shape == wanted
    assert HexAvgPool2d(lattice)(torch.zeros(shape)).shape == wanted
    if len(shape) == 4:
        assert HexMaxPool2d(lattice)(torch.zeros(shape)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(2, 3, 60), (61,), (2, 3, 61, 2)])
def test_an_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    lattice = HexLattice.from_camera(hexagonal(4))
    for layer in (HexMaxPool2d(lattice), HexAvgPool2d(lattice), HexAdaptiveAvgPool2d(7, lattice)):
        with pytest.raises(ValueError, match=r"expected an input of the shape \(n, channels, 61\)"):
            layer(torch.zeros(shape))


def test_modules_of_seven_pixels_are_pooled_apart() -> None:
    lattice = HexLattice.from_camera(real("LSTCam"))
    pixels = torch.arange(1855.0)[None, None]
    pool = HexMaxPool2d(lattice, stride="sqrt7")
    assert sorted(pool(pixels)[0, 0].tolist()) == list(range(6, 1855, 7))
    assert pool.out_lattice.n_pixels == 265
    HexConv2d(1, 1, pool.out_lattice)(pool(pixels))


def test_a_pooling_of_two_by_two_square_pixels_is_that_of_torch() -> None:
    side = 6
    lattice = HexLattice.from_index_matrix(np.arange(side**2).reshape(side, side), kind="square")
    image = torch.randn(2, 3, side, side)
    for ours, theirs in ((HexMaxPool2d, torch.nn.MaxPool2d(2)), (HexAvgPool2d, torch.nn.AvgPool2d(2))):
        found = ours(lattice, kernel="rhombus", indexedconv_compat=True)(image.flatten(2))
        torch.testing.assert_close(found, theirs(image).flatten(2))


CAMERAS: list[Callable[[], CameraGeometry]] = [
    lambda: real("FlashCam"),
    lambda: real("HESS-II"),
    two_sizes,
    ragged,
    lambda: hexagonal(0),
]


@pytest.mark.parametrize("size", [1, 7, 19, 37])
@pytest.mark.parametrize("camera", CAMERAS)
def test_adaptive_poolings_give_as_many_outputs_for_any_camera(size: int, camera: Callable[[], CameraGeometry]) -> None:
    geometry = camera()
    lattice = HexLattice([(0, 0)]) if geometry.n_pixels == 1 else HexLattice.from_camera(geometry)
    pixels = torch.randn(2, 3, lattice.n_pixels)
    divided = cells(lattice, size)
    np.testing.assert_array_equal(np.sort(divided.order), np.arange(lattice.n_pixels))
    mean, largest = (pool(size, lattice) for pool in (HexAdaptiveAvgPool2d, HexAdaptiveMaxPool2d))
    assert mean(pixels).shape == largest(pixels).shape == (2, 3, size)
    assert mean.out_lattice.n_pixels == size
    start = 0
    for cell, count in enumerate(divided.sizes):
        inside = pixels[..., divided.order[start : start + count]]
        start += count
        expected = inside.mean(dim=-1) if count else torch.zeros(2, 3)
        torch.testing.assert_close(mean(pixels)[..., cell], expected)
        expected = inside.amax(dim=-1) if count else torch.zeros(2, 3)
        torch.testing.assert_close(largest(pixels)[..., cell], expected)


def test_cells_are_where_their_pixels_are() -> None:
    lattice = HexLattice.from_camera(real("FlashCam"))
    divided = cells(lattice, 19)
    assert lattice.positions is not None
    assert divided.lattice.positions is not None
    middles = [lattice.positions[part].mean(axis=0) for part in np.split(divided.order, np.cumsum(divided.sizes)[:-1])]
    scaled = np.array(middles) - lattice.positions.mean(axis=0)
    wanted = divided.lattice.positions
    scale = (scaled * wanted).sum() / (wanted**2).sum()
    assert np.abs(scaled / scale - wanted).max() < 0.35
    assert min(divided.sizes) > 25


def test_square_cameras_are_divided_into_squares() -> None:
    lattice = HexLattice.from_camera(square(6))
    pool = HexAdaptiveAvgPool2d(9, lattice)
    assert pool.sizes == [4] * 9
    assert pool.out_lattice.kind == "square"
    with pytest.raises(ValueError, match="1, 4, 9, 16 or so, the cells of a square, got 7"):
        HexAdaptiveAvgPool2d(7, lattice)


def test_cells_that_do_not_exist_are_refused(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    with pytest.raises(ValueError, match="1, 7, 19, 37 or so, the cells of a hexagon, got 9"):
        HexAdaptiveMaxPool2d(9, lattice)
    with pytest.raises(ValueError, match="output_size must be a whole number above 0, got 0"):
        HexAdaptiveMaxPool2d(0, lattice)
    with pytest.raises(ValueError, match="has no cells: give positions"):
        HexAdaptiveMaxPool2d(7, HexLattice.from_neighbours([(0, 1), (1, 0)]))


def test_the_gradient_of_an_adaptive_pooling_is_that_of_finite_differences(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(hexagonal(3))
    pixels = torch.randn(2, 2, lattice.n_pixels, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(HexAdaptiveAvgPool2d(7, lattice), pixels)
    torch.autograd.gradcheck(HexAdaptiveMaxPool2d(7, lattice), pixels)

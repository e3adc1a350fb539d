"""Equality with IndexedConv 1.3.2, on every table of hexagonal pixels there is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from typing import Literal

import numpy as np
import pytest
import torch
from conftest import HEXAGONAL
from conftest import real
from torch import Tensor

from gammalearn_hexconv import HexAvgPool2d
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv import NeighbourTable
from gammalearn_hexconv import kernel
from gammalearn_hexconv.functional import hex_conv2d

engine = pytest.importorskip("indexedconv.engine")
utils = pytest.importorskip("indexedconv.utils")

KERNELS = [(radius, stride) for radius in (1, 2) for stride in (1, 2)]
DTYPES = {torch.float32: 5e-6, torch.float64: 1e-12}


def backends(dtype: torch.dtype) -> Iterator[str]:
    """Those that can compute this type here."""
    yield from ("gather", "axial", "reference")
    if dtype == torch.float32 and kernel.available():
        yield "indirect"


@cache
def indices(name: str, radius: int, stride: int, kernel: str = "Hex") -> Tensor:
    """What IndexedConv takes from the index matrix of a camera."""
    matrix = HexLattice.from_camera(real(name)).index_matrix()
    found: Tensor = utils.neighbours_extraction(torch.from_numpy(matrix)[None, None], kernel, radius, stride)
    return found


def theirs(name: str, channels: tuple[int, int], radius: int, stride: int, dtype: torch.dtype) -> Any:
    """IndexedConv's layer."""
    return engine.IndexedConv(*channels, indices(name, radius, stride)).to(dtype)


def gradients(layer: torch.nn.Module, pixels: Tensor, gradient: Tensor) -> dict[str, Tensor]:
    """What a layer gives, forwards and backwards."""
    pixels = pixels.clone().requires_grad_()
    layer.zero_grad()
    output = layer(pixels)
    output.backward(gradient)
    assert pixels.grad is not None
    return {
        "output": output.detach(),
        "input": pixels.grad,
        **{name: value.grad for name, value in layer.named_parameters() if value.grad is not None},
    }


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], tolerance: float) -> None:
    """Absolutely for outputs and input gradients; over the largest for sums over all pixels and images."""
    assert set(ours) == set(theirs) == {"output", "input", "weight", "bias"}
    for name, value in ours.items():
        scale = float(theirs[name].abs().max()) if name in ("weight", "bias") else 1.0
        assert float((value - theirs[name]).abs().max()) <= tolerance * scale, name


@pytest.mark.parametrize(("radius", "stride"), KERNELS)
@pytest.mark.parametrize("name", HEXAGONAL)
def test_outputs_and_gradients_are_those_of_indexedconv(name: str, radius: int, stride: int) -> None:
    lattice = HexLattice.from_camera(real(name))
    for dtype, tolerance in DTYPES.items():
        reference = theirs(name, (3, 4), radius, stride, dtype)
        pixels = torch.randn(2, 3, lattice.n_pixels, dtype=dtype)
        gradient = torch.randn(2, 4, reference.output_width, dtype=dtype)
        expected = gradients(reference, pixels, gradient)
        for backend in backends(dtype):
            layer = HexConv2d(3, 4, lattice, radius=radius, stride=stride, backend=backend, indexedconv_compat=True).to(
                dtype
            )
            layer.load_state_dict(reference.state_dict())
            assert_equal(gradients(layer, pixels, gradient), expected, tolerance)


@pytest.mark.parametrize("channels", [(1, 16), (17, 23), (64, 64)])
def test_many_channels_are_equal_over_the_largest_value(channels: tuple[int, int]) -> None:
    lattice = HexLattice.from_camera(real("LSTCam"))
    for dtype, tolerance in DTYPES.items():
        reference = theirs("LSTCam", channels, 2, 1, dtype)
        pixels = torch.randn(2, channels[0], lattice.n_pixels, dtype=dtype)
        gradient = torch.randn(2, channels[1], lattice.n_pixels, dtype=dtype)
        expected = gradients(reference, pixels, gradient)
        for backend in backends(dtype):
            layer = HexConv2d(*channels, lattice, radius=2, backend=backend, indexedconv_compat=True).to(dtype)
            layer.load_state_dict(reference.state_dict())
            found = gradients(layer, pixels, gradient)
            for name, value in found.items():
                assert float((value - expected[name]).abs().max() / expected[name].abs().max()) <= tolerance, name
            if backend == "indirect":  # which sums in parts; others leave the order of sums to torch
                assert_equal(found, expected, tolerance)


@pytest.mark.parametrize("name", HEXAGONAL)
def test_by_default_outputs_are_in_the_order_of_the_pixels(name: str) -> None:
    lattice = HexLattice.from_camera(real(name))
    reference = theirs(name, (3, 4), 1, 1, torch.float64)
    layer = HexConv2d(3, 4, lattice).double()
    layer.load_state_dict(reference.state_dict())
    pixels = torch.randn(2, 3, lattice.n_pixels, dtype=torch.float64)
    raster = lattice.index_matrix()[lattice.index_matrix() >= 0]
    # None of the cameras is in raster order, so that without this what IndexedConv gives is scrambled.
    assert not np.array_equal(raster, np.arange(lattice.n_pixels))
    torch.testing.assert_close(layer(pixels)[..., raster], reference(pixels), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["FACT", "HESS-I", "HESS-II"])
def test_boxes_that_are_not_square_lose_no_pixels(name: str) -> None:
    lattice = HexLattice.from_camera(real(name))
    matrix = lattice.index_matrix()
    rows, columns = matrix.shape
    assert rows != columns
    injection = np.argsort(matrix.ravel())[-lattice.n_pixels :]
    try:
        wrong = utils.create_index_matrix(rows, columns, injection)
    except IndexError:
        pass
    else:
        with pytest.raises(ValueError, match=r"pixel \d+ is not there.*create_index_matrix loses pixels"):
            HexLattice.from_index_matrix(wrong)
    assert HexLattice.from_index_matrix(matrix).n_pixels == lattice.n_pixels


def test_an_index_matrix_that_has_lost_pixels_gives_what_it_gives_there() -> None:
    matrix = utils.create_index_matrix(3, 2, range(6))
    assert matrix[0, 0].tolist() == [[2, 1], [4, 5], [-1, -1]]
    indices = utils.neighbours_extraction(matrix)
    reference = engine.IndexedConv(2, 3, indices).double()
    table = NeighbourTable(indices.t(), n_in=6)
    pixels = torch.randn(4, 2, 6, dtype=torch.float64)
    ours = hex_conv2d(pixels, reference.weight, reference.bias, table)
    torch.testing.assert_close(ours, reference(pixels), atol=1e-12, rtol=0)


@pytest.mark.parametrize("kernel", ["neighbours", "rhombus"])
@pytest.mark.parametrize("name", HEXAGONAL)
def test_poolings_are_those_of_indexedconv(name: str, kernel: Literal["neighbours", "rhombus"]) -> None:
    lattice = HexLattice.from_camera(real(name))
    reference_indices = indices(name, 1, 2, "Hex" if kernel == "neighbours" else "Pool")
    for ours, theirs in ((HexMaxPool2d, engine.IndexedMaxPool2d), (HexAvgPool2d, engine.IndexedAveragePool2d)):
        for dtype, tolerance in DTYPES.items():
            reference = theirs(reference_indices).to(dtype)
            # Below zero as well, where missing neighbours that count as zeros matter most.
            pixels = torch.randn(2, 3, lattice.n_pixels, dtype=dtype) - 1
            gradient = torch.randn(2, 3, reference_indices.shape[1], dtype=dtype)
            expected = gradients(reference, pixels, gradient)
            for backend in backends(dtype):
                if backend != "axial":
                    layer = ours(lattice, kernel=kernel, backend=backend, indexedconv_compat=True)
                    found = gradients(layer, pixels, gradient)
                    for key, value in expected.items():
                        assert float((found[key] - value).abs().max()) <= tolerance, (backend, key)


@pytest.mark.parametrize("name", HEXAGONAL)
def test_by_default_missing_neighbours_are_left_out_of_poolings(name: str) -> None:
    lattice = HexLattice.from_camera(real(name))
    ones = torch.ones(1, 1, lattice.n_pixels)
    for stride in (1, 2):
        assert (HexAvgPool2d(lattice, stride=stride)(ones) == 1).all()
        assert (HexMaxPool2d(lattice, stride=stride)(-ones) == -1).all()
    there = torch.from_numpy(lattice.table().counts / 7).float()
    torch.testing.assert_close(HexAvgPool2d(lattice, stride=1, count_include_pad=True)(ones)[0, 0], there)
    at_rim = there < 1
    assert (HexMaxPool2d(lattice, stride=1, indexedconv_compat=True)(-ones) == 0).sum() == at_rim.sum() > 0


@pytest.mark.parametrize("name", HEXAGONAL)
def test_by_default_two_by_two_pixels_read_every_pixel_once(name: str) -> None:
    lattice = HexLattice.from_camera(real(name))
    rows = lattice.table(stride=2, kernel="rhombus").rows
    np.testing.assert_array_equal(np.sort(rows[rows >= 0]), np.arange(lattice.n_pixels))


def test_indexedconv_never_reads_50_pixels_of_lstcam_in_two_by_two() -> None:
    lattice = HexLattice.from_camera(real("LSTCam"))
    rows = lattice.table(stride=2, kernel="rhombus", indexedconv_compat=True).rows
    assert lattice.n_pixels - len(np.unique(rows[rows >= 0])) == 50
    np.testing.assert_array_equal(rows.T, indices("LSTCam", 1, 2, "Pool"))


def test_a_stack_of_layers_is_that_of_indexedconv() -> None:
    name = "HESS-II"
    lattice = HexLattice.from_camera(real(name))
    first = HexConv2d(2, 4, lattice, stride=2, indexedconv_compat=True)
    ours = torch.nn.Sequential(
        first, torch.nn.ReLU(), HexConv2d(4, 4, first.out_lattice, stride=2, indexedconv_compat=True)
    ).double()
    matrix = torch.from_numpy(lattice.index_matrix())[None, None].float()
    pooled = utils.pool_index_matrix(matrix, kernel_type="Hex")
    reference = torch.nn.Sequential(
        engine.IndexedConv(2, 4, utils.neighbours_extraction(matrix, stride=2)),
        torch.nn.ReLU(),
        engine.IndexedConv(4, 4, utils.neighbours_extraction(pooled, stride=2)),
    ).double()
    ours.load_state_dict(reference.state_dict())
    pixels = torch.randn(2, 2, lattice.n_pixels, dtype=torch.float64)
    np.testing.assert_array_equal(first.out_lattice.index_matrix(), pooled[0, 0])
    torch.testing.assert_close(ours(pixels), reference(pixels), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["ASTRICam", "CHEC"])
@pytest.mark.parametrize(("radius", "stride"), KERNELS)
def test_square_pixels_are_convolved_as_by_indexedconv(name: str, radius: int, stride: int) -> None:
    lattice = HexLattice.from_camera(real(name))
    for dtype, tolerance in DTYPES.items():
        reference = engine.IndexedConv(3, 4, indices(name, radius, stride, "Square")).to(dtype)
        pixels = torch.randn(2, 3, lattice.n_pixels, dtype=dtype)
        gradient = torch.randn(2, 4, reference.output_width, dtype=dtype)
        expected = gradients(reference, pixels, gradient)
        for backend in backends(dtype):
            layer = HexConv2d(3, 4, lattice, radius=radius, stride=stride, backend=backend, indexedconv_compat=True).to(
                dtype
            )
            layer.load_state_dict(reference.state_dict())
            assert_equal(gradients(layer, pixels, gradient), expected, tolerance)

"""What a turn, a mirror image or another order of the pixels does to a layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import HEXAGONAL
from conftest import ragged
from conftest import real
from conftest import square
from conftest import two_sizes
from numpy.typing import NDArray
from torch import nn

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv import HexAvgPool2d
from gammalearn_hexconv import HexConv2d
from gammalearn_hexconv import HexConvTranspose2d
from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import HexMaxPool2d
from gammalearn_hexconv import kernel
from gammalearn_hexconv.lattice import taps

BACKENDS = ["gather", "axial", *(["indirect"] if kernel.available() else [])]
TURN = np.array([(0, 1), (-1, 1)])
"""Axial coordinates of a point that is turned by 60 degrees: ``axial @ TURN``."""
MIRROR = np.array([(0, 1), (1, 0)])


def moved_taps(radius: int, matrix: NDArray[np.int64]) -> list[int]:
    """For each tap, the one that it was before the lattice was turned."""
    steps = taps.hexagon(radius)
    where = {tuple(step): k for k, step in enumerate((steps @ matrix).tolist())}
    return [where[tuple(step)] for step in steps.tolist()]


def test_six_turns_are_none() -> None:
    assert (np.linalg.matrix_power(TURN, 6) == np.eye(2)).all()
    order = moved_taps(1, TURN)
    assert sorted(order) == list(range(7))
    assert order[3] == 3
    place = [(0, 1), (1, 0)] @ TURN @ [1, np.exp(1j * np.pi / 3)]
    turned = np.array([np.exp(1j * np.pi / 3), 1]) * np.exp(1j * np.pi / 3)
    np.testing.assert_allclose(place, turned, atol=1e-12)


@pytest.mark.parametrize("matrix", [TURN, TURN @ TURN, MIRROR, TURN @ MIRROR], ids=["60", "120", "mirror", "60 mirror"])
@pytest.mark.parametrize(("radius", "stride", "dilation"), [(1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 2, 2), (1, 3, 1)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_turning_lattice_and_taps_changes_nothing(
    matrix: NDArray[np.int64], radius: int, stride: int, dilation: int, backend: str
) -> None:
    lattice = HexLattice.from_camera(ragged())
    assert lattice.axial is not None
    turned = HexLattice(lattice.axial @ matrix)
    options = {"radius": radius, "stride": stride, "dilation": dilation, "backend": backend}
    one, other = (HexConv2d(4, 8, where, **options) for where in (lattice, turned))  # type: ignore[arg-type]
    other.load_state_dict(one.state_dict())
    other.weight.data = one.weight.data[:, :, moved_taps(radius, matrix)].clone()
    assert one.out_lattice.axial is not None
    assert other.out_lattice.axial is not None
    where = {tuple(point): i for i, point in enumerate(other.out_lattice.axial.tolist())}
    order = [where[tuple(point)] for point in (one.out_lattice.axial @ matrix).tolist()]
    pixels = torch.randn(2, 4, lattice.n_pixels)
    torch.testing.assert_close(other(pixels)[..., order], one(pixels), atol=2e-6, rtol=0)


@pytest.mark.parametrize("stride", [1, 2])
def test_with_whole_numbers_the_turn_is_exact(stride: int) -> None:
    lattice = HexLattice.from_camera(ragged())
    assert lattice.axial is not None
    turned = HexLattice(lattice.axial @ TURN)
    pixels = torch.randint(-9, 9, (2, 4, lattice.n_pixels)).float()
    weight = torch.randint(-9, 9, (8, 4, 7)).float()
    one, other = (HexConv2d(4, 8, where, stride=stride, bias=False) for where in (lattice, turned))
    one.weight.data, other.weight.data = weight, weight[:, :, moved_taps(1, TURN)].clone()
    assert torch.equal(one(pixels).sort().values, other(pixels).sort().values)


@pytest.mark.parametrize("kind", ["hexagonal", "square", "irregular"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_shuffled_pixels_give_the_output_shuffled_alike(kind: str, backend: str) -> None:
    camera = {"hexagonal": ragged, "square": lambda: square(9), "irregular": two_sizes}[kind]()
    if kind == "irregular" and backend == "axial":
        backend = "auto"
    order = np.random.default_rng(5).permutation(camera.n_pixels)
    shuffled = CameraGeometry(
        name="shuffled", x=camera.x[order], y=camera.y[order], area=camera.area[order], focal_length=28.0
    )
    lattices = [HexLattice.from_camera(geometry) for geometry in (camera, shuffled)]
    pixels = torch.randn(2, 4, camera.n_pixels)
    one, other = (HexConv2d(4, 8, lattice, backend=backend) for lattice in lattices)  # type: ignore[arg-type]
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(pixels[..., order]), one(pixels)[..., order])


@pytest.mark.parametrize("name", HEXAGONAL)
def test_what_is_on_the_coarse_lattice_does_not_depend_on_the_order_of_pixels(name: str) -> None:
    camera = real(name)
    order = np.random.default_rng(5).permutation(camera.n_pixels)
    lattice, shuffled = HexLattice.from_camera(camera), HexLattice.from_positions(camera.x[order], camera.y[order])
    pixels = torch.randn(2, 4, camera.n_pixels)
    layers: list[tuple[nn.Module, nn.Module]] = [
        (HexConv2d(4, 4, lattice, stride=2), HexConv2d(4, 4, shuffled, stride=2)),
        (HexConv2d(4, 4, lattice, stride="sqrt7"), HexConv2d(4, 4, shuffled, stride="sqrt7")),
        (HexMaxPool2d(lattice), HexMaxPool2d(shuffled)),
        (HexAvgPool2d(lattice), HexAvgPool2d(shuffled)),
    ]
    for one, other in layers:
        other.load_state_dict(one.state_dict())
        assert torch.equal(other(pixels[..., order]), one(pixels))
    up, shuffled_up = HexConvTranspose2d(4, 4, lattice, stride=2), HexConvTranspose2d(4, 4, shuffled, stride=2)
    shuffled_up.load_state_dict(up.state_dict())
    coarse = torch.randn(2, 4, up.lattice.n_pixels)
    assert torch.equal(shuffled_up(coarse), up(coarse)[..., order])


def test_irregular_pixels_are_coarsened_alike_in_whatever_order_they_are() -> None:
    camera = two_sizes()
    order = np.random.default_rng(5).permutation(camera.n_pixels)
    lattice, shuffled = HexLattice.from_camera(camera), HexLattice.from_positions(camera.x[order], camera.y[order])
    pixels = torch.randn(2, 4, camera.n_pixels)
    for _ in range(2):
        one, other = HexConv2d(4, 4, lattice, stride=2), HexConv2d(4, 4, shuffled, stride=2)
        other.load_state_dict(one.state_dict())
        there = other(pixels[..., order])
        pixels = one(pixels)
        assert torch.equal(there, pixels)
        lattice, shuffled = one.out_lattice, other.out_lattice
        assert lattice == shuffled
        order = np.arange(lattice.n_pixels)

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gammalearn_core.api import CameraGeometry
from gammalearn_hexconv.lattice import TAPS
from gammalearn_hexconv.lattice import HexLattice


def test_the_taps_are_in_the_order_of_indexedconv() -> None:
    steps = itertools.product((-1, 0, 1), repeat=2)
    assert [(q, -r) for q, r in TAPS.tolist()] == [(i, j) for i, j in steps if abs(i - j) <= 1]


def test_neighbours_are_those_of_the_camera(camera: CameraGeometry) -> None:
    table = HexLattice.from_camera(camera).neighbours
    start, indices = camera.neighbours
    assert table.shape == (7, camera.n_pixels)
    assert table.dtype == np.int64
    for pixel in range(camera.n_pixels):
        around = np.delete(table[:, pixel], 3)
        assert sorted(around[around >= 0]) == sorted(indices[start[pixel] : start[pixel + 1]])


def test_the_fourth_tap_is_the_pixel_itself(camera: CameraGeometry) -> None:
    table = HexLattice.from_camera(camera).neighbours
    np.testing.assert_array_equal(table[3], np.arange(camera.n_pixels))


def test_each_tap_points_the_same_way_everywhere(camera: CameraGeometry) -> None:
    table = HexLattice.from_camera(camera).neighbours
    place = camera.x + 1j * camera.y
    mean = []
    for tap in np.delete(table, 3, axis=0):
        here = np.flatnonzero(tap >= 0)
        step = (place[tap[here]] - place[here]) / camera.pitch
        assert np.abs(step - step.mean()).max() < 0.1
        mean.append(step.mean())
    np.testing.assert_allclose(mean[:3], -np.array(mean)[:2:-1], atol=0.01)


def test_opposite_taps_are_inverse(camera: CameraGeometry) -> None:
    table = HexLattice.from_camera(camera).neighbours
    for tap in range(7):
        here = np.flatnonzero(table[tap] >= 0)
        np.testing.assert_array_equal(table[6 - tap][table[tap][here]], here)


def test_every_pixel_is_seen_from_the_coarse_lattice(camera: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(camera)
    for _ in range(3):
        coarse, table = lattice.coarsen()
        assert table.shape == (7, coarse.n_pixels)
        np.testing.assert_array_equal(np.unique(table[table >= 0]), np.arange(lattice.n_pixels))
        assert (table >= 0).any(axis=0).all()
        lattice = coarse


def test_every_even_pixel_is_the_middle_of_a_coarse_one(camera: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(camera)
    coarse, table = lattice.coarsen()
    even = np.flatnonzero((lattice.axial % 2 == 0).all(axis=1))
    middle = table[3][table[3] >= 0]
    np.testing.assert_array_equal(np.sort(middle), even)
    np.testing.assert_array_equal(coarse.axial[table[3] >= 0], lattice.axial[middle] // 2)


def test_the_coarse_lattice_has_about_a_quarter_of_the_pixels(small: CameraGeometry) -> None:
    coarse, _ = HexLattice.from_camera(small).coarsen()
    assert small.n_pixels / 4 < coarse.n_pixels < small.n_pixels / 2.5


def test_the_order_of_pixels_does_not_change_the_coarse_lattice(small: CameraGeometry) -> None:
    lattice = HexLattice.from_camera(small)
    order = np.random.default_rng(1).permutation(small.n_pixels)
    coarse, table = lattice.coarsen()
    other, shuffled = HexLattice(lattice.axial[order]).coarsen()
    np.testing.assert_array_equal(other.axial, coarse.axial)
    np.testing.assert_array_equal(np.where(shuffled < 0, -1, order[shuffled]), table)


def test_negative_coordinates_are_legal() -> None:
    points = np.array([(0, 0), (1, 0), (-1, 0), (0, -3)])
    lattice, moved = HexLattice(points), HexLattice(points + 4)
    np.testing.assert_array_equal(lattice.neighbours, moved.neighbours)
    np.testing.assert_array_equal(lattice.coarsen()[1], moved.coarsen()[1])


def test_a_square_camera_is_refused_by_name(grid: CameraGeometry) -> None:
    with pytest.raises(ValueError, match="'square' must have a hexagonal lattice of pixels, it is square"):
        HexLattice.from_camera(grid)


@pytest.mark.parametrize("axial", [[], [1, 2], [(1, 2, 3)]])
def test_coordinates_of_another_shape_are_refused(axial: object) -> None:
    with pytest.raises(ValueError, match="axial coordinates of the shape"):
        HexLattice(axial)  # type: ignore[arg-type]


def test_two_pixels_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two pixels have the same axial coordinates"):
        HexLattice([(0, 0), (1, 0), (0, 0)])

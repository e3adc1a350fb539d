"""``oversampling``, ``shifting`` and ``axial``: cells by the place on the lattice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.api import CameraGeometry
from gammalearn_core.builtin.transforms.mapping.addressing import Places
from gammalearn_core.builtin.transforms.mapping.addressing import axial
from gammalearn_core.builtin.transforms.mapping.addressing import lines_are_rows
from gammalearn_core.builtin.transforms.mapping.addressing import oversampling
from gammalearn_core.builtin.transforms.mapping.addressing import shifting
from gammalearn_core.data.lattice import Lattice

Camera = Callable[..., CameraGeometry]
Method = Callable[[Lattice], Places]
Values = NDArray[np.float64]

HEXAGONAL = ("DigiCam", "FACT", "FlashCam", "HESS-I", "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "VERITAS")
SQUARE = ("ASTRICam", "CHEC", "SCTCam")


def pixels_of_cells(places: Places, n: int) -> NDArray[np.int64]:
    """The pixel of each cell, or -1."""
    entries = places.on_grid(n).tocoo()
    assert len(np.unique(entries.row)) == entries.nnz
    found = np.full(n * n, -1)
    found[entries.row] = entries.col
    return found


def fitted(geometry: CameraGeometry, places: Places) -> tuple[Values, Values]:
    """The linear map from x and y, in pitches, to the column and row of a pixel's middle, and what it leaves over."""
    design = np.column_stack([geometry.x / geometry.pitch, geometry.y / geometry.pitch, np.ones(geometry.n_pixels)])
    middle = np.column_stack([places.column.mean(axis=1), places.row.mean(axis=1)])
    solution, *_ = np.linalg.lstsq(design, middle, rcond=None)
    return solution[:2].T, middle - design @ solution


def turn(matrix: Values) -> float:
    """Angle of the rotation in a linear map, deg."""
    u, _, vt = np.linalg.svd(matrix)
    rotation = u @ vt
    return float(np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0])))


@pytest.mark.parametrize("name", HEXAGONAL + SQUARE)
@pytest.mark.parametrize("method", [shifting, axial])
def test_shifting_and_axial_give_each_pixel_a_cell_of_its_own(camera: Camera, name: str, method: Method) -> None:
    geometry = camera(name)
    places = method(geometry.lattice)
    assert places.row.shape == (geometry.n_pixels, 1)
    found = pixels_of_cells(places, places.n)
    assert sorted(found[found >= 0]) == list(range(geometry.n_pixels))


@pytest.mark.parametrize("name", HEXAGONAL + SQUARE)
@pytest.mark.parametrize("method", [shifting, axial, oversampling])
def test_the_transpose_is_the_inverse(camera: Camera, name: str, method: Method) -> None:
    geometry = camera(name)
    places = method(geometry.lattice)
    matrix = places.on_grid(places.n)
    image = np.random.default_rng(1).normal(size=geometry.n_pixels)
    assert (matrix.T @ (matrix @ image) == image * places.row.shape[1]).all()


@pytest.mark.parametrize("name", HEXAGONAL + SQUARE)
def test_oversampling_gives_each_pixel_two_by_two_cells(camera: Camera, name: str) -> None:
    geometry = camera(name)
    places = oversampling(geometry.lattice)
    found = pixels_of_cells(places, places.n)
    assert (np.bincount(found[found >= 0], minlength=geometry.n_pixels) == 4).all()
    for place in places:
        assert (np.ptp(place, axis=1) == 1).all()


@pytest.mark.parametrize("name", HEXAGONAL)
def test_oversampling_is_a_turn_of_15_degrees_at_most_and_a_stretch(camera: Camera, name: str) -> None:
    geometry = camera(name)
    matrix, left = fitted(geometry, oversampling(geometry.lattice))
    assert np.linalg.det(matrix) > 0
    assert np.abs(left).max() < 0.1
    np.testing.assert_allclose(np.linalg.svd(matrix)[1], [4 / 3**0.5, 2], rtol=0.02)
    assert abs(turn(matrix)) < 15


@pytest.mark.parametrize("name", HEXAGONAL)
def test_shifting_moves_no_pixel_by_more_than_a_quarter_from_such_a_turn(camera: Camera, name: str) -> None:
    geometry = camera(name)
    places = shifting(geometry.lattice)
    matrix, left = fitted(geometry, places)
    across, along = (0, 1) if lines_are_rows(geometry.lattice) else (1, 0)
    np.testing.assert_allclose(np.linalg.svd(matrix)[1], [2 / 3**0.5, 1], rtol=0.02)
    np.testing.assert_allclose(np.abs(left[:, across]), 0.25, atol=0.05)
    assert np.abs(left[:, along]).max() < 0.05
    assert abs(turn(matrix)) < 15


@pytest.mark.parametrize("name", HEXAGONAL)
def test_shifting_leaves_lines_of_pixels_unbroken(camera: Camera, name: str) -> None:
    geometry = camera(name)
    places = shifting(geometry.lattice)
    line, along = (places.row, places.column) if lines_are_rows(geometry.lattice) else (places.column, places.row)
    start, other = geometry.neighbours
    pixel = np.repeat(np.arange(geometry.n_pixels), np.diff(start))
    apart = np.column_stack([(line[pixel] - line[other])[:, 0], (along[pixel] - along[other])[:, 0]])
    assert np.abs(apart).max() == 1
    assert (np.abs(apart[apart[:, 0] == 0, 1]) == 1).all()
    _, counts = np.unique(apart, axis=0, return_counts=True)
    assert len(counts) == 8


@pytest.mark.parametrize("name", HEXAGONAL)
def test_axial_has_the_lattices_first_axis_along_columns_and_the_second_along_rows(camera: Camera, name: str) -> None:
    geometry = camera(name)
    matrix, left = fitted(geometry, axial(geometry.lattice))
    assert np.abs(left).max() < 0.05
    angle = np.radians(geometry.lattice.angle)
    first, second = ([np.cos(a), np.sin(a)] for a in (angle, angle + np.pi / 3))
    np.testing.assert_allclose(matrix @ first, [1, 0], atol=0.02)
    np.testing.assert_allclose(matrix @ second, [0, 1], atol=0.02)


@pytest.mark.parametrize("name", SQUARE)
@pytest.mark.parametrize(("method", "cells"), [(shifting, 1), (axial, 1), (oversampling, 2)])
def test_square_cameras_keep_their_rows_and_columns(camera: Camera, name: str, method: Method, cells: int) -> None:
    geometry = camera(name)
    places = method(geometry.lattice)
    matrix, left = fitted(geometry, places)
    assert places.n == cells * (1 + geometry.lattice.axial.max())  # type: ignore[union-attr]
    np.testing.assert_allclose(matrix, cells * np.eye(2), atol=0.05 * cells)
    assert np.abs(left).max() < 0.3 * cells


def test_odd_lines_are_moved_back_when_shifted_and_forward_when_oversampled() -> None:
    x, y = np.array([0, 1, 0.5, 1.5, 1, 2]), np.array([0, 0, 1, 1, 2, 2]) * 0.75**0.5
    lattice = CameraGeometry(name="six", x=x, y=y, area=np.ones(6), focal_length=1).lattice
    assert shifting(lattice).row[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert shifting(lattice).column[:, 0].tolist() == [0, 1, 0, 1, 1, 2]
    assert oversampling(lattice).row[:, 0].tolist() == [0, 0, 2, 2, 4, 4]
    assert oversampling(lattice).column[:, 0].tolist() == [0, 2, 1, 3, 2, 4]


@pytest.mark.parametrize(("angle", "rows"), [(-14, True), (0, True), (10.9, True), (16, False), (30, False)])
def test_lines_become_what_turns_the_image_less(angle: float, rows: bool) -> None:
    q, r = (part.reshape(-1) for part in np.mgrid[:7, :7])
    a, b = np.radians([angle, angle + 60])
    x, y = q * np.cos(a) + r * np.cos(b), q * np.sin(a) + r * np.sin(b)
    geometry = CameraGeometry(name="rhomb", x=x, y=y, area=np.ones(49), focal_length=1)
    assert lines_are_rows(geometry.lattice) == rows
    matrix, _ = fitted(geometry, oversampling(geometry.lattice))
    assert turn(matrix) == pytest.approx(-angle if rows else 30 - angle, abs=0.01)


def test_a_larger_grid_has_the_camera_in_its_middle(camera: Camera) -> None:
    places = shifting(camera("DigiCam").lattice)
    image = (places.on_grid(places.n + 10).sum(axis=1) > 0).reshape(places.n + 10, -1)
    for axis in (0, 1):
        taken = np.flatnonzero(image.any(axis=axis))
        assert abs(taken[0] - (places.n + 9 - taken[-1])) <= 1
    assert image.sum() == 1296

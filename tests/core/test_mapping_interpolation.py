"""``nearest``, ``bilinear`` and ``bicubic``: what cells have of pixels around them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_core.api import CameraGeometry
from gammalearn_core.builtin.transforms.mapping.grid import Grid
from gammalearn_core.builtin.transforms.mapping.grid import cells_like_pixels
from gammalearn_core.builtin.transforms.mapping.interpolation import bicubic
from gammalearn_core.builtin.transforms.mapping.interpolation import bilinear
from gammalearn_core.builtin.transforms.mapping.interpolation import nearest

Camera = Callable[..., CameraGeometry]

CAMERAS = (
    "ASTRICam", "CHEC", "DigiCam", "FACT", "FlashCam", "HESS-I",
    "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "SCTCam", "VERITAS",
)  # fmt: skip


def positions(geometry: CameraGeometry) -> NDArray[np.float64]:
    return np.column_stack([geometry.x, geometry.y])


def inner_cells(geometry: CameraGeometry, grid: Grid) -> NDArray[np.bool_]:
    """Cells over pixels that have neighbours on all sides."""
    distance, pixel = cKDTree(positions(geometry)).query(grid.cells)
    neighbours = np.diff(geometry.neighbours[0])
    return np.asarray((distance < 0.6 * geometry.pitch) & (neighbours == neighbours.max())[pixel])


@pytest.mark.parametrize("name", CAMERAS)
def test_nearest_is_the_nearest_pixel_of_each_cell_in_the_camera(camera: Camera, name: str) -> None:
    geometry = camera(name)
    grid = Grid.over(geometry, 90)
    weights = nearest(geometry, grid)
    distance, pixel = cKDTree(positions(geometry)).query(grid.cells)
    has = np.diff(weights.indptr) == 1
    assert weights.nnz == has.sum()
    assert (weights.indices == pixel[has]).all()
    assert (weights.data == 1).all()
    half = geometry.pitch / 2
    assert has[distance < half].all()
    assert not has[distance > max(geometry.pitch, grid.step)].any()


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", [bilinear, bicubic])
def test_weights_of_a_cell_sum_to_1_or_there_are_none(camera: Camera, name: str, method: Callable[..., object]) -> None:
    geometry = camera(name)
    sums = method(geometry, Grid.over(geometry, 70)).sum(axis=1)  # type: ignore[attr-defined]
    np.testing.assert_allclose(sums[sums != 0], 1, rtol=1e-9)
    assert (sums != 0).sum() > 1000


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", [bilinear, bicubic])
@pytest.mark.parametrize("finer", [1, 3])
def test_a_linear_image_is_the_same_on_the_grid(
    camera: Camera, name: str, method: Callable[..., object], finer: int
) -> None:
    geometry = camera(name)
    grid = Grid.over(geometry, cells_like_pixels(geometry, finer))
    slope = np.array([1.0, 3.0]) / geometry.pitch
    inner = inner_cells(geometry, grid)
    assert inner.sum() > 0.6 * geometry.n_pixels
    mapped = method(geometry, grid) @ (2 + positions(geometry) @ slope)  # type: ignore[operator]
    np.testing.assert_allclose(mapped[inner], (2 + grid.cells @ slope)[inner], atol=1e-8)


@pytest.mark.parametrize("name", ["LSTCam", "DigiCam", "HESS-II"])
def test_bicubic_is_exact_for_quadratic_images_of_a_regular_camera(camera: Camera, name: str) -> None:
    geometry = camera(name)
    grid = Grid.over(geometry, 60)
    inner = np.hypot(*(grid.cells - grid.cells.mean(axis=0)).T) < 10 * geometry.pitch
    assert inner.sum() > 200

    def curved(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T / geometry.pitch
        return np.asarray(1 + x - y + x**2 - 2 * x * y + 0.5 * y**2)

    truth = curved(grid.cells)[inner]
    errors = [
        np.abs((m(geometry, grid) @ curved(positions(geometry)))[inner] - truth).max() for m in (bilinear, bicubic)
    ]
    assert errors[0] > 0.05
    assert errors[1] < 0.003


def test_interpolations_have_the_value_of_a_pixel_at_its_centre(camera: Camera) -> None:
    geometry = camera("HESS-I")
    pixel = int(np.argmin(np.hypot(geometry.x, geometry.y)))
    centre = np.array([geometry.x[pixel], geometry.y[pixel]])
    grid = Grid(low=centre - 1.5e-3, step=1e-3, n=3)
    for method in (nearest, bilinear, bicubic):
        weights = method(geometry, grid).toarray()[4]
        assert weights[pixel] == pytest.approx(1, abs=1e-9)
        assert np.abs(weights).sum() == pytest.approx(1, abs=1e-9)


def test_bicubic_is_smoother_than_bilinear_across_the_camera(camera: Camera) -> None:
    geometry = camera("LSTCam")
    grid = Grid(low=np.array([-0.4, -0.001]), step=0.002, n=400)
    wave = np.sin(positions(geometry)[:, 0] / geometry.pitch)
    bends = [np.abs(np.diff((m(geometry, grid) @ wave)[:400], n=2)).max() for m in (bilinear, bicubic)]
    assert bends[1] < 0.5 * bends[0]


@pytest.mark.parametrize("name", ["LSTCam", "CHEC"])
def test_bicubic_of_a_single_pixel_goes_a_little_below_0(camera: Camera, name: str) -> None:
    geometry = camera(name)
    weights = bicubic(geometry, Grid.over(geometry, 80))
    assert -0.3 < weights.min() < -0.02
    assert weights.max() < 1.1


def test_a_pixel_whose_neighbours_are_in_one_line_has_no_slope_across_it() -> None:
    x, y = np.array([0.0, 1, 2, 3, 0.5, 1.5]), np.array([0.0, 0, 0, 0, 0.75**0.5, 0.75**0.5])
    geometry = CameraGeometry(name="strip", x=x, y=y, area=np.ones(6), focal_length=1)
    grid = Grid.over(geometry, 20)
    mapped = bicubic(geometry, grid) @ (5 + 0 * x)
    np.testing.assert_allclose(mapped[mapped != 0], 5, rtol=1e-9)

"""``rebinning``: areas that pixels share with cells, against polygons clipped one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.api import CameraGeometry
from gammalearn_core.builtin.transforms.mapping.grid import Grid
from gammalearn_core.builtin.transforms.mapping.grid import cells_like_pixels
from gammalearn_core.builtin.transforms.mapping.polygons import pixel_outline
from gammalearn_core.builtin.transforms.mapping.polygons import polygon_area
from gammalearn_core.builtin.transforms.mapping.polygons import rebinning

Camera = Callable[..., CameraGeometry]
Points = list[tuple[float, float]]

CAMERAS = (
    "ASTRICam", "CHEC", "DigiCam", "FACT", "FlashCam", "HESS-I",
    "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "SCTCam", "VERITAS",
)  # fmt: skip


def below(polygon: Points, axis: int, limit: float) -> Points:
    """The part of a convex polygon whose x (0) or y (1) is below a limit."""
    kept: Points = []
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if a[axis] < limit:
            kept.append(a)
        if (a[axis] < limit) != (b[axis] < limit):
            t = (limit - a[axis]) / (b[axis] - a[axis])
            kept.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))
    return kept


def shared(polygon: Points, low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Area of a convex polygon in a box, clipped at each side in turn."""
    for axis in (0, 1):
        polygon = below(polygon, axis, high[axis])
        polygon = [(-x, -y) for x, y in below([(-x, -y) for x, y in polygon], axis, -low[axis])]
    return polygon_area(np.array(polygon)) if polygon else 0.0


@pytest.mark.parametrize("name", ["LSTCam", "FlashCam", "CHEC"])
@pytest.mark.parametrize("n", [17, 53, 200])
def test_areas_are_those_of_clipped_polygons(camera: Camera, name: str, n: int) -> None:
    geometry = camera(name)
    grid = Grid.over(geometry, n)
    areas = rebinning(geometry, grid).tocsc()
    middle = np.argsort(np.hypot(geometry.x, geometry.y))[:40:7]
    for pixel in middle:
        outline = np.array([geometry.x[pixel], geometry.y[pixel]]) + pixel_outline(geometry.lattice)
        corners = [(float(x), float(y)) for x, y in outline]
        around = np.arange(n * n)[np.hypot(*(grid.cells - outline.mean(axis=0)).T) < 2 * (geometry.pitch + grid.step)]
        clipped = [shared(corners, c - grid.step / 2, c + grid.step / 2) for c in grid.cells[around]]
        np.testing.assert_allclose(areas[around, [pixel]], clipped, atol=1e-10 * geometry.pitch**2)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("n", [None, 7, 150])
def test_areas_of_a_pixel_sum_to_its_own(camera: Camera, name: str, n: int | None) -> None:
    geometry = camera(name)
    grid = Grid.over(geometry, n or cells_like_pixels(geometry))
    sums = rebinning(geometry, grid).sum(axis=0)
    own = geometry.pitch**2 * (3**0.5 / 2 if geometry.kind == "hexagonal" else 1)
    np.testing.assert_allclose(sums, own, rtol=1e-9)


@pytest.mark.parametrize("name", ["LSTCam", "DigiCam", "HESS-I", "MAGICCam"])
def test_pixels_of_a_hexagonal_camera_fill_its_inner_cells(camera: Camera, name: str) -> None:
    geometry = camera(name)
    grid = Grid.over(geometry, 40)
    filled = rebinning(geometry, grid).sum(axis=1)
    inner = np.hypot(*(grid.cells - grid.cells.mean(axis=0)).T) < 8 * geometry.pitch
    np.testing.assert_allclose(filled[inner], grid.step**2, rtol=5e-3)


@pytest.mark.parametrize("name", ["LSTCam", "FACT", "CHEC"])
def test_the_outline_is_turned_with_the_lattice_and_touches_the_neighbours(camera: Camera, name: str) -> None:
    geometry = camera(name)
    start, other = geometry.neighbours
    pixel = int(np.argmax(np.diff(start)))
    outline = pixel_outline(geometry.lattice)
    sides = (outline + np.roll(outline, -1, axis=0)) / 2
    centre = np.array([geometry.x[pixel], geometry.y[pixel]])
    for neighbour in other[start[pixel] : start[pixel + 1]]:
        half = (np.array([geometry.x[neighbour], geometry.y[neighbour]]) - centre) / 2
        assert np.hypot(*(sides - half).T).min() < 0.02 * geometry.pitch


def test_what_sticks_out_of_the_grid_is_in_the_cells_at_its_edge() -> None:
    angle = np.radians(45)
    u, v = (part.reshape(-1) for part in np.mgrid[:6, :6].astype(float))
    x, y = u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)
    diamond = CameraGeometry(name="diamond", x=x, y=y, area=np.ones(36), focal_length=1)
    grid = Grid.over(diamond, 10)
    outline = pixel_outline(diamond.lattice)
    assert x.max() + outline[:, 0].max() > grid.cells[:, 0].max() + grid.step / 2
    np.testing.assert_allclose(rebinning(diamond, grid).sum(axis=0), diamond.pitch**2, rtol=1e-9)


def test_pixels_on_no_lattice_have_no_outline() -> None:
    x, y = np.random.default_rng(3).random((2, 50))
    scattered = CameraGeometry(name="scattered", x=x, y=y, area=np.ones(50), focal_length=1)
    with pytest.raises(ValueError, match="no lattice have no outline"):
        rebinning(scattered, Grid.over(scattered, 10))

"""``square_mapping``: every camera by every method, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_array

from gammalearn_core.api import CameraGeometry
from gammalearn_core.builtin.transforms.mapping import METHODS
from gammalearn_core.builtin.transforms.mapping import Mapping
from gammalearn_core.builtin.transforms.mapping import square_mapping
from gammalearn_core.builtin.transforms.mapping.grid import Grid

Camera = Callable[..., CameraGeometry]

CAMERAS = (
    "ASTRICam", "CHEC", "DigiCam", "FACT", "FlashCam", "HESS-I",
    "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "SCTCam", "VERITAS",
)  # fmt: skip
ON_FRAME = ("rebinning", "nearest", "bilinear", "bicubic")
ON_LATTICE = ("oversampling", "shifting", "axial")


def mapped(geometry: CameraGeometry, method: str, size: int | None = None) -> Mapping:
    return square_mapping(geometry, method=method, size=size, key=geometry.name)


def scattered(n: int = 400) -> CameraGeometry:
    """Pixels on no lattice."""
    u, v = (part.reshape(-1) for part in np.mgrid[:20, :20].astype(float))
    x, y = np.stack([u, v])[:, :n] + np.random.default_rng(2).uniform(-0.45, 0.45, (2, n))
    return CameraGeometry(name="scattered", x=x, y=y, area=np.ones(n), focal_length=1)


def test_there_are_seven_methods() -> None:
    assert set(METHODS) == {*ON_FRAME, *ON_LATTICE}
    assert len(METHODS) == 7


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", METHODS)
def test_no_pixel_is_lost_and_each_keeps_its_charge(camera: Camera, name: str, method: str) -> None:
    mapping = mapped(camera(name), method)
    assert len(mapping.lost) == 0
    np.testing.assert_allclose((mapping.weights * mapping.per_pixel).sum(axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", METHODS)
def test_other_channels_are_means_in_the_camera_and_0_outside(camera: Camera, name: str, method: str) -> None:
    mapping = mapped(camera(name), method)
    sums = mapping.weights.sum(axis=1) * mapping.per_cell
    inside = np.diff(mapping.weights.indptr) > 0
    np.testing.assert_allclose(sums[inside], 1, rtol=1e-9)
    assert (sums[~inside] == 0).all()
    assert (~inside).any()


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", ["rebinning", "nearest", "bilinear", "bicubic"])
def test_the_charge_of_a_pixel_lands_where_the_pixel_is(camera: Camera, name: str, method: str) -> None:
    geometry = camera(name)
    mapping = mapped(geometry, method)
    grid = Grid.over(geometry, mapping.n)
    centroids = (mapping.weights * mapping.per_pixel).T @ grid.cells
    moved = np.hypot(*(centroids - np.column_stack([geometry.x, geometry.y])).T) / np.sqrt(geometry.area)
    assert np.median(moved) < 0.2
    assert np.percentile(moved, 97) < 0.5
    # The worst are at corners of the camera, where the cells are on one side of a pixel only.
    assert moved.max() < {"rebinning": 0.06, "nearest": 0.36, "bilinear": 0.63, "bicubic": 1.25}[method]


@pytest.mark.parametrize("name", ["LSTCam", "HESS-I", "FACT"])
@pytest.mark.parametrize("method", ["rebinning", "oversampling", "shifting", "axial"])
def test_a_flat_image_is_flat_inside(camera: Camera, name: str, method: str) -> None:
    geometry = camera(name)
    mapping = mapped(geometry, method)
    flat = mapping.weights @ mapping.per_pixel
    filled = np.sort(flat[flat > 0])[-geometry.n_pixels // 2 :]
    np.testing.assert_allclose(filled, filled[-1], rtol=0.03)


@pytest.mark.parametrize("method", ON_FRAME)
def test_cells_are_as_large_as_pixels_unless_a_size_is_given(camera: Camera, method: str) -> None:
    geometry = camera("LSTCam")
    mapping = mapped(geometry, method)
    side = np.ptp(geometry.x) + geometry.pitch
    cells = 2 if method == "nearest" else 1
    assert mapping.n == np.ceil(cells * side / np.sqrt(geometry.area[0]))
    assert mapped(geometry, method, 77).n == 77


@pytest.mark.parametrize(("method", "enough"), [("nearest", 60), ("bilinear", 40), ("bicubic", 40)])
def test_a_grid_that_is_too_coarse_is_refused_with_a_size_that_is_enough(
    camera: Camera, method: str, enough: int
) -> None:
    geometry = camera("LSTCam")
    with pytest.raises(
        ValueError, match="of the 1855 pixels of LSTCam are too far from the cells of 20 rows: "
    ) as info:
        mapped(geometry, method, 20)
    assert "method='rebinning' keeps every pixel on any grid" in str(info.value)
    size = int(str(info.value).partition("size=")[2].split()[0])
    assert abs(size - enough) < 10
    assert len(mapped(geometry, method, size).lost) == 0
    with pytest.raises(ValueError, match=f"cells of {size - 1} rows"):
        mapped(geometry, method, size - 1)


@pytest.mark.parametrize("name", CAMERAS)
def test_rebinning_keeps_every_pixel_on_any_grid(camera: Camera, name: str) -> None:
    for size in (2, 5, 16, 51):
        assert len(mapped(camera(name), "rebinning", size).lost) == 0


@pytest.mark.parametrize(("method", "rows"), [("oversampling", 110), ("shifting", 55), ("axial", 55)])
def test_methods_on_the_lattice_want_the_rows_that_it_has(camera: Camera, method: str, rows: int) -> None:
    geometry = camera("LSTCam")
    assert mapped(geometry, method).n == rows
    assert mapped(geometry, method, rows + 8).n == rows + 8
    with pytest.raises(ValueError, match=f"method='{method}' of LSTCam needs size={rows} or more, got {rows - 1}"):
        mapped(geometry, method, rows - 1)


@pytest.mark.parametrize("method", ["oversampling", "shifting", "axial", "rebinning"])
def test_methods_that_need_a_lattice_refuse_irregular_cameras_by_name(method: str) -> None:
    with pytest.raises(
        ValueError, match=f"method='{method}' needs a lattice .* but scattered is irregular: take one of nearest, bil"
    ):
        mapped(scattered(), method)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic"])
def test_irregular_cameras_are_mapped_without_loss_by_the_others(method: str) -> None:
    geometry = scattered()
    assert geometry.kind == "irregular"
    mapping = mapped(geometry, method)
    assert len(mapping.lost) == 0
    np.testing.assert_allclose((mapping.weights * mapping.per_pixel).sum(axis=0), 1, rtol=1e-12)


def test_a_grid_too_coarse_for_an_irregular_camera_is_refused_without_naming_what_it_cannot_have() -> None:
    with pytest.raises(ValueError, match=r"of 9 rows: size=\d+ is enough$"):
        mapped(scattered(), "bilinear", 9)


def test_two_pixels_at_one_place_are_no_endless_search() -> None:
    whole = scattered()
    twice = np.r_[np.arange(400), 7]
    geometry = CameraGeometry(
        name="doubled", x=whole.x[twice], y=whole.y[twice], area=whole.area[twice], focal_length=1
    )
    with pytest.raises(ValueError, match=r"1 of the 401 pixels of doubled .* and of any finer grid: are two at the"):
        mapped(geometry, "nearest")


def test_a_camera_of_two_pixels_is_refused() -> None:
    pair = CameraGeometry(name="pair", x=[0, 1], y=[0, 0], area=[1, 1], focal_length=1)
    with pytest.raises(ValueError, match="pair has fewer than three pixels"):
        mapped(pair, "bilinear")


def test_a_pixel_with_next_to_no_weight_counts_as_lost() -> None:
    weights = csr_array(np.array([[1, 0.5, 1e-4], [0, 0.5, 0]]))
    assert Mapping(weights, 1).lost.tolist() == [2]


def test_a_pixel_whose_weights_cancel_each_other_counts_as_lost() -> None:
    weights = csr_array(np.array([[1, 0.5, 1], [-0.1, 0.5, -0.9]]))
    assert Mapping(weights, 1).lost.tolist() == [2]

"""``core.to_square`` on twelve real cameras: no pixel and no charge is lost, and nothing is invented."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import BatchTransform
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.transforms.mapping import METHODS
from gammalearn_core.builtin.transforms.mapping import Method
from gammalearn_core.builtin.transforms.to_square import ToSquare

Camera = Callable[..., CameraGeometry]
Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]

CAMERAS = (
    "ASTRICam", "CHEC", "DigiCam", "FACT", "FlashCam", "HESS-I",
    "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "SCTCam", "VERITAS",
)  # fmt: skip
ON_FRAME: tuple[Method, ...] = ("rebinning", "nearest", "bilinear", "bicubic")


@pytest.fixture
def only_deterministic() -> Iterator[None]:
    """torch refuses what it cannot do the same way twice."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def applied(transform: BatchTransform, given: Batch) -> Tensor:
    return transform(given, torch.Generator()).mono.pixels


def showers(camera: CameraGeometry, n: int = 3) -> Tensor:
    """Images with noise on both sides of 0 and a bright pixel each, and times, (n, 2, n_pixels)."""
    generator = torch.Generator().manual_seed(4)
    pixels = torch.randn(n, 2, camera.n_pixels, generator=generator)
    pixels[range(n), 0, torch.randperm(camera.n_pixels, generator=generator)[:n]] = 1000
    pixels[:, 1] += 10
    return pixels


def cells(transform: ToSquare, camera: CameraGeometry) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the grid's cells, (rows, columns): square cells over the camera and half a pitch around it."""
    rows, columns = transform.outputs.camera.shape
    low, high = (np.array([f(camera.x), f(camera.y)]) for f in (np.min, np.max))
    side = (high - low).max() + camera.pitch
    axes = [(low + high)[i] / 2 + ((np.arange(n) + 0.5) / n - 0.5) * side for i, n in ((0, columns), (1, rows))]
    x, y = np.meshgrid(*axes)
    return x, y


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", METHODS)
def test_any_image_keeps_its_sum(camera: Camera, inputs: Inputs, name: str, method: Method, mono: Mono) -> None:
    geometry = camera(name)
    given = showers(geometry)
    out = applied(ToSquare(inputs=inputs(geometry), method=method), mono(given, name))
    error = out[:, 0].double().sum(dim=(1, 2)) - given[:, 0].double().sum(dim=1)
    assert error.abs().max() < 1e-6 * given[:, 0].abs().sum(dim=1).max()


@pytest.mark.parametrize("method", METHODS)
def test_each_pixel_keeps_its_charge(camera: Camera, inputs: Inputs, method: Method, mono: Mono) -> None:
    geometry = camera("VERITAS")
    transform = ToSquare(inputs=inputs(geometry, channels=("image",)), method=method)
    out = applied(transform, mono(torch.eye(geometry.n_pixels)[:, None], "VERITAS", channels=("image",)))
    np.testing.assert_allclose(out.sum(dim=(1, 2, 3)), 1, rtol=1e-5)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("size", [None, 130])
def test_a_flat_image_keeps_its_sum(camera: Camera, inputs: Inputs, name: str, size: int | None, mono: Mono) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry), size=size)
    out = applied(transform, mono(torch.full((1, 2, geometry.n_pixels), 3.0), name))
    assert out[0, 0].double().sum().item() == pytest.approx(3 * geometry.n_pixels, rel=1e-6)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", METHODS)
def test_times_are_means_and_not_scaled(camera: Camera, inputs: Inputs, name: str, method: Method, mono: Mono) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry), method=method)
    time = applied(transform, mono(torch.full((1, 2, geometry.n_pixels), 3.0), name))[0, 1]
    np.testing.assert_allclose(time[time != 0], 3, rtol=1e-5)
    assert (time != 0).sum() > 0.9 * geometry.n_pixels


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_a_gradient_is_the_same_gradient_on_the_grid(
    camera: Camera, inputs: Inputs, name: str, method: Method, mono: Mono
) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry), method=method)
    x, y = cells(transform, geometry)
    plane = 2 + (geometry.x + 3 * geometry.y) / geometry.pitch
    time = applied(transform, mono(np.stack([plane, plane])[None], name))[0, 1].numpy()
    around = cKDTree(np.column_stack([geometry.x, geometry.y])).query_ball_point(
        np.stack([x, y], axis=-1), 1.5 * geometry.pitch, return_length=True
    )
    inner = around >= 7
    assert inner.sum() > 0.6 * geometry.n_pixels
    np.testing.assert_allclose(time[inner], (2 + (x + 3 * y) / geometry.pitch)[inner], atol=1e-3)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("method", ON_FRAME)
def test_there_is_no_charge_outside_the_camera(
    camera: Camera, inputs: Inputs, name: str, method: Method, mono: Mono
) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry), method=method)
    out = applied(transform, mono(torch.ones(1, 2, geometry.n_pixels), name))[0, 0].numpy()
    x, y = cells(transform, geometry)
    distance, _ = cKDTree(np.column_stack([geometry.x, geometry.y])).query(np.stack([x, y], axis=-1))
    outside = distance > 1.3 * geometry.pitch
    assert outside.any()
    assert np.abs(out[outside]).max() == 0


@pytest.mark.parametrize("method", ON_FRAME)
def test_rows_go_along_y_and_columns_along_x(camera: Camera, inputs: Inputs, method: Method, mono: Mono) -> None:
    geometry = camera("FlashCam")
    transform = ToSquare(inputs=inputs(geometry), method=method)
    spot = np.exp(-((geometry.x - 0.3) ** 2 + (geometry.y + 0.5) ** 2) / (2 * (2 * geometry.pitch) ** 2))
    out = applied(transform, mono(np.stack([spot, spot])[None], "FlashCam"))[0, 0].numpy()
    x, y = cells(transform, geometry)
    centroid = np.array([(out * x).sum(), (out * y).sum()]) / out.sum()
    before = np.array([(spot * geometry.x).sum(), (spot * geometry.y).sum()]) / spot.sum()
    np.testing.assert_allclose(centroid, before, atol=0.1 * geometry.pitch)


def test_what_conserve_names_is_charge_and_the_rest_is_not(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("HESS-I")
    given = mono(torch.ones(1, 2, geometry.n_pixels), "HESS-I")
    none, both, time = (
        applied(ToSquare(inputs=inputs(geometry), method="nearest", conserve=conserve), given)[0]
        for conserve in ([], ["image", "peak_time"], ["peak_time"])
    )
    assert torch.equal(none[0], none[1])
    assert set(none.flatten().tolist()) == {0, 1}
    assert torch.equal(both[0], both[1])
    assert both[0].sum().item() == pytest.approx(geometry.n_pixels, rel=1e-5)
    assert torch.equal(time, torch.stack([none[0], both[1]]))


@pytest.mark.parametrize(
    ("method", "size", "shape"),
    [
        ("bilinear", None, (52, 52)),
        ("bicubic", None, (52, 52)),
        ("rebinning", None, (52, 52)),
        ("nearest", None, (103, 103)),
        ("oversampling", None, (110, 110)),
        ("shifting", None, (55, 55)),
        ("axial", None, (55, 55)),
        ("rebinning", 20, (20, 20)),
        ("bilinear", 200, (200, 200)),
        ("shifting", 60, (60, 60)),
    ],
)
def test_the_grid_has_the_size_that_was_asked_for(
    camera: Camera, inputs: Inputs, method: Method, size: int | None, shape: tuple[int, int], mono: Mono
) -> None:
    geometry = camera("LSTCam")
    transform = ToSquare(inputs=inputs(geometry), method=method, size=size)
    assert transform.outputs.camera.shape == shape
    assert not transform.outputs.camera.on_pixels
    assert applied(transform, mono(torch.ones(2, 2, geometry.n_pixels), "LSTCam")).shape == (2, 2, *shape)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("only_deterministic")
def test_mapping_is_deterministic_and_gives_float32(camera: Camera, inputs: Inputs, method: Method, mono: Mono) -> None:
    geometry = camera("DigiCam")
    given = mono(showers(geometry), "DigiCam")
    first, second = (applied(ToSquare(inputs=inputs(geometry), method=method), given) for _ in range(2))
    assert first.dtype == torch.float32
    assert torch.equal(first, second)


@pytest.mark.parametrize("method", METHODS)
def test_no_images_are_mapped_to_no_images(camera: Camera, inputs: Inputs, method: Method, mono: Mono) -> None:
    geometry = camera("VERITAS")
    transform = ToSquare(inputs=inputs(geometry), method=method)
    out = applied(transform, mono(torch.zeros(0, 2, geometry.n_pixels), "VERITAS"))
    assert out.shape == (0, 2, *transform.outputs.camera.shape)


def test_to_square_wants_pixels_and_a_grid_of_two_at_least(camera: Camera, inputs: Inputs) -> None:
    geometry = camera("VERITAS")
    with pytest.raises(ValueError, match="the images of VERITAS are on a grid already"):
        ToSquare(inputs=ToSquare(inputs=inputs(geometry)).outputs)
    with pytest.raises(ValueError, match="size must be at least 2, got 1"):
        ToSquare(inputs=inputs(geometry), size=1)


def test_to_square_wants_a_method_and_channels_that_there_are(camera: Camera, inputs: Inputs) -> None:
    geometry = camera("VERITAS")
    with pytest.raises(ValueError, match=r"method must be one of rebinning, .*, axial, got 'bilinar'"):
        ToSquare(inputs=inputs(geometry), method="bilinar")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="conserve: the images of VERITAS have no channel 'charge'"):
        ToSquare(inputs=inputs(geometry), conserve=["charge"])


def test_a_grid_on_which_pixels_would_be_lost_is_refused(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match=r"pixels of LSTCam are too far from the cells of 16 rows: size=\d+ is enough"):
        ToSquare(inputs=inputs(camera("LSTCam")), size=16, conserve=[])

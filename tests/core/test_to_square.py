"""``core.to_square`` on twelve real cameras: no pixel and no charge is lost, and nothing is invented."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import BatchTransform
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.transforms.to_square import ToSquare

Camera = Callable[..., CameraGeometry]
Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]

CAMERAS = (
    "ASTRICam", "CHEC", "DigiCam", "FACT", "FlashCam", "HESS-I",
    "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "SCTCam", "VERITAS",
)  # fmt: skip


def applied(transform: BatchTransform, given: Batch) -> Tensor:
    return transform(given, torch.Generator()).mono.pixels


def cells(transform: ToSquare, camera: CameraGeometry) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the grid's cells, (rows, columns): square cells over the camera and half a pitch around it."""
    rows, columns = transform.outputs.camera.shape
    low, high = (np.array([f(camera.x), f(camera.y)]) for f in (np.min, np.max))
    side = (high - low).max() + camera.pitch
    axes = [(low + high)[i] / 2 + ((np.arange(n) + 0.5) / n - 0.5) * side for i, n in ((0, columns), (1, rows))]
    x, y = np.meshgrid(*axes)
    return x, y


def response(transform: ToSquare, camera: CameraGeometry, mono: Mono) -> Tensor:
    """Sum over the grid of an image of one p.e. in each pixel."""
    sums = [
        applied(transform, mono(part[:, None], camera.name, channels=("image",))).sum(dim=(1, 2, 3))
        for part in torch.eye(camera.n_pixels).split(512)
    ]
    return torch.cat(sums)


@pytest.mark.parametrize("name", [name for name in CAMERAS if name != "SCTCam"])
def test_every_pixel_is_on_the_grid(camera: Camera, inputs: Inputs, mono: Mono, name: str) -> None:
    geometry = camera(name)
    sums = response(ToSquare(inputs=inputs(geometry, channels=("image",))), geometry, mono)
    assert sums.min() > 0.05
    assert sums.max() < 3
    assert sums.mean() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("size", [None, 30, 110])
def test_a_flat_image_keeps_its_sum(camera: Camera, inputs: Inputs, name: str, size: int | None, mono: Mono) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry), size=size)
    out = applied(transform, mono(torch.full((1, 2, geometry.n_pixels), 3.0), name))
    assert out[0, 0].sum().item() == pytest.approx(3 * geometry.n_pixels, rel=1e-4)


@pytest.mark.parametrize("name", CAMERAS)
def test_times_are_interpolated_and_not_scaled(camera: Camera, inputs: Inputs, name: str, mono: Mono) -> None:
    geometry = camera(name)
    time = applied(ToSquare(inputs=inputs(geometry)), mono(torch.full((1, 2, geometry.n_pixels), 3.0), name))[0, 1]
    np.testing.assert_allclose(time[time != 0], 3, rtol=1e-5)
    assert (time != 0).sum() > 0.9 * geometry.n_pixels


@pytest.mark.parametrize("name", CAMERAS)
def test_a_gradient_is_the_same_gradient_on_the_grid(camera: Camera, inputs: Inputs, name: str, mono: Mono) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry))
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
def test_there_is_no_charge_outside_the_camera(camera: Camera, inputs: Inputs, name: str, mono: Mono) -> None:
    geometry = camera(name)
    transform = ToSquare(inputs=inputs(geometry))
    out = applied(transform, mono(torch.ones(1, 2, geometry.n_pixels), name))[0, 0].numpy()
    x, y = cells(transform, geometry)
    distance, _ = cKDTree(np.column_stack([geometry.x, geometry.y])).query(np.stack([x, y], axis=-1))
    outside = distance > geometry.pitch
    assert outside.any()
    assert np.abs(out[outside]).max() == 0


@pytest.mark.parametrize(("size", "shape"), [(None, (52, 52)), (20, (20, 20)), (200, (200, 200))])
def test_the_grid_has_the_size_that_was_asked_for(
    camera: Camera, inputs: Inputs, size: int | None, shape: tuple[int, int], mono: Mono
) -> None:
    geometry = camera("LSTCam")
    transform = ToSquare(inputs=inputs(geometry), size=size)
    assert transform.outputs.camera.shape == shape
    assert not transform.outputs.camera.on_pixels
    assert applied(transform, mono(torch.ones(2, 2, geometry.n_pixels), "LSTCam")).shape == (2, 2, *shape)


def test_to_square_wants_pixels_and_a_grid_of_two_at_least(camera: Camera, inputs: Inputs) -> None:
    geometry = camera("VERITAS")
    with pytest.raises(ValueError, match="the images of VERITAS are on a grid already"):
        ToSquare(inputs=ToSquare(inputs=inputs(geometry)).outputs)
    with pytest.raises(ValueError, match="size must be at least 2, got 1"):
        ToSquare(inputs=inputs(geometry), size=1)

"""What ``core.dl1`` takes for a camera where no checksum guards the positions and areas of its pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]

UNCHECKED = "gamma_lst_ctapipe_0.12.0_camera_frame"
GEOMETRY = "/configuration/instrument/telescope/camera/geometry_0"
PIXELS = 1855


def change(path: Path, **columns: NDArray[Any]) -> None:
    """Give columns of the table of pixels other values; the table has no checksum."""
    with h5py.File(path, "r+") as file:
        table = file[GEOMETRY]
        assert not table.fletcher32
        rows = table[:]
        for name, values in columns.items():
            rows[name] = values
        table[:] = rows


def column(path: Path, name: str) -> NDArray[Any]:
    with h5py.File(path) as file:
        return np.asarray(file[GEOMETRY][name])


def two_sizes(inner: int) -> dict[str, NDArray[Any]]:
    """A square of small pixels, ``inner`` a side, among pixels that are twice as wide."""
    small = np.stack(np.meshgrid(np.arange(inner), np.arange(inner)), axis=-1).reshape(-1, 2) - (inner - 1) / 2
    large = np.stack(np.meshgrid(np.arange(-60, 60), np.arange(-60, 60)), axis=-1).reshape(-1, 2) * 2 + 1
    large = large[np.abs(large).max(axis=1) > inner / 2]
    large = large[np.argsort(np.abs(large).max(axis=1), kind="stable")[: PIXELS - len(small)]]
    x, y = 0.02 * np.concatenate([small, large]).T
    return {"pix_x": x, "pix_y": y, "pix_area": 0.02**2 * np.repeat([1.0, 4.0], [len(small), len(large)])}


@pytest.mark.parametrize("inner", [36, 20])
def test_a_camera_with_pixels_of_two_sizes_is_read(copy_of: Copy, open_dl1: Open, inner: int) -> None:
    path = copy_of(UNCHECKED)
    pixels = two_sizes(inner)
    change(path, **pixels)
    (camera,) = open_dl1(path).inputs.cameras.values()
    np.testing.assert_allclose(np.sort(camera.geometry.area), np.sort(pixels["pix_area"]), rtol=1e-6)


def test_a_pixel_that_is_not_at_its_place_is_refused(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of(UNCHECKED)
    x = column(path, "pix_x")
    x[np.argmax(x)] *= 1.3
    change(path, pix_x=x)
    with pytest.raises(DataError, match=r"geometry_0: pixel \d+ is not like the others, it is damaged"):
        open_dl1(path)


@pytest.mark.parametrize("count", [1, PIXELS // 25])
def test_a_few_pixels_of_another_area_are_refused(copy_of: Copy, open_dl1: Open, count: int) -> None:
    path = copy_of(UNCHECKED)
    area = column(path, "pix_area")
    area[100 : 100 + count] *= 1.3
    change(path, pix_area=area)
    with pytest.raises(DataError, match="geometry_0: pixel 100 is not like the others, it is damaged"):
        open_dl1(path)


def test_more_than_a_few_pixels_of_another_area_are_another_kind_of_pixel(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of(UNCHECKED)
    area = column(path, "pix_area")
    area[: PIXELS // 15] *= 1.3
    change(path, pix_area=area)
    (camera,) = open_dl1(path).inputs.cameras.values()
    assert np.count_nonzero(camera.geometry.area > area[-1] * 1.2) == PIXELS // 15

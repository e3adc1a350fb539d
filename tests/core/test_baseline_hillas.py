"""Parameters of images, computed for a batch at once: as ctapipe has computed those in the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gammalearn_core.api import CameraGeometry
from gammalearn_core.baseline.hillas import Pixels
from gammalearn_core.baseline.hillas import islands
from gammalearn_core.baseline.hillas import parameters
from gammalearn_core.baseline.images import Cleaning
from gammalearn_core.baseline.images import from_columns
from gammalearn_core.baseline.images import from_images
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Open = Callable[..., DL1Source]
DATA = Path(__file__).parents[1] / "data"
CHANNELS = ["image", "peak_time", "image_mask"]
FITTED = ("timing_slope", "timing_deviation")
"""ctapipe fits these by another method."""


@pytest.fixture(scope="module")
def camera() -> CameraGeometry:
    """19 pixels in three rings."""
    axial = [(q, r) for q in range(-2, 3) for r in range(-2, 3) if abs(q + r) <= 2]
    x = [q + r / 2 for q, r in axial]
    y = [r * 0.75**0.5 for _, r in axial]
    return CameraGeometry(name="19", x=x, y=y, area=[0.75**0.5] * 19, focal_length=100.0)


@pytest.mark.parametrize(
    ("name", "cameras"),
    [("gamma_prod4_sst1m", None), ("gamma_mono_trigger", "NectarCam"), ("gamma_prod4_astri", None)],
)
def test_parameters_are_those_of_ctapipe(name: str, cameras: str | None, open_dl1: Open) -> None:
    source = open_dl1(name, channels=CHANNELS, cameras=cameras)
    stored = from_columns(source.events, source.inputs.camera.geometry)
    assert stored is not None
    computed = from_images(source, Cleaning())
    assert set(computed.values) == set(stored.values)
    cleaned_away = np.isnan(stored.values["hillas_intensity"])
    assert not cleaned_away.all()
    for parameter, expected in stored.values.items():
        found = computed.values[parameter]
        assert np.isnan(found[cleaned_away]).all()
        if parameter not in FITTED:
            np.testing.assert_allclose(found[~cleaned_away], expected[~cleaned_away], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["gamma_lst_ctapipe_0.12.0_camera_frame.dl1.h5", "lstchain-0.12.3_dl1_gamma_4LST.h5"])
def test_parameters_in_the_frame_of_the_camera_are_turned_to_the_sky(name: str, open_dl1: Open) -> None:
    source = open_dl1(DATA / name, channels=CHANNELS)
    stored = from_columns(source.events, source.inputs.camera.geometry)
    assert stored is not None
    computed = from_images(source, Cleaning()).values
    for parameter in ("hillas_fov_lon", "hillas_fov_lat", "hillas_psi", "hillas_skewness", "hillas_kurtosis"):
        np.testing.assert_allclose(computed[parameter], stored.values[parameter], rtol=1e-6, atol=1e-9)
    slopes = computed["timing_slope"], stored.values["timing_slope"]
    np.testing.assert_allclose(*slopes, atol=0.6)  # another fit, but the same sign and unit


def test_times_on_a_line_have_its_slope(camera: CameraGeometry) -> None:
    pixels = Pixels.of(camera)
    mask = np.abs(pixels.lat) < 0.6  # the middle row and its neighbours: the major axis is that of fov_lon
    charge = np.where(mask, 10.0, 0.0)[None].astype(np.float32)
    time = 5 + 3.0 * pixels.lon[None]
    found = parameters(pixels, charge, mask[None], time)
    assert found["hillas_psi"][0] == pytest.approx(0, abs=1e-9)
    assert found["timing_slope"][0] == pytest.approx(3.0)
    assert found["timing_deviation"][0] == pytest.approx(0, abs=1e-9)


def test_one_pixel_has_no_axis_and_no_pixel_has_nothing(camera: CameraGeometry) -> None:
    mask = np.zeros((2, 19), dtype=bool)
    mask[0, 9] = True
    found = parameters(Pixels.of(camera), np.full((2, 19), 7.0, dtype=np.float32), mask)
    assert found["hillas_intensity"][0] == 7
    assert (found["hillas_length"][0], found["hillas_width"][0]) == (0, 0)
    assert np.isnan(found["hillas_psi"][0])
    assert all(np.isnan(values[1]) for values in found.values())


def test_pixels_on_a_line_have_no_width(camera: CameraGeometry) -> None:
    pixels = Pixels.of(camera)
    mask = np.abs(pixels.lon) < 1e-9
    found = parameters(pixels, np.where(mask, 1.0, 0.0)[None].astype(np.float32), mask[None])
    assert found["hillas_width"][0] == 0
    assert abs(found["hillas_psi"][0]) == pytest.approx(90)
    assert found["concentration_core"][0] == 0


def test_islands_are_groups_of_neighbours(camera: CameraGeometry) -> None:
    pixels = Pixels.of(camera)
    corners = np.isclose(np.hypot(pixels.lon, pixels.lat), np.hypot(pixels.lon, pixels.lat).max())
    masks = np.stack([np.ones(19, dtype=bool), corners, np.zeros(19, dtype=bool), corners | (np.arange(19) == 9)])
    assert islands(pixels, masks).tolist() == [1, 6, 0, 7]


def test_images_without_a_mask_are_cleaned(open_dl1: Open) -> None:
    source = open_dl1("gamma_mono_trigger", channels=["image"], cameras="NectarCam")
    loose, tight = (from_images(source, Cleaning(thresholds=t)) for t in ((8.0, 4.0), (20.0, 10.0)))
    assert from_images(source, Cleaning()).origin == loose.origin
    assert "8 and 4 p.e." in loose.origin
    assert np.nansum(loose.values["morphology_n_pixels"]) > np.nansum(tight.values["morphology_n_pixels"])
    assert "timing_slope" not in loose.values

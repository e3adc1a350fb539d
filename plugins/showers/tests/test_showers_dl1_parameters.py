"""Image parameters: those that ctapipe finds in real images, and those that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.dl1 import image_parameters
from gammalearn_showers.dl1 import true_image_parameters
from gammalearn_showers.dl1.timing import timing
from gammalearn_showers.instrument import Camera
from gammalearn_showers.instrument import camera

CAMERAS = ("LSTCam", "NectarCam", "ASTRICam", "DigiCam")
SQUARE = ("ASTRICam",)
FLOAT32 = ("leakage_intensity", "concentration", "intensity_", "peak_time_")
"""Columns that ctapipe computes in float32, some of them from differences."""
RANDOM = ("timing_",)
"""Columns that ctapipe draws random numbers for."""
NECTARCAM = SkyPixels.of(camera("NectarCam"), 16.445)
NO_TIME = np.zeros((1, 1855), dtype=np.float32)


class Real:
    """Images of a camera, and what ctapipe found."""

    def __init__(self, name: str) -> None:
        with np.load(Path(__file__).parent / "data" / "ctapipe_parameters.npz") as file:
            self.of = {key.removeprefix(f"{name}."): file[key] for key in file if key.startswith(name)}
        shape = "square" if name in SQUARE else "hexagon"
        made = Camera(name, self.of["x"], self.of["y"], self.of["area"], shape=shape, pixel_rotation=0.0)
        self.pixels = SkyPixels.of(made, float(self.of["focal_length"]))
        thresholds = {"picture": 10.0, "boundary": 5.0}
        self.found = image_parameters(self.pixels, self.of["image"], self.of["peak_time"], **thresholds)
        self.truth = true_image_parameters(self.pixels, self.of["true_image"].astype(np.int32))


@pytest.fixture(scope="module", params=CAMERAS)
def real(request: pytest.FixtureRequest) -> Real:
    return Real(str(request.param))


def differences(found: Mapping[str, NDArray[Any]], ctapipe: NDArray[Any], prefix: str) -> dict[str, float]:
    """Greatest difference in each column, relative to values (or to 0.01, where they are less); NaN must agree."""
    greatest = {}
    for name in (ctapipe.dtype.names or ())[3:]:
        if name == "core_psi":
            continue
        ours, theirs = found[name.removeprefix(prefix)].astype(float), ctapipe[name].astype(float)
        if name in ("true_intensity_max", "true_intensity_min"):
            theirs = np.where(theirs < 0, np.nan, theirs)
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=name)
        difference = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 0.01)
        greatest[name.removeprefix(prefix)] = float(difference[~np.isnan(difference)].max(initial=0))
    return greatest


def test_the_cleaning_keeps_the_pixels_that_ctapipe_keeps(real: Real) -> None:
    np.testing.assert_array_equal(real.found.mask, real.of["image_mask"])
    assert real.found.mask.any()


def test_parameters_are_those_of_ctapipe(real: Real) -> None:
    for name, difference in differences(real.found.columns, real.of["parameters"], "").items():
        if not name.startswith(RANDOM):
            assert difference < (1e-3 if name.startswith(FLOAT32) else 1e-9), name


def test_parameters_of_photo_electrons_are_those_of_ctapipe(real: Real) -> None:
    greatest = differences(real.truth.columns, real.of["true_parameters"], "true_")
    assert max(greatest.values()) < 1e-9
    assert len(greatest) == 32


def test_times_along_an_image_are_fitted_as_well_as_by_ctapipe(real: Real) -> None:
    pixels = real.of["parameters"]["morphology_n_pixels"]
    enough = pixels >= 8
    ours, theirs = real.found.columns["timing_deviation"], real.of["parameters"]["timing_deviation"]
    np.testing.assert_allclose(ours[enough], theirs[enough], rtol=0.25)
    assert enough.any()


def test_most_lines_through_times_are_the_lines_of_ctapipe() -> None:
    ours, theirs = [], []
    for name in CAMERAS:
        one = Real(name)
        enough = one.of["parameters"]["morphology_n_pixels"] >= 5
        ours.append(one.found.columns["timing_slope"][enough])
        theirs.append(one.of["parameters"]["timing_slope"][enough])
    same = np.isclose(np.concatenate(ours), np.concatenate(theirs), rtol=1e-6)
    assert len(same) == 12
    assert same.sum() >= 9


def test_an_image_of_noise_has_no_parameters() -> None:
    found = image_parameters(NECTARCAM, NO_TIME.copy(), NO_TIME, picture=5, boundary=2)
    assert not found.mask.any()
    for name, values in found.columns.items():
        assert values[0] == -1 if name.startswith("morphology") else np.isnan(values[0]), name
    assert (found.n_lit, found.n_described) == (0, 0)


def test_one_lit_pixel_is_not_described() -> None:
    true = np.zeros((1, 1855), dtype=np.int32)
    true[0, 100] = 30
    truth = true_image_parameters(NECTARCAM, true)
    assert np.isnan(truth.columns["hillas_intensity"][0])
    assert (truth.n_lit, truth.n_described) == (1, 0)


@pytest.mark.parametrize(("second", "kept"), [(9.9, 0), (10.0, 4)])
def test_a_picture_pixel_needs_two_neighbours_at_the_threshold(second: float, kept: int) -> None:
    middle = 900
    first, other, third = NECTARCAM.neighbours[middle][:3]
    image = np.zeros((1, 1855), dtype=np.float32)
    image[0, [middle, first, other, third]] = 10, 10, second, 5
    found = image_parameters(NECTARCAM, image, NO_TIME, picture=10, boundary=5)
    assert found.mask.sum() == kept


def test_a_threshold_is_compared_in_the_precision_of_the_image() -> None:
    image = np.full((1, 1855), np.float32(4.2))
    assert image_parameters(NECTARCAM, image, NO_TIME, picture=4.2, boundary=4.2).mask.all()


def test_an_ellipse_has_its_length_width_and_direction() -> None:
    angle = np.radians(30)
    x, y = NECTARCAM.lon - 0.5, NECTARCAM.lat + 0.7
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    light = 1e5 * np.exp(-0.5 * (along / 0.6) ** 2 - 0.5 * (across / 0.2) ** 2)
    found = true_image_parameters(NECTARCAM, light[None].astype(np.int32)).columns
    assert found["hillas_psi"][0] == pytest.approx(30, abs=0.1)
    assert found["hillas_length"][0] == pytest.approx(0.6, rel=0.01)
    assert found["hillas_width"][0] == pytest.approx(0.2, rel=0.03)
    assert (found["hillas_fov_lon"][0], found["hillas_fov_lat"][0]) == pytest.approx((0.5, -0.7), abs=0.005)
    assert found["hillas_kurtosis"][0] == pytest.approx(3, abs=0.05)


def test_pixels_in_a_line_have_no_width() -> None:
    true = np.zeros((1, 1855), dtype=np.int32)
    start = int(np.argmin(np.hypot(NECTARCAM.lon, NECTARCAM.lat)))
    step = NECTARCAM.neighbours[start][0]
    true[0, [start, step]] = 3, 5
    found = true_image_parameters(NECTARCAM, true).columns
    assert found["hillas_width"][0] == 0
    assert np.isnan(found["hillas_width_uncertainty"][0])
    assert found["concentration_core"][0] == 0
    assert found["hillas_length"][0] > 0


def test_islands_are_counted_by_their_size() -> None:
    true = np.zeros((1, 1855), dtype=np.int32)
    near = np.argsort(np.hypot(NECTARCAM.lon, NECTARCAM.lat))
    far = np.argmax(NECTARCAM.lon)
    true[0, near[:60]] = 1
    true[0, far] = 1
    medium = np.argmin(NECTARCAM.lon)
    true[0, [medium, *NECTARCAM.neighbours[medium][NECTARCAM.neighbours[medium] >= 0]]] = 1
    found = true_image_parameters(NECTARCAM, true).columns
    islands = [int(found[f"morphology_n_{n}islands"][0]) for n in ("", "small_", "medium_", "large_")]
    assert islands == [3, 1, 1, 1]


def test_light_at_the_edge_leaks() -> None:
    true = np.zeros((2, 1855), dtype=np.int32)
    true[0, np.argsort(np.hypot(NECTARCAM.lon, NECTARCAM.lat))[:7]] = 1
    true[1, NECTARCAM.border == 3] = 1
    found = true_image_parameters(NECTARCAM, true).columns
    np.testing.assert_array_equal(found["leakage_pixels_width_1"], [0, 1])
    np.testing.assert_array_equal(found["leakage_intensity_width_2"], [0, 1])


def test_a_line_through_times_ignores_outliers() -> None:
    along = np.linspace(-1, 1, 40)
    time = 20 + 3 * along
    time[[3, 17, 30]] += 15
    out = np.zeros(3)
    timing(along, time, out)
    assert (out[0], out[2]) == pytest.approx((20, 3))
    assert out[1] == pytest.approx(15 * np.sqrt(3 / 40))


def test_an_image_has_the_same_parameters_whatever_comes_before_it() -> None:
    real = Real("DigiCam")
    image, time = real.of["image"], real.of["peak_time"]
    alone = image_parameters(real.pixels, image[-1:], time[-1:], picture=10, boundary=5)
    assert {n: v[0] for n, v in alone.columns.items()} == {n: v[-1] for n, v in real.found.columns.items()}


@pytest.mark.parametrize("name", ["NectarCam", "CHEC"])
def test_pixels_at_the_edge_have_fewer_neighbours(name: str) -> None:
    pixels = SkyPixels.of(camera(name), 10.0)
    count = (pixels.neighbours >= 0).sum(axis=1)
    np.testing.assert_array_equal(pixels.border & 1 == 1, count < count.max())
    assert 0 < np.count_nonzero(pixels.border & 1) < np.count_nonzero(pixels.border) < len(pixels.border) / 2

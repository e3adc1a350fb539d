from __future__ import annotations

import attrs
import numpy as np
import pytest

from gammalearn_core import UnknownComponentError
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.instrument import camera
from gammalearn_showers.instrument import camera_names
from gammalearn_showers.instrument import telescope_type
from gammalearn_showers.instrument.telescopes import FIGURES
from gammalearn_showers.instrument.telescopes import pixel_light

# Size of a pixel in deg, as published (of CHEC as it was for the GCT, whose focal length is 2.283 m).
PIXEL_DEGREES = {
    "ASTRICam": 0.19,
    "DigiCam": 0.24,
    "FACT": 0.11,
    "FlashCam": 0.18,
    "HESS-I": 0.16,
    "HESS-II": 0.067,
    "LSTCam": 0.10,
    "MAGICCam": 0.10,
    "NectarCam": 0.18,
    "SCTCam": 0.067,
    "VERITAS": 0.15,
}
DESCRIPTIONS = {
    "ASTRICam": "SST_ASTRI_ASTRICam",
    "CHEC": "SST_ASTRI_CHEC",
    "DigiCam": "SST_1M_DigiCam",
    "FACT": "SST_FACT_FACT",
    "FlashCam": "MST_MST_FlashCam",
    "HESS-I": "MST_HESS-I_HESS-I",
    "HESS-II": "LST_HESS-II_HESS-II",
    "LSTCam": "LST_LST_LSTCam",
    "MAGICCam": "LST_MAGIC_MAGICCam",
    "NectarCam": "MST_MST_NectarCam",
    "SCTCam": "MST_SCT_SCTCam",
    "VERITAS": "MST_VERITAS_VERITAS",
    "hex1801": "MST_MST_hex1801",
}


@pytest.fixture(params=DESCRIPTIONS)
def kind(request: pytest.FixtureRequest) -> TelescopeType:
    return telescope_type(request.param)


def test_every_camera_has_a_telescope() -> None:
    assert sorted(FIGURES) == list(camera_names())


def test_telescopes_are_named_as_ctapipe_names_them(kind: TelescopeType) -> None:
    assert kind.description == DESCRIPTIONS[kind.camera.name]
    assert kind.camera is camera(kind.camera.name)


def test_a_type_is_made_once(kind: TelescopeType) -> None:
    assert telescope_type(kind.camera.name) is kind


@pytest.mark.parametrize("name", PIXEL_DEGREES)
def test_pixels_are_as_large_on_the_sky_as_published(name: str) -> None:
    kind = telescope_type(name)
    degrees = np.degrees(kind.camera.width / kind.focal_length)
    assert degrees == pytest.approx(PIXEL_DEGREES[name], rel=0.03)


def test_pixels_of_chec_fit_the_telescope_it_was_made_for() -> None:
    assert np.degrees(camera("CHEC").width / 2.283) == pytest.approx(0.16, rel=0.03)


def test_images_are_measured_with_a_somewhat_longer_focal_length(kind: TelescopeType) -> None:
    assert 1.0 <= kind.effective_focal_length / kind.focal_length < 1.08
    assert (kind.n_mirrors == 2) == (kind.effective_focal_length / kind.focal_length < 1.005)


def test_the_night_sky_goes_with_the_light_of_a_pixel(kind: TelescopeType) -> None:
    model = telescope_type("NectarCam")
    if kind.camera.name == "LSTCam":
        assert kind.nsb == 1.5
    else:
        assert kind.nsb == pytest.approx(1.5 * pixel_light(kind) / pixel_light(model), rel=0.02)


def test_figures_are_possible(kind: TelescopeType) -> None:
    numbers = {k: v for k, v in attrs.asdict(kind, recurse=False).items() if isinstance(v, float | int)}
    assert len(numbers) == 16
    assert all(np.isfinite(v) and v > 0 for v in numbers.values())
    assert kind.size_type in {"LST", "MST", "SST"}
    assert kind.boundary_threshold < kind.picture_threshold < kind.trigger_threshold
    assert kind.boundary_threshold > 2 * np.sqrt(kind.nsb + kind.electronic_noise**2)


def test_three_pixels_of_night_sky_seldom_trigger(kind: TelescopeType) -> None:
    noise = np.sqrt(kind.nsb * (1 + kind.charge_resolution**2) + kind.electronic_noise**2)
    assert kind.trigger_threshold > 8 * np.sqrt(3) * noise


def test_coarse_hexagons_see_more_sky_and_trigger_later() -> None:
    model, coarse, fine = (telescope_type(n) for n in ("NectarCam", "hex469", "hex7651"))
    assert coarse.nsb == pytest.approx(1.5 * 1855 / 469, rel=1e-3)
    assert fine.nsb < model.nsb < coarse.nsb
    assert fine.trigger_threshold < model.trigger_threshold < coarse.trigger_threshold
    assert coarse.picture_threshold / coarse.trigger_threshold == pytest.approx(10 / 32)
    assert coarse.mirror_area == model.mirror_area


def test_a_telescope_of_an_unknown_camera_is_refused() -> None:
    with pytest.raises(UnknownComponentError, match="did you mean 'LSTCam'"):
        telescope_type("LSTcam")

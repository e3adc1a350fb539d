"""The core's targets: truth to numbers and back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from gammalearn_core.api import TargetCodec
from gammalearn_core.builtin.targets.direction import Direction
from gammalearn_core.builtin.targets.energy import Energy
from gammalearn_core.builtin.targets.impact import Impact
from gammalearn_core.builtin.targets.particle import Particle
from gammalearn_core.data.sky import separation

RNG = np.random.default_rng(1)
SKY = {
    "true_alt": RNG.uniform(68, 72, 200),
    "true_az": RNG.uniform(-3, 3, 200) % 360,
    "pointing_alt": RNG.uniform(69, 71, 200),
    "pointing_az": RNG.uniform(-1, 1, 200) % 360,
}


@pytest.mark.parametrize("codec", [Energy(), Direction(), Impact(), Particle()])
def test_targets_are_codecs(codec: TargetCodec) -> None:
    assert isinstance(codec, TargetCodec)


def test_energy_is_learned_as_its_decadic_logarithm() -> None:
    energy = np.array([0.01, 1.0, 50.0])
    encoded = Energy().encode({"true_energy": energy})
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, np.log10(energy)[:, None], rtol=1e-6)


def test_energy_comes_back() -> None:
    energy = 10 ** RNG.uniform(-2, 2, 100)
    decoded = Energy().decode(Energy().encode({"true_energy": energy}), {})["energy"]
    assert decoded.dtype == np.float64
    np.testing.assert_allclose(decoded, energy, rtol=1e-6)


@pytest.mark.parametrize("energy", [0.0, -1.0, np.nan])
def test_an_energy_that_is_none_has_no_truth(energy: float) -> None:
    assert np.isnan(Energy().encode({"true_energy": np.array([energy])})).all()


def test_an_absurd_prediction_is_an_infinite_energy_and_no_error() -> None:
    assert Energy().decode(np.array([[1e6]], dtype=np.float32), {})["energy"].tolist() == [np.inf]


def test_a_direction_is_learned_as_its_offset_from_the_pointing() -> None:
    encoded = Direction().encode(SKY)
    assert encoded.dtype == np.float32
    assert encoded.shape == (200, 2)
    apart = separation(SKY["true_az"], SKY["true_alt"], SKY["pointing_az"], SKY["pointing_alt"])
    np.testing.assert_allclose(separation(encoded[:, 0], encoded[:, 1], 0, 0), apart, atol=1e-5)


def test_a_direction_comes_back_across_north() -> None:
    decoded = Direction().decode(Direction().encode(SKY), SKY)
    assert min(np.ptp(SKY["true_az"]), np.ptp(decoded["az"])) > 350
    apart = separation(decoded["az"], decoded["alt"], SKY["true_az"], SKY["true_alt"])
    assert apart.max() < 1e-6


def test_a_direction_on_axis_has_no_offset() -> None:
    events = {**SKY, "true_alt": SKY["pointing_alt"], "true_az": SKY["pointing_az"]}
    np.testing.assert_allclose(Direction().encode(events), 0, atol=1e-7)


def test_an_impact_point_is_learned_in_hundreds_of_metres_and_comes_back() -> None:
    x, y = RNG.uniform(-800, 800, (2, 100))
    encoded = Impact().encode({"true_core_x": x, "true_core_y": y})
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, np.column_stack([x, y]) / 100, rtol=1e-6)
    decoded = Impact().decode(encoded, {})
    assert [v.dtype for v in decoded.values()] == [np.float64] * 2
    np.testing.assert_allclose(decoded["core_x"], x, rtol=1e-6)
    np.testing.assert_allclose(decoded["core_y"], y, rtol=1e-6)


def test_particles_are_numbered_in_the_order_of_the_classes() -> None:
    codec = Particle(["proton", "gamma", 1])
    assert codec.classes == ("proton", "gamma", "electron")
    assert codec.encode({"true_shower_primary_id": np.array([0, 1, 101, 402])}).tolist() == [1, 2, 0, -1]


def test_gammaness_is_the_probability_of_a_gamma_wherever_it_stands() -> None:
    scores = RNG.normal(0, 3, (50, 3))
    decoded = Particle(["proton", "gamma", "electron"]).decode(scores, {})["prediction"]
    np.testing.assert_allclose(decoded, softmax(scores, axis=1)[:, 1])


def test_gammaness_keeps_its_precision_near_0_and_1() -> None:
    scores = np.array([[-17.0, 0.0], [17.0, 0.0]], dtype=np.float32)
    low, high = Particle().decode(scores, {})["prediction"]
    assert low == pytest.approx(np.exp(-17.0), rel=1e-6)
    assert 1 - high == pytest.approx(np.exp(-17.0), rel=1e-6)


@pytest.mark.parametrize(
    ("codec", "size"), [(Energy(), 1), (Direction(), 2), (Impact(), 2), (Particle(), 2), (Particle([0, 1, 2]), 3)]
)
def test_no_events_are_encoded_and_decoded_to_nothing(codec: TargetCodec, size: int) -> None:
    names = ("true_energy", "true_alt", "true_az", "pointing_alt", "pointing_az", "true_shower_primary_id")
    names += ("true_core_x", "true_core_y")
    nothing = {name: np.array([]) for name in names}
    assert codec.size == size
    assert len(codec.encode(nothing)) == 0
    assert [len(v) for v in codec.decode(np.empty((0, size)), nothing).values()] in ([0], [0, 0])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["gamma", "protn"], "no primary is called 'protn'; known are gamma, electron"),
        (["gamma"], "at least two different primaries, gamma among them"),
        (["proton", "electron"], "gamma among them"),
        (["gamma", 0, "proton"], "different primaries"),
    ],
)
def test_classes_are_checked(classes: list[str | int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Particle(classes)

"""Random changes of single pixels: noise and dropout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import BatchTransform
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.transforms.noise import GaussianNoise
from gammalearn_core.builtin.transforms.noise import NightSkyNoise
from gammalearn_core.builtin.transforms.pixel_dropout import PixelDropout
from gammalearn_core.plugin import Registry

Transform = Callable[..., BatchTransform]
Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]

CHANNELS = ("image", "peak_time", "valid")
NOISES = (partial(GaussianNoise, sigma=2.0), partial(NightSkyNoise, mean=3.0))
RANDOM = (*NOISES, partial(PixelDropout, probability=0.3))


@pytest.fixture(scope="module")
def veritas(camera: Callable[..., CameraGeometry]) -> CameraGeometry:
    return camera("VERITAS")


@pytest.fixture(scope="module")
def spec(veritas: CameraGeometry, inputs: Inputs) -> InputSpec:
    return inputs(veritas, channels=CHANNELS)


@pytest.fixture
def batch(mono: Mono) -> Batch:
    """200 images of ones, whose first ten pixels have no value."""
    pixels = torch.ones(200, 3, 499)
    pixels[:, :, :10] = 0
    return mono(pixels, "VERITAS", CHANNELS)


def applied(transform: BatchTransform, given: Batch, seed: int = 1) -> Tensor:
    return transform(given, torch.Generator().manual_seed(seed)).mono.pixels


@pytest.mark.parametrize("transform", RANDOM)
def test_the_generator_alone_decides(transform: Transform, spec: InputSpec, batch: Batch) -> None:
    target = transform(inputs=spec)
    torch.manual_seed(1)
    before, first = torch.random.get_rng_state(), applied(target, batch)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(applied(target, batch), first)
    assert not torch.equal(applied(target, batch, seed=2), first)


@pytest.mark.parametrize("transform", RANDOM)
def test_the_argument_stays_as_it_was(transform: Transform, spec: InputSpec, batch: Batch) -> None:
    given = batch.mono.pixels.clone()
    assert not torch.equal(applied(transform(inputs=spec), batch), given)
    assert torch.equal(batch.mono.pixels, given)


@pytest.mark.parametrize("transform", RANDOM)
def test_each_image_is_changed_in_its_own_way(transform: Transform, spec: InputSpec, batch: Batch) -> None:
    out = applied(transform(inputs=spec), batch)
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize("transform", RANDOM)
def test_no_images_are_changed_to_no_images(transform: Transform, spec: InputSpec, mono: Mono) -> None:
    assert applied(transform(inputs=spec), mono(torch.zeros(0, 3, 499), "VERITAS", CHANNELS)).shape == (0, 3, 499)


@pytest.mark.parametrize("id", ["gaussian_noise", "night_sky_noise", "pixel_dropout", "random_symmetry"])
def test_random_transforms_are_declared_so(id: str) -> None:
    assert Registry().discover([]).find(f"core.{id}", kind="transform").random  # type: ignore[attr-defined]


@pytest.mark.parametrize(("transform", "variance"), [(NOISES[0], 4.0), (NOISES[1], 3.0)])
def test_noise_has_mean_0_and_the_variance_that_was_asked_for(
    transform: Transform, variance: float, spec: InputSpec, batch: Batch
) -> None:
    added = (applied(transform(inputs=spec), batch) - batch.mono.pixels)[:, 0, 10:].double()
    assert abs(float(added.mean())) < 5 * (variance / added.numel()) ** 0.5
    assert float(added.var()) == pytest.approx(variance, rel=0.02)


def test_electronics_add_normal_noise(spec: InputSpec, batch: Batch) -> None:
    added = (applied(GaussianNoise(inputs=spec, sigma=2.0), batch) - 1)[:, 0, 10:]
    for sigmas, share in ((1, 0.6827), (2, 0.9545)):
        assert float((added.abs() < 2 * sigmas).double().mean()) == pytest.approx(share, abs=0.005)


def test_the_night_sky_adds_whole_photoelectrons(spec: InputSpec, batch: Batch) -> None:
    photons = (applied(NightSkyNoise(inputs=spec, mean=3.0), batch) - 1 + 3)[:, 0, 10:]
    torch.testing.assert_close(photons, photons.round(), atol=1e-5, rtol=0)
    assert float((photons.round() == 0).double().mean()) == pytest.approx(0.0498, abs=0.005)


@pytest.mark.parametrize("transform", NOISES)
def test_pixels_without_a_value_get_no_noise(transform: Transform, spec: InputSpec, batch: Batch) -> None:
    out = applied(transform(inputs=spec), batch)
    assert not out[:, :, :10].any()
    assert torch.equal(out[:, 1:], batch.mono.pixels[:, 1:])


@pytest.mark.parametrize("transform", NOISES)
def test_noise_goes_to_the_channels_that_are_named(
    transform: Transform, veritas: CameraGeometry, inputs: Inputs, mono: Mono
) -> None:
    channels = ("image", "other", "peak_time")
    target = transform(inputs=inputs(veritas, channels=channels), channels=["other", "image"])
    out = applied(target, mono(torch.ones(2, 3, 499), "VERITAS", channels))
    assert (out[:, 0] != 1).any()
    assert (out[:, 1] != 1).any()
    assert not torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 2], torch.ones(2, 499))


def test_dropped_pixels_are_0_in_all_channels(spec: InputSpec, mono: Mono) -> None:
    given = mono(torch.full((200, 3, 499), 5.0), "VERITAS", CHANNELS)
    out = applied(PixelDropout(inputs=spec, probability=0.3), given)
    assert set(out.unique().tolist()) == {0, 5}
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 0], out[:, 2])
    assert float((out[:, 0] == 0).double().mean()) == pytest.approx(0.3, abs=0.005)


def test_nothing_is_dropped_with_probability_0(spec: InputSpec, batch: Batch) -> None:
    assert torch.equal(applied(PixelDropout(inputs=spec, probability=0.0), batch), batch.mono.pixels)


def test_cells_of_a_grid_can_be_dropped(veritas: CameraGeometry, inputs: Inputs, mono: Mono) -> None:
    drop = PixelDropout(inputs=inputs(veritas, shape=(20, 30)), probability=0.5)
    out = applied(drop, mono(torch.ones(3, 2, 20, 30), "VERITAS"))
    assert float(out.mean()) == pytest.approx(0.5, abs=0.05)
    assert torch.equal(out[:, 0], out[:, 1])


@pytest.mark.parametrize(
    ("transform", "params", "message"),
    [
        (GaussianNoise, {"sigma": 0.0}, "sigma must be above 0 and finite, got 0.0"),
        (GaussianNoise, {"sigma": float("nan")}, "sigma must be above 0 and finite, got nan"),
        (NightSkyNoise, {"mean": -1.0}, "mean must be above 0 and finite, got -1.0"),
        (PixelDropout, {"probability": 1.0}, "probability must be from 0 to below 1, got 1.0"),
        (PixelDropout, {"probability": -0.1}, "probability must be from 0 to below 1, got -0.1"),
        (GaussianNoise, {"sigma": 1.0, "channels": ["charge"]}, "the images of VERITAS have no channel 'charge'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    transform: Transform, params: dict[str, Any], message: str, spec: InputSpec
) -> None:
    with pytest.raises(ValueError, match=message):
        transform(inputs=spec, **params)


@pytest.mark.parametrize("transform", NOISES)
def test_noise_is_not_for_a_grid(transform: Transform, veritas: CameraGeometry, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="the images of VERITAS are on a grid already: put this transform before"):
        transform(inputs=inputs(veritas, shape=(3, 4)))

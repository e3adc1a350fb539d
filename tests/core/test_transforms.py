"""The core's transforms of real cameras, against what they must keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import BatchTransform
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import FittedTransform
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.transforms.charge import AsinhCharge
from gammalearn_core.builtin.transforms.charge import LogCharge
from gammalearn_core.builtin.transforms.normalise import Normalise
from gammalearn_core.builtin.transforms.relative_time import RelativeTime
from gammalearn_core.builtin.transforms.select_channels import SelectChannels
from gammalearn_core.builtin.transforms.tailcuts import Tailcuts
from gammalearn_core.builtin.transforms.to_square import ToSquare

Camera = Callable[..., CameraGeometry]
Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]

TRANSFORMS = (
    AsinhCharge,
    LogCharge,
    Normalise,
    RelativeTime,
    partial(SelectChannels, channels=["peak_time"]),
    partial(Tailcuts, picture_threshold=20.0, boundary_threshold=10.0),
    partial(Tailcuts, picture_threshold=20.0, boundary_threshold=10.0, mode="apply"),
    ToSquare,
)
CHARGE_MAPS = (AsinhCharge, LogCharge)
Transform = Callable[..., BatchTransform]


def applied(transform: BatchTransform, given: Batch) -> Tensor:
    return transform(given, torch.Generator()).mono.pixels


def noise(n: int, camera: CameraGeometry, *, seed: int = 1) -> Tensor:
    return torch.randn(n, 2, camera.n_pixels, generator=torch.Generator().manual_seed(seed)) * 10


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms_are_transforms(transform: Transform, camera: Camera, inputs: Inputs) -> None:
    assert isinstance(transform(inputs=inputs(camera("VERITAS"))), BatchTransform)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_no_images_are_transformed_to_no_images(
    transform: Transform, camera: Camera, inputs: Inputs, mono: Mono
) -> None:
    geometry = camera("VERITAS")
    target = transform(inputs=inputs(geometry))
    pixels = applied(target, mono(torch.zeros(0, 2, geometry.n_pixels), geometry.name))
    assert pixels.shape == (0, len(target.outputs.camera.channels), *target.outputs.camera.shape)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_batch_without_cameras_stays_one(transform: Transform, camera: Camera, inputs: Inputs) -> None:
    target = transform(inputs=inputs(camera("VERITAS")))
    assert target(Batch(images={}, events={"row": torch.arange(3)}), torch.Generator()).images == {}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms_leave_their_argument_as_it_was(
    transform: Transform, camera: Camera, inputs: Inputs, mono: Mono
) -> None:
    geometry = camera("VERITAS")
    given = mono(noise(3, geometry), geometry.name)
    target = transform(inputs=inputs(geometry))
    if isinstance(target, Normalise):
        target.fit([given])
    assert applied(target, given) is not given.mono.pixels
    assert torch.equal(given.mono.pixels, noise(3, geometry))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_each_image_is_transformed_alone(transform: Transform, camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    target, pixels = transform(inputs=inputs(geometry)), noise(4, geometry)
    together = applied(target, mono(pixels, geometry.name))
    alone = torch.cat([applied(target, mono(pixels[i : i + 1], geometry.name)) for i in range(4)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_each_camera_is_transformed_by_its_own_rule(
    transform: Transform, camera: Camera, inputs: Inputs, mono: Mono
) -> None:
    first, second = camera("VERITAS"), camera("MAGICCam")
    both, parts = inputs(first, second), [mono(noise(2, c), c.name) for c in (first, second)]
    joined = transform(inputs=both)(Batch.concat(parts), torch.Generator())
    for geometry, part in zip((first, second), parts, strict=True):
        alone = applied(transform(inputs=inputs(geometry)), part)
        torch.testing.assert_close(joined.images[geometry.name].pixels, alone)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_images_are_as_the_outputs_say(transform: Transform, camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    target = transform(inputs=inputs(geometry))
    group = target(mono(noise(3, geometry), geometry.name), torch.Generator()).mono
    assert group.channels == target.outputs.camera.channels
    assert group.pixels.shape[1:] == (len(group.channels), *target.outputs.camera.shape)
    assert group.pixels.dtype == torch.float32


def test_log_charge_is_the_logarithm_with_the_sign_of_the_charge(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    pixels = noise(5, geometry)
    out = applied(LogCharge(inputs=inputs(geometry), scale=2.0), mono(pixels, geometry.name))
    charge = pixels[:, 0].double().numpy()
    np.testing.assert_allclose(out[:, 0], np.sign(charge) * np.log(1 + np.abs(charge) / 2), rtol=1e-5)
    assert torch.equal(out[:, 0].sign(), pixels[:, 0].sign())


def test_asinh_charge_is_the_inverse_hyperbolic_sine(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    pixels = noise(5, geometry)
    out = applied(AsinhCharge(inputs=inputs(geometry), scale=2.0), mono(pixels, geometry.name))
    np.testing.assert_allclose(out[:, 0], np.arcsinh(pixels[:, 0].double().numpy() / 2), rtol=1e-5)


def test_asinh_charge_is_linear_below_its_scale_and_logarithmic_above(
    camera: Camera, inputs: Inputs, mono: Mono
) -> None:
    geometry, scale = camera("VERITAS"), 3.0
    pixels = torch.zeros(1, 2, geometry.n_pixels)
    pixels[0, 0, :4] = torch.tensor([-1.0, 1.0, 3.5 * scale, 1000 * scale])
    out = applied(AsinhCharge(inputs=inputs(geometry), scale=scale), mono(pixels, geometry.name))[0, 0]
    np.testing.assert_allclose(out[:2], [-1 / 3, 1 / 3], rtol=0.02)
    np.testing.assert_allclose(out[2:4], np.log([7, 2000]), atol=0.02)


@pytest.mark.parametrize("transform", CHARGE_MAPS)
def test_maps_of_charge_leave_other_channels_and_zeros_alone(
    transform: Transform, camera: Camera, inputs: Inputs, mono: Mono
) -> None:
    geometry = camera("VERITAS")
    pixels = noise(1, geometry)
    pixels[0, 0, :5] = 0
    out = applied(transform(inputs=inputs(geometry)), mono(pixels, geometry.name))
    assert torch.equal(out[:, 1], pixels[:, 1])
    assert out[0, 0, :5].tolist() == [0] * 5


@pytest.mark.parametrize("transform", CHARGE_MAPS)
def test_several_channels_of_charge_are_mapped_alike(
    transform: Transform, camera: Camera, inputs: Inputs, mono: Mono
) -> None:
    geometry, channels = camera("VERITAS"), ("other", "image")
    pixels = noise(2, geometry)
    target = transform(inputs=inputs(geometry, channels=channels), channels=["image", "other"])
    out = target(mono(pixels, geometry.name, channels), torch.Generator()).mono.pixels
    one = transform(inputs=inputs(geometry))
    for number in range(2):
        alone = pixels[:, [number, number]]
        assert torch.equal(out[:, number], applied(one, mono(alone, geometry.name))[:, 0])


@pytest.mark.parametrize("transform", CHARGE_MAPS)
def test_a_map_of_charge_wants_a_channel_that_is_there_and_a_scale_above_0(
    transform: Transform, camera: Camera, inputs: Inputs
) -> None:
    spec = inputs(camera("VERITAS"), channels=("image",))
    with pytest.raises(ValueError, match="the images of VERITAS have no channel 'charge': they have image"):
        transform(inputs=spec, channels=["charge"])
    with pytest.raises(ValueError, match="scale must be above 0, got 0"):
        transform(inputs=spec, scale=0)


def test_channels_are_selected_by_name_in_the_order_of_the_names(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry, channels = camera("VERITAS"), ("image", "peak_time", "valid")
    pixels = torch.cat([noise(2, geometry), torch.ones(2, 1, geometry.n_pixels)], dim=1)
    select = SelectChannels(inputs=inputs(geometry, channels=channels), channels=["valid", "image"])
    group = select(mono(pixels, geometry.name, channels), torch.Generator()).mono
    assert group.channels == select.outputs.camera.channels == ("valid", "image")
    assert torch.equal(group.pixels, pixels[:, [2, 0]])


def test_channels_of_a_grid_can_be_selected(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    select = SelectChannels(inputs=inputs(camera("VERITAS"), shape=(3, 4)), channels=["peak_time"])
    pixels = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert torch.equal(applied(select, mono(pixels, "VERITAS")), pixels[:, 1:])


@pytest.mark.parametrize("channels", [[], ["image", "image"]])
def test_a_channel_is_selected_once_and_at_least_one_is(camera: Camera, inputs: Inputs, channels: list[str]) -> None:
    with pytest.raises(ValueError, match="channels must be different names, at least one, got"):
        SelectChannels(inputs=inputs(camera("VERITAS")), channels=channels)


def test_a_channel_that_is_not_there_cannot_be_selected(camera: Camera, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="the images of VERITAS have no channel 'cleaned': they have image, peak_time"):
        SelectChannels(inputs=inputs(camera("VERITAS")), channels=["cleaned"])


def fitted(camera: CameraGeometry, inputs: Inputs, mono: Mono, *parts: Tensor) -> Normalise:
    normalise = Normalise(inputs=inputs(camera))
    normalise.fit(mono(part, camera.name) for part in parts)
    return normalise


def test_normalised_channels_have_zero_mean_and_unit_variance(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    pixels = noise(50, geometry) * torch.tensor([3.0, 0.1])[:, None] + torch.tensor([100.0, -20.0])[:, None]
    out = applied(fitted(geometry, inputs, mono, pixels), mono(pixels, geometry.name)).double()
    torch.testing.assert_close(out.mean(dim=(0, 2)), torch.zeros(2, dtype=torch.float64), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std(dim=(0, 2)), torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0)


def test_measuring_in_one_batch_or_in_several_is_the_same(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    pixels = noise(10, geometry) + 5
    whole, parts = (
        fitted(geometry, inputs, mono, pixels),
        fitted(geometry, inputs, mono, pixels[:3], pixels[3:4], pixels[4:]),
    )
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value)
    np.testing.assert_allclose(whole.state_dict()["VERITAS.mean"], pixels.mean(dim=(0, 2)), rtol=1e-5)


def test_a_channel_that_never_varies_is_only_shifted(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    pixels = noise(3, geometry)
    pixels[:, 1] = 12345.678
    normalise = fitted(geometry, inputs, mono, pixels)
    assert normalise.state_dict()["VERITAS.std"][1] == 1
    torch.testing.assert_close(
        applied(normalise, mono(pixels, geometry.name))[:, 1], torch.zeros(3, geometry.n_pixels), atol=1e-3, rtol=0
    )


def test_what_was_measured_can_be_taken_back(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    pixels = noise(3, geometry) + 5
    first, second = fitted(geometry, inputs, mono, pixels), Normalise(inputs=inputs(geometry))
    assert isinstance(first, FittedTransform)
    second.load_state_dict(first.state_dict())
    given = mono(pixels, geometry.name)
    assert torch.equal(applied(first, given), applied(second, given))
    assert not torch.equal(applied(first, given), pixels)


def test_measuring_nothing_changes_nothing(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    geometry = camera("VERITAS")
    given = mono(noise(2, geometry), geometry.name)
    assert torch.equal(applied(fitted(geometry, inputs, mono), given), given.mono.pixels)


def test_a_grid_can_be_normalised(camera: Camera, inputs: Inputs, mono: Mono) -> None:
    spec = inputs(camera("VERITAS"), shape=(6, 7))
    pixels = torch.arange(84.0).reshape(1, 2, 6, 7)
    normalise = Normalise(inputs=spec)
    normalise.fit([mono(pixels, "VERITAS")])
    out = applied(normalise, mono(pixels, "VERITAS"))
    assert out.shape == (1, 2, 6, 7)
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)

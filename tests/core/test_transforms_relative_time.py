"""Peak times from the shower's own zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gammalearn_core.api import Batch
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.transforms.relative_time import RelativeTime
from gammalearn_core.builtin.transforms.tailcuts import Tailcuts

Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]
Times = Callable[..., Tensor]
Open = Callable[..., DL1Source]
Whole = Callable[[DL1Source], Batch]

ROW = CameraGeometry(name="row", x=np.arange(6.0), y=np.zeros(6), area=np.ones(6), focal_length=28)
"""Six pixels side by side."""
CHARGE = [1.0, 0.0, 2.0, 6.0, 2.0, 0.0]
TIME = [50.0, 5.0, 20.0, 22.0, 30.0, 7.0]
MASK = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]
CHANNELS = ("image", "peak_time", "cleaned")


@pytest.fixture(scope="module")
def times(inputs: Inputs, mono: Mono) -> Times:
    """``times(charge, time, inside, **params)``: relative peak times of one image of the row of pixels."""

    def create(charge: list[float], time: list[float], inside: list[float] = MASK, **params: Any) -> Tensor:
        transform = RelativeTime(inputs=inputs(ROW, channels=CHANNELS), **params)
        group = transform(mono(torch.tensor([[charge, time, inside]]), ROW.name, CHANNELS), torch.Generator()).mono
        assert torch.equal(group.pixels[0, [0, 2]], torch.tensor([charge, inside]))
        return group.pixels[0, 1]

    return create


def near(expected: list[float]) -> Any:
    return pytest.approx(expected, abs=1e-5)


def test_zero_is_the_mean_time_in_the_mask_weighted_by_charge(times: Times) -> None:
    assert times(CHARGE, TIME, mask="cleaned").tolist() == near([t - 24 for t in TIME])


def test_without_a_mask_zero_is_the_mean_time_of_the_brightest_patch(times: Times) -> None:
    zero = (2 * 20 + 6 * 22 + 2 * 30) / 10
    assert times(CHARGE, TIME).tolist() == near([t - zero for t in TIME])


def test_one_bright_pixel_alone_does_not_make_the_brightest_patch(times: Times) -> None:
    charge, time = [7.0, 0.0, 0.0, 4.0, 4.0, 4.0], [1.0, 5.0, 5.0, 20.0, 21.0, 22.0]
    assert times(charge, time).tolist() == near([t - 21 for t in time])


def test_another_start_of_the_readout_changes_nothing(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod3_large_trunc", cameras="FlashCam", channels=["image", "peak_time", "image_mask"])
    batch = whole(source)
    for mask in (None, "image_mask"):
        transform = RelativeTime(inputs=source.inputs, mask=mask)
        before = transform(batch, torch.Generator()).mono.pixels[:, 1]
        later = Batch(images={k: g.take(torch.arange(len(g))) for k, g in batch.images.items()}, events=batch.events)
        later.mono.pixels[:, 1] += 13
        after = transform(later, torch.Generator()).mono.pixels[:, 1]
        torch.testing.assert_close(after, before, atol=1e-4, rtol=0)
        assert before.abs().max() > 1


def test_both_definitions_agree_on_real_showers(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod3_large_trunc", cameras="FlashCam", channels=["image", "peak_time", "image_mask"])
    batch = whole(source)
    bright = (batch.mono.pixels[:, 0] * batch.mono.pixels[:, 2]).sum(dim=1) > 100
    masked = RelativeTime(inputs=source.inputs, mask="image_mask")(batch, torch.Generator()).mono.pixels
    patch = RelativeTime(inputs=source.inputs)(batch, torch.Generator()).mono.pixels
    apart = (masked - patch)[bright, 1].mean(dim=1).abs()
    assert len(apart) > 10
    assert apart.median() < 1


def test_the_mean_time_of_real_showers_is_0(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod3_large_trunc", cameras="FlashCam", channels=["image", "peak_time", "image_mask"])
    batch = whole(source)
    relative = RelativeTime(inputs=source.inputs, mask="image_mask")(batch, torch.Generator()).mono.pixels
    weight = (relative[:, 0] * relative[:, 2]).double()
    weight = weight[weight.sum(dim=1) > 0]
    times = relative[relative[:, 2].any(dim=1), 1]
    mean = (weight * times).sum(dim=1) / weight.sum(dim=1)
    assert len(mean) > 10
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("charge", "inside"),
    [(CHARGE, [0.0] * 6), ([0.0, 0.0, 0.0, -1.0, 0.0, 0.0], MASK), ([1.0, 1.0, 1.0, 0.0, 0.0, 1.0], MASK)],
)
def test_an_image_without_a_signal_in_the_mask_is_0(times: Times, charge: list[float], inside: list[float]) -> None:
    assert times(charge, TIME, inside, mask="cleaned").tolist() == [0] * 6


def test_an_image_without_any_signal_is_0(times: Times) -> None:
    assert times([0.0] * 6, TIME).tolist() == [0] * 6
    assert times([-1.0] * 6, TIME).tolist() == [0] * 6


def test_negative_charges_do_not_count(times: Times) -> None:
    charge = [0.0, 0.0, -2.0, 6.0, -2.0, 0.0]
    assert times(charge, TIME).tolist() == near([t - 22 for t in TIME])
    assert times(charge, TIME, mask="cleaned").tolist() == near([t - 22 for t in TIME])


def test_pixels_without_a_time_stay_0_and_do_not_count(times: Times) -> None:
    time = [0.0, 5.0, 20.0, 22.0, 0.0, 7.0]
    expected = [0.0, -17.0, -2.0, 0.0, 0.0, -15.0]
    assert times(CHARGE, time, mask="cleaned").tolist() == near(expected)


def test_pixels_that_were_cleaned_away_stay_0(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod3_large_trunc", cameras="FlashCam")
    apply = Tailcuts(inputs=source.inputs, picture_threshold=8.0, boundary_threshold=4.0, mode="apply")
    cleaned = apply(whole(source), torch.Generator())
    relative = RelativeTime(inputs=apply.outputs)(cleaned, torch.Generator()).mono.pixels
    outside = cleaned.mono.pixels[:, 0] == 0
    assert not relative[:, 1][outside].any()
    assert relative[:, 1][~outside].abs().max() > 0.5


def test_times_are_clipped_on_both_sides(times: Times) -> None:
    assert times(CHARGE, TIME, mask="cleaned", clip=3.0).tolist() == near([3, -3, -3, -2, 3, -3])


def test_pixels_outside_the_mask_become_0_on_request(times: Times) -> None:
    assert times(CHARGE, TIME, mask="cleaned", zero_outside=True).tolist() == near([0, 0, 0, -2, 6, 0])


def test_settings_that_make_no_sense_are_refused(inputs: Inputs) -> None:
    spec = inputs(ROW)
    with pytest.raises(ValueError, match="clip must be above 0, got 0"):
        RelativeTime(inputs=spec, clip=0.0)
    with pytest.raises(ValueError, match="zero_outside=True needs a mask: name its channel, mask='cleaned'"):
        RelativeTime(inputs=spec, zero_outside=True)
    with pytest.raises(ValueError, match="the images of row have no channel 'cleaned': they have image, peak_time"):
        RelativeTime(inputs=spec, mask="cleaned")
    with pytest.raises(ValueError, match="the images of row have no channel 'peak_time': they have image"):
        RelativeTime(inputs=inputs(ROW, channels=("image",)))
    with pytest.raises(ValueError, match="the images of row are on a grid already"):
        RelativeTime(inputs=inputs(ROW, shape=(2, 3)))


def test_a_file_without_times_has_none_afterwards(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod4_astri", channels=["image", "peak_time", "image_mask"])
    assert not whole(source).mono.pixels[:, 1].any()
    relative = RelativeTime(inputs=source.inputs, mask="image_mask")(whole(source), torch.Generator())
    assert not relative.mono.pixels[:, 1].any()

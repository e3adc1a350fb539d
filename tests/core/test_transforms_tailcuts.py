"""Tail-cuts cleaning, against what ctapipe's own function gives for real images."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TESTS
from numpy.typing import NDArray

from gammalearn_core.api import Batch
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.transforms.neighbours import Neighbours
from gammalearn_core.builtin.transforms.tailcuts import Tailcuts

Camera = Callable[..., CameraGeometry]
Inputs = Callable[..., InputSpec]
Mono = Callable[..., Batch]
Clean = Callable[..., list[int]]

GOLDEN = np.load(TESTS / "tailcuts.npz")
FILES = json.loads(str(GOLDEN["files"]))
SETTINGS = json.loads(str(GOLDEN["settings"]))

ROW = CameraGeometry(name="row", x=np.arange(5.0), y=np.zeros(5), area=np.ones(5), focal_length=28)
"""Five pixels side by side."""


@pytest.fixture(scope="module")
def clean(inputs: Inputs, mono: Mono) -> Clean:
    """``clean([5.0, …], picture_threshold=…)``: the mask of an image of the row of pixels."""

    def create(charges: list[float], **params: Any) -> list[int]:
        tailcuts = Tailcuts(inputs=inputs(ROW, channels=("image",)), **params)
        group = tailcuts(mono(torch.tensor([[charges]]), ROW.name, ("image",)), torch.Generator()).mono
        return [int(p) for p in group.pixels[0, group.channels.index("cleaned")]]

    return create


@pytest.fixture(scope="module")
def noise(camera: Camera, mono: Mono) -> Callable[..., Batch]:
    """Three noisy images of VERITAS, the last one empty."""

    def create(*channels: str) -> Batch:
        pixels = torch.randn(3, len(channels), 499, generator=torch.Generator().manual_seed(1)) * 10 + 1
        pixels[2] = 0
        return mono(pixels, "VERITAS", channels)

    return create


def masks(name: str) -> NDArray[np.bool_]:
    """ctapipe's masks, (settings, images, pixels)."""
    packed: NDArray[np.uint8] = GOLDEN[f"{name}_masks"]
    return np.unpackbits(packed, axis=-1).astype(bool)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", range(len(SETTINGS)), ids=[str(s) for s in SETTINGS])
def test_masks_of_real_images_are_those_of_ctapipe(
    open_dl1: Callable[..., DL1Source], whole: Callable[[DL1Source], Batch], name: str, number: int
) -> None:
    source = open_dl1(FILES[name], cameras=name, channels=["image"])
    tailcuts = Tailcuts(inputs=source.inputs, **SETTINGS[number])
    ours = tailcuts(whole(source), torch.Generator()).mono.pixels[:, 1]
    ids = np.column_stack([source.events[n] for n in ("obs_id", "event_id", "tel_id")])
    theirs = dict(zip(map(tuple, GOLDEN[f"{name}_ids"].tolist()), masks(name)[number], strict=True))
    assert len(ids) == len(theirs)
    assert masks(name)[number].any()
    for mine, key in zip(ours.numpy(), map(tuple, ids.tolist()), strict=True):
        np.testing.assert_array_equal(mine, theirs[key][: len(mine)])


@pytest.mark.parametrize("name", FILES)
def test_the_settings_that_are_compared_give_different_masks(name: str) -> None:
    default = [m.tobytes() for m, s in zip(masks(name), SETTINGS, strict=True) if len(s) == 2 or len(s) == 3]
    assert len(set(default)) == len(default)


def test_sums_over_neighbours_are_those_of_the_geometry(camera: Camera) -> None:
    for name in ("LSTCam", "CHEC", "FACT"):
        geometry = camera(name)
        start, indices = geometry.neighbours
        values = torch.rand(2, geometry.n_pixels, generator=torch.Generator().manual_seed(1))
        expected = [[float(row[indices[a:b]].sum()) for a, b in pairwise(start)] for row in values]
        np.testing.assert_allclose(Neighbours(geometry).sum(values), expected, rtol=1e-5)


def test_a_camera_without_a_lattice_can_be_cleaned(inputs: Inputs, mono: Mono) -> None:
    spiral = np.sqrt(np.arange(36)) * np.exp(2.4j * np.arange(36))
    geometry = CameraGeometry(name="sunflower", x=spiral.real, y=spiral.imag, area=np.ones(36), focal_length=28)
    assert geometry.kind == "irregular"
    charge = torch.zeros(1, 1, 36)
    start, indices = geometry.neighbours
    charge[0, 0, 14], charge[0, 0, indices[start[14]]] = 10, 5
    tailcuts = Tailcuts(inputs=inputs(geometry, channels=("image",)), picture_threshold=8.0, boundary_threshold=4.0)
    mask = tailcuts(mono(charge, "sunflower", ("image",)), torch.Generator()).mono.pixels[0, 1]
    assert mask.nonzero()[:, 0].tolist() == sorted([14, int(indices[start[14]])])


def test_picture_pixels_are_kept_with_their_boundary(clean: Clean) -> None:
    assert clean([4, 9, 4, 4, 0], picture_threshold=8.0, boundary_threshold=4.0) == [1, 1, 1, 0, 0]


def test_thresholds_belong_to_what_they_let_pass(clean: Clean) -> None:
    assert clean([0, 8, 4, 0, 0], picture_threshold=8.0, boundary_threshold=4.0) == [0, 1, 1, 0, 0]
    assert clean([0, 7.99, 4, 0, 0], picture_threshold=8.0, boundary_threshold=4.0) == [0] * 5
    assert clean([0, 8, 3.99, 0, 0], picture_threshold=8.0, boundary_threshold=4.0) == [0] * 5


def test_a_picture_pixel_without_a_neighbour_is_kept_on_request(clean: Clean) -> None:
    charges = [0, 0, 9.0, 0, 0]
    thresholds: dict[str, Any] = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
    assert clean(charges, **thresholds) == [0] * 5
    assert clean(charges, **thresholds, keep_isolated_pixels=True) == [0, 0, 1, 0, 0]


def test_a_picture_pixel_can_need_neighbours_in_the_picture(clean: Clean) -> None:
    thresholds: dict[str, Any] = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
    assert clean([9, 9, 9, 0, 5], **thresholds, min_number_picture_neighbors=2) == [1, 1, 1, 0, 0]
    assert clean([9, 9, 0, 9, 5], **thresholds, min_number_picture_neighbors=2) == [0] * 5


def test_an_image_where_nothing_is_left_has_a_mask_of_zeros(noise: Callable[..., Batch], inputs: Inputs) -> None:
    batch = noise("image", "peak_time")
    geometry = CameraGeometry(name="VERITAS", x=np.arange(499), y=np.zeros(499), area=np.ones(499), focal_length=12)
    tailcuts = Tailcuts(inputs=inputs(geometry), picture_threshold=1000.0, boundary_threshold=500.0)
    assert torch.equal(tailcuts(batch, torch.Generator()).mono.pixels[:, 2], torch.zeros(3, 499))
    tailcuts = Tailcuts(inputs=inputs(geometry), picture_threshold=8.0, boundary_threshold=4.0)
    mask = tailcuts(batch, torch.Generator()).mono.pixels[:, 2]
    assert mask[:2].any()
    assert not mask[2].any()


def test_adding_the_mask_leaves_the_other_channels_as_they_are(
    noise: Callable[..., Batch], camera: Camera, inputs: Inputs
) -> None:
    batch = noise("peak_time", "image")
    spec = inputs(camera("VERITAS"), channels=("peak_time", "image"))
    group = Tailcuts(inputs=spec, picture_threshold=8.0, boundary_threshold=4.0)(batch, torch.Generator()).mono
    assert group.channels == ("peak_time", "image", "cleaned")
    assert torch.equal(group.pixels[:, :2], batch.mono.pixels)
    assert set(group.pixels[:, 2].unique().tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("chosen", "changed"), [(None, [0, 1, 2]), (["image"], [1]), (["valid", "image"], [1, 2]), ([], [])]
)
def test_applying_makes_pixels_outside_the_mask_0_in_all_or_in_chosen_channels(
    noise: Callable[..., Batch], camera: Camera, inputs: Inputs, chosen: list[str] | None, changed: list[int]
) -> None:
    channels = ("peak_time", "image", "valid")
    batch, spec = noise(*channels), inputs(camera("VERITAS"), channels=channels)
    thresholds: dict[str, Any] = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
    mask = Tailcuts(inputs=spec, **thresholds)(batch, torch.Generator()).mono.pixels[:, 3]
    apply = Tailcuts(inputs=spec, **thresholds, mode="apply", channels=chosen)
    group = apply(batch, torch.Generator()).mono
    assert group.channels == apply.outputs.camera.channels == channels
    for number in range(3):
        expected = batch.mono.pixels[:, number] * (mask if number in changed else 1)
        assert torch.equal(group.pixels[:, number], expected)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"picture_threshold": 4.0, "boundary_threshold": 8.0}, "above 0 and at most picture_threshold, got 8.0 and 4"),
        ({"picture_threshold": 4.0, "boundary_threshold": 0.0}, "boundary_threshold must be above 0"),
        ({"min_number_picture_neighbors": -1}, "min_number_picture_neighbors must be 0 or more, got -1"),
        ({"channels": ["image"]}, "channels are those that mode='apply' changes"),
        ({"mode": "apply", "channels": ["charge"]}, "the images of row have no channel 'charge': they have image"),
    ],
)
def test_settings_that_make_no_sense_are_refused(inputs: Inputs, params: dict[str, Any], message: str) -> None:
    thresholds: dict[str, Any] = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
    with pytest.raises(ValueError, match=message):
        Tailcuts(inputs=inputs(ROW, channels=("image",)), **(thresholds | params))


def test_cleaning_wants_a_charge_on_pixels_and_no_other_mask(inputs: Inputs) -> None:
    thresholds: dict[str, Any] = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
    with pytest.raises(ValueError, match="the images of row have no channel 'image': they have peak_time"):
        Tailcuts(inputs=inputs(ROW, channels=("peak_time",)), **thresholds)
    with pytest.raises(ValueError, match="the images of row are on a grid already: put this transform before"):
        Tailcuts(inputs=inputs(ROW, channels=("image",), shape=(2, 3)), **thresholds)
    with pytest.raises(ValueError, match="the images of row have a channel 'cleaned' already"):
        Tailcuts(inputs=inputs(ROW, channels=("image", "cleaned")), **thresholds)

"""When two cameras are the same, and how a camera is kept."""

from __future__ import annotations

import json
from collections.abc import Callable

import attrs
import numpy as np
import pytest

from gammalearn_core.api import CameraGeometry
from gammalearn_core.data.geometry import merge_same

Camera = Callable[..., CameraGeometry]


def moved(camera: CameraGeometry, pitches: float) -> CameraGeometry:
    """One pixel moved."""
    x = camera.x.copy()
    x[7] += pitches * camera.pitch
    return attrs.evolve(camera, x=x)


def test_a_camera_is_the_same_whatever_it_is_called(camera: Camera) -> None:
    assert camera("LSTCam").same_as(attrs.evolve(camera("LSTCam"), name="LSTN-01"))


@pytest.mark.parametrize(("pitches", "same"), [(0.019, True), (0.021, False)])
def test_positions_may_differ_by_two_per_cent_of_the_pitch(camera: Camera, pitches: float, same: bool) -> None:
    assert moved(camera("LSTCam"), pitches).same_as(camera("LSTCam")) is same


def test_a_camera_that_is_turned_by_90_degrees_is_another(camera: Camera) -> None:
    whole = camera("ASTRICam")
    assert not attrs.evolve(whole, x=-whole.y, y=whole.x).same_as(whole)


def test_a_camera_with_another_order_of_pixels_is_another(camera: Camera) -> None:
    whole = camera("LSTCam")
    order = np.random.default_rng(1).permutation(whole.n_pixels)
    assert not attrs.evolve(whole, x=whole.x[order], y=whole.y[order]).same_as(whole)


def test_a_camera_with_one_pixel_less_is_another(camera: Camera) -> None:
    whole = camera("LSTCam")
    assert not attrs.evolve(whole, x=whole.x[1:], y=whole.y[1:], area=whole.area[1:]).same_as(whole)


def test_the_same_pixels_behind_another_mirror_are_another_camera(camera: Camera) -> None:
    lst, mst = camera("LSTCam", focal_length=29.3), camera("NectarCam", focal_length=16.4)
    assert np.abs(lst.x - mst.x).max() < 1e-3
    assert not lst.same_as(mst)
    assert camera("NectarCam", focal_length=29.3).same_as(lst)


def test_effective_and_equivalent_focal_length_are_the_same_camera(camera: Camera) -> None:
    assert camera("LSTCam", focal_length=28.0).same_as(camera("LSTCam", focal_length=29.3))


def test_merging_keeps_one_of_each_and_says_which(camera: Camera) -> None:
    given = [camera("LSTCam"), camera("FlashCam"), camera("LSTCam")]
    distinct, which = merge_same(given)
    assert [g.n_pixels for g in distinct] == [1855, 1764]
    assert which == [0, 1, 0]


def test_a_merged_camera_has_its_most_frequent_name_and_the_others_as_aliases(camera: Camera) -> None:
    names = ["LSTN-02", "LSTcam", "LSTcam", "LSTN-01"]
    distinct, _ = merge_same(attrs.evolve(camera("LSTCam"), name=name) for name in names)
    assert (distinct[0].name, distinct[0].aliases) == ("LSTcam", ("LSTN-01", "LSTN-02"))


def test_merging_nothing_gives_nothing() -> None:
    assert merge_same([]) == ([], [])


@pytest.mark.parametrize("name", ["FACT", "SCTCam"])
def test_a_camera_survives_a_json_file_exactly(camera: Camera, name: str) -> None:
    whole = attrs.evolve(camera(name), aliases=("a", "b"))
    again = CameraGeometry.from_dict(json.loads(json.dumps(whole.to_dict())))
    for column in ("x", "y", "area"):
        np.testing.assert_array_equal(getattr(again, column), getattr(whole, column))
    assert (again.name, again.aliases, again.focal_length) == (whole.name, whole.aliases, whole.focal_length)


def test_the_fingerprint_stands_for_the_positions_only(camera: Camera) -> None:
    whole = camera("LSTCam")
    assert attrs.evolve(whole, name="other", focal_length=1.0).fingerprint == whole.fingerprint
    assert attrs.evolve(whole, x=whole.x + 1e-9).fingerprint == whole.fingerprint
    assert moved(whole, 0.5).fingerprint != whole.fingerprint
    assert len(whole.fingerprint) == 16


def test_positions_cannot_be_changed_by_accident(camera: Camera) -> None:
    with pytest.raises(ValueError, match="read-only"):
        camera("LSTCam").x[0] = 1.0

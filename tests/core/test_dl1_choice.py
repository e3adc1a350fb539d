"""Which cameras, telescopes, channels and columns ``core.dl1`` gives, and the geometry of the cameras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from gammalearn_core import DataError
from gammalearn_core import SettingsError
from gammalearn_core.api import Batch
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Copy = Callable[..., Path]
Find = Callable[[str], Path]
Open = Callable[..., DL1Source]
Whole = Callable[[DL1Source], Batch]


def test_cameras_that_are_named_telescope_by_telescope_are_grouped_by_their_pixels(open_dl1: Open) -> None:
    cameras = open_dl1("proton_prod6_run201", level="subarray").inputs.cameras
    assert {key: spec.geometry.aliases for key, spec in cameras.items()} == {
        "MSTN-01": ("MSTN-02", "MSTN-03", "MSTN-04", "MSTN-07", "MSTN-15"),
        "LSTN-01": ("LSTN-02", "LSTN-04"),
    }


@pytest.mark.parametrize("name", ["MSTN-01", "MSTN-15", "mstn-03", "MST", "mst"])
def test_a_camera_is_chosen_by_name_alias_or_type_in_any_case(open_dl1: Open, name: str) -> None:
    assert len(open_dl1("proton_prod6_run201", cameras=name).events) == 9


def test_several_cameras_may_be_chosen_at_subarray_level(open_dl1: Open) -> None:
    source = open_dl1("gamma_test", level="subarray", cameras=["LST", "CHEC"])
    assert set(source.inputs.cameras) == {"LSTCam", "CHEC"}
    assert len(source.events.images) == 15


def test_events_without_an_image_of_the_chosen_camera_are_left_out(open_dl1: Open) -> None:
    source = open_dl1("gamma_test", level="subarray", cameras="CHEC")
    assert len(source.events) == len(set(source.events.images["event_id"].tolist())) < 9
    assert source.events.multiplicity.min() > 0


def test_several_geometries_at_telescope_level_are_an_error_that_names_them(open_dl1: Open) -> None:
    with pytest.raises(SettingsError) as caught:
        open_dl1("gamma_test")
    (problem,) = caught.value.problems
    assert problem.where == "cameras"
    assert problem.what == "a mono network takes one geometry; choose one, such as cameras='NectarCam'"
    for line in (
        "'NectarCam' (1855 pixels, hexagonal, 19 images, also called MST)",
        "'LSTCam' (1855 pixels, hexagonal, 9 images, also called LST)",
        "'SCTCam' (11328 pixels, square, 8 images, also called MST)",
        "'CHEC' (2048 pixels, square, 6 images, also called SST)",
    ):
        assert line in problem.hint


def test_one_type_with_two_geometries_is_such_an_error_too(open_dl1: Open) -> None:
    with pytest.raises(SettingsError, match="takes one geometry") as caught:
        open_dl1("gamma_test", cameras="MST")
    assert "'LSTCam'" not in str(caught.value)


def test_an_unknown_camera_is_an_error_that_suggests_one(open_dl1: Open) -> None:
    with pytest.raises(SettingsError, match="no camera or telescope type with images is called 'NectarCma', did you"):
        open_dl1("gamma_test", cameras="NectarCma")


def test_one_name_of_two_geometries_gets_an_ending(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_test", "gamma_4lst_lasercal", level="subarray", cameras="LSTCam")
    first, second = source.inputs.cameras
    assert first != second
    assert first.startswith("LSTCam-")
    assert second.startswith("LSTCam-")
    assert sorted(map(len, whole(source).images.values())) == [9, 10]
    assert len(open_dl1("gamma_test", "gamma_4lst_lasercal", cameras=first).events) == 10


def test_telescopes_are_chosen_by_number(open_dl1: Open) -> None:
    source = open_dl1("gamma_4lst_lasercal", telescopes=[1, 3])
    assert set(source.events["tel_id"].tolist()) == {1, 3}


def test_telescopes_may_choose_the_camera(find: Find, open_dl1: Open) -> None:
    with h5py.File(find("gamma_test")) as file:
        telescope = next(
            int(n[4:]) for n, t in file["/dl1/event/telescope/images"].items() if len(t[0]["image"]) == 2048
        )
    assert list(open_dl1("gamma_test", telescopes=[telescope]).inputs.cameras) == ["CHEC"]


def test_a_telescope_without_images_cannot_be_chosen(open_dl1: Open) -> None:
    with pytest.raises(SettingsError, match="telescopes: telescope 77 has no images in the chosen cameras"):
        open_dl1("gamma_4lst_lasercal", telescopes=[1, 77])


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        (["imgae"], "there is no channel 'imgae'\n.*did you mean 'image'"),
        (["zzz"], "one of image, peak_time, image_mask, valid"),
        (["image", "image"], "expected different names"),
        ([], "expected different names"),
    ],
)
def test_channels_are_checked(open_dl1: Open, channels: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_dl1("gamma_4lst_lasercal", channels=channels)


def test_the_cleaning_mask_is_a_channel_of_zeros_and_ones(find: Find, open_dl1: Open) -> None:
    batch = open_dl1("gamma_4lst_lasercal", channels=["image_mask", "valid"], telescopes=[1]).read(np.arange(3))
    with h5py.File(find("gamma_4lst_lasercal")) as file:
        mask = file["/dl1/event/telescope/images/tel_001"]["image_mask"]
    assert mask.any()
    np.testing.assert_array_equal(batch.mono.pixels[:, 0], mask)
    assert (batch.mono.pixels[:, 1] == 1).all()


def test_a_channel_that_the_file_lacks_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_prod6_za40_4lst")
    with h5py.File(path, "r+") as file:
        for name in list(group := file["/dl1/event/telescope/images"]):
            rows, attributes = group[name][:], dict(group[name].attrs)
            del group[name]
            kept = [n for n in rows.dtype.names if n != "image_mask"]
            group.create_dataset(name, data=rows[kept].astype([(n, rows.dtype[n]) for n in kept]), maxshape=(None,))
            group[name].attrs.update(attributes)
    with pytest.raises(DataError, match=r"no column 'image_mask', which channels= asks for"):
        open_dl1(path, channels=["image_mask"]).read(np.arange(1))


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_dl1_parameters_go_with_the_images_they_belong_to(find: Find, open_dl1: Open, whole: Whole, level: str) -> None:
    batch = whole(open_dl1("gamma_prod4_sst1m", columns=["hillas_intensity", "hillas_length"], level=level))
    expected = {}
    with h5py.File(find("gamma_prod4_sst1m")) as file:
        for table in file["/dl1/event/telescope/parameters"].values():
            for row in table[:]:
                expected[int(row["event_id"]), int(row["tel_id"])] = (row["hillas_intensity"], row["hillas_length"])
    group = batch.mono
    found = torch.stack([group.columns["hillas_intensity"], group.columns["hillas_length"]], dim=1)
    assert found.dtype == torch.float32
    ids = zip(batch.events["event_id"][group.event].tolist(), group.telescope.tolist(), strict=True)
    np.testing.assert_allclose(found, np.array([expected[key] for key in ids]), rtol=1e-6)


def test_an_unknown_column_is_an_error_that_suggests_one(open_dl1: Open) -> None:
    with pytest.raises(SettingsError, match=r"no column 'hillas_intensty'\n.*did you mean 'hillas_intensity'"):
        open_dl1("gamma_4lst_lasercal", columns=["hillas_intensty"])


def test_truth_cannot_be_an_input(open_dl1: Open) -> None:
    with pytest.raises(SettingsError, match="'true_energy' is simulated truth, which a network must not be given"):
        open_dl1("gamma_4lst_lasercal", columns=["true_energy"])


def test_batches_carry_no_truth(open_dl1: Open) -> None:
    batch = open_dl1("gamma_4lst_lasercal").read(np.arange(3))
    assert set(batch.events) == {"row", "obs_id", "event_id", "pointing_alt", "pointing_az"}


@pytest.mark.parametrize("name", ["gamma_4lst_lasercal", "gamma_prod4_sst1m", "gamma_prod4_astri"])
def test_pixels_lie_in_the_camera_frame_in_which_ctapipe_measures_images(
    open_dl1: Open, whole: Whole, name: str
) -> None:
    columns = ["hillas_fov_lon", "hillas_fov_lat"]
    source = open_dl1(name, channels=["image", "image_mask"], columns=columns)
    camera, group = source.inputs.camera.geometry, whole(source).mono
    charge = (group.pixels[:, 0] * group.pixels[:, 1]).double().numpy()
    measured = np.stack([group.columns[c].numpy() for c in columns])
    known = np.isfinite(measured[0])
    assert known.sum() >= 4
    charge = charge[known] / charge[known].sum(axis=1, keepdims=True)
    lon, lat = (np.degrees(np.arctan(charge @ axis / camera.focal_length)) for axis in (camera.y, camera.x))
    np.testing.assert_allclose([lon, lat], measured[:, known], atol=0.02)


def test_a_rotated_camera_is_turned_back_as_ctapipe_does(copy_of: Copy, open_dl1: Open) -> None:
    """CameraGeometry.from_table of ctapipe 0.28.0 turns (0.5, 0.2) with CAM_ROT=30 to (0.5330, -0.0768)."""
    path = copy_of("gamma_prod6_za40_4lst")
    before = open_dl1("gamma_prod6_za40_4lst").inputs.camera.geometry
    with h5py.File(path, "r+") as file:
        file["/configuration/instrument/telescope/camera/geometry_0"].attrs["CAM_ROT"] = 30.0
    after = open_dl1(path).inputs.camera.geometry
    expected = (before.x + 1j * before.y) * np.exp(-1j * np.radians(30))
    np.testing.assert_allclose(after.x + 1j * after.y, expected, atol=1e-12)
    assert (0.5 + 0.2j) * np.exp(-1j * np.radians(30)) == pytest.approx(0.5330127 - 0.0767949j)


def test_without_an_effective_focal_length_the_equivalent_one_is_used_and_said(
    open_dl1: Open, caplog: pytest.LogCaptureFixture
) -> None:
    camera = open_dl1("gamma_test", cameras="LSTCam").inputs.camera.geometry
    assert camera.focal_length == pytest.approx(28.0, abs=0.01)
    assert "no effective focal length for ASTRI, LST, MST, SCT, using the equivalent one" in caplog.text
    assert "gamma_test.dl1.h5" in caplog.text


def test_the_effective_focal_length_is_preferred(open_dl1: Open, caplog: pytest.LogCaptureFixture) -> None:
    camera = open_dl1("gamma_diffuse_prod6_run10", cameras="MST").inputs.camera.geometry
    assert camera.focal_length == pytest.approx(16.445, abs=0.001)
    assert not caplog.records

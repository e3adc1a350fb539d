"""Files that are damaged or not what they were taken for: an error that names the file, the table and the rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from gammalearn_core import DataError
from gammalearn_core import SettingsError
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.columns import read_rows

Copy = Callable[..., Path]
Open = Callable[..., DL1Source]

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
SHOWER = "/simulation/event/subarray/shower"


def message_of(open_dl1: Open, path: Path) -> str:
    """What is said when a file is opened, its columns are named, and its images are read."""
    with pytest.raises(DataError) as caught:
        use(open_dl1, path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def use(open_dl1: Open, path: Path) -> None:
    source = open_dl1(path)
    for name in source.events.names:
        _ = source.events[name]
    source.read(np.arange(len(source.events)))


def flip_a_byte(path: Path, table: str) -> None:
    """Damage the first chunk of a table."""
    with h5py.File(path) as file:
        chunk = file[table].id.get_chunk_info(0)
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 0xFF]))


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_is_said_to_be_truncated(copy_of: Copy, open_dl1: Open, part: float) -> None:
    path = copy_of("gamma_4lst_lasercal")
    os.truncate(path, int(path.stat().st_size * part))
    assert message_of(open_dl1, path) == f"{path} is truncated: it ends too early"


def test_a_file_that_is_not_hdf5_is_an_error(open_dl1: Open, tmp_path: Path) -> None:
    path = tmp_path / "text.h5"
    path.write_text("not HDF5")
    assert "cannot be opened as HDF5" in message_of(open_dl1, path)


def test_a_file_that_is_not_there_is_an_error(open_dl1: Open, tmp_path: Path) -> None:
    assert "cannot be opened as HDF5" in message_of(open_dl1, tmp_path / "none.h5")


def test_an_empty_file_is_an_error(open_dl1: Open, tmp_path: Path) -> None:
    path = tmp_path / "empty.h5"
    path.touch()
    message_of(open_dl1, path)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            ["/something"],
            "is HDF5, but not DL1: it has neither /dl1/event/telescope/images (ctapipe)",
        ),
        (["/dl1/event/telescope/parameters"], "has DL1 parameters but no images: run ctapipe-process"),
        (["/dl2/event"], "is a DL2 file without images"),
        (["/r1/event/telescope"], "has waveforms but no images: run ctapipe-process"),
        (["/r0/event/telescope"], "has waveforms but no images: run ctapipe-process"),
        ([IMAGES], "is written in data model unknown; this reads v1 to v7"),
    ],
)
def test_other_hdf5_files_are_told_apart(open_dl1: Open, tmp_path: Path, groups: list[str], message: str) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        for group in groups:
            file.create_group(group)
    assert message_of(open_dl1, path).startswith(f"{path} {message}")


def test_a_table_of_images_that_is_lost_is_missed(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file[IMAGES]["tel_003"]
    assert message_of(open_dl1, path).endswith(f"but no images: the table {IMAGES}/tel_003 is lost")


def test_a_file_whose_images_were_left_out_is_recognised(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file[IMAGES]
    assert "has DL1 parameters but no images" in message_of(open_dl1, path)


@pytest.mark.parametrize("version", ["v0.9.0", "v8.0.0", "v10.1.0", "x"])
def test_an_unknown_data_model_is_refused(copy_of: Copy, open_dl1: Open, version: str) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        file.attrs["CTA PRODUCT DATA MODEL VERSION"] = version
    assert f"is written in data model {version}; this reads v1 to v7" in message_of(open_dl1, path)


@pytest.mark.parametrize("version", ["v4.0.0", "v7.6.0"])
def test_minor_versions_of_the_data_model_do_not_matter(copy_of: Copy, open_dl1: Open, version: str) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        file.attrs["CTA PRODUCT DATA MODEL VERSION"] = version
    assert len(open_dl1(path).events) == 10


def test_a_flipped_byte_among_the_images_names_file_table_and_rows(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    flip_a_byte(path, f"{IMAGES}/tel_003")
    message = message_of(open_dl1, path)
    assert f"{path}, table {IMAGES}/tel_003, rows 0 to 2: the data are damaged" in message
    assert "copy the file again, leave it out, or set on_corrupt='skip'" in message


def test_a_flipped_byte_in_the_truth_names_file_and_table(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_prod4_sst1m")
    flip_a_byte(path, SHOWER)
    assert f"table {SHOWER}, rows 0 to " in message_of(open_dl1, path)


def test_only_the_rows_of_a_damaged_chunk_are_lost(copy_of: Copy) -> None:
    path, table = copy_of("gamma_4lst_lasercal"), f"{IMAGES}/tel_001"
    with h5py.File(path, "r+") as file:
        rows = file[table][:]
        del file[table]
        file.create_dataset(table, data=rows, chunks=(1,), fletcher32=True)
    flip_a_byte(path, table)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(read_rows(file[table], slice(1, 3), ["image"])["image"], rows["image"][1:])
        with pytest.raises(DataError, match="tel_001, rows 0 to 2: the data are damaged"):
            read_rows(file[table], slice(0, 2), ["image"])


def test_damaged_images_are_left_out_if_that_is_wanted(
    copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    flip_a_byte(path, f"{IMAGES}/tel_003")
    source = open_dl1(path, on_corrupt="skip")
    assert set(source.events["tel_id"].tolist()) == {1, 2, 4}
    assert len(source.read(np.arange(len(source.events)))) == 8
    assert f"left out: {path}, table {IMAGES}/tel_003, rows 0 to 2" in caplog.text


def without_peak_times(path: Path, *tables: str) -> None:
    with h5py.File(path, "r+") as file:
        for table in tables:
            rows = file[table][:]
            del file[table]
            file[table] = rows[[name for name in rows.dtype.names if name != "peak_time"]]


def test_images_without_a_channel_are_left_out_if_that_is_wanted(
    copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    without_peak_times(path, f"{IMAGES}/tel_003")
    told = f"{path}, table {IMAGES}/tel_003 has no column 'peak_time', which channels= asks for"
    with pytest.raises(DataError) as caught:
        open_dl1(path)
    assert str(caught.value) == told
    source = open_dl1(path, on_corrupt="skip")
    assert set(source.events["tel_id"].tolist()) == {1, 2, 4}
    assert len(source.read(np.arange(len(source.events)))) == 8
    assert f"left out: {told}" in caplog.text


def test_if_no_images_have_a_channel_that_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    without_peak_times(path, *(f"{IMAGES}/tel_00{number}" for number in (1, 2, 3, 4)))
    with pytest.raises(DataError, match="has no column 'peak_time', which channels= asks for"):
        open_dl1(path, on_corrupt="skip")


@pytest.mark.parametrize("table", [SHOWER, "/dl1/event/subarray/trigger", "/dl1/event/telescope/parameters/tel_002"])
def test_a_file_whose_events_are_damaged_is_left_out_if_that_is_wanted(
    copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    flip_a_byte(path, table)
    source = open_dl1(path, "gamma_prod6_za40_4lst", on_corrupt="skip")
    assert len(source.files) == 1
    assert len(source.read(np.arange(len(source.events)))) == 3
    assert f"left out: {path}, table {table}, rows 0 to" in caplog.text


def test_if_nothing_is_left_that_is_an_error(open_dl1: Open, tmp_path: Path) -> None:
    path = tmp_path / "text.h5"
    path.write_text("not HDF5")
    with pytest.raises(DataError, match="none of 1 files can be read"):
        open_dl1(path, on_corrupt="skip")


def test_an_event_that_is_simulated_twice_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        rows = file[SHOWER][:]
        rows["event_id"][1] = rows["event_id"][0]
        file[SHOWER][:] = rows
    assert message_of(open_dl1, path).endswith(f"table {SHOWER}: some (obs_id, event_id) stand there twice")


def test_a_missing_pointing_is_an_error_when_it_is_needed(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file["/configuration/telescope/pointing"]
    with pytest.raises(DataError, match=r"copy\.dl1\.h5 does not say where telescope 1 points to: none of /dl0"):
        open_dl1(path).read(np.arange(1))


def test_a_pointing_of_another_observation_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        table = file["/configuration/telescope/pointing/tel_002"]
        rows = table[:]
        rows["obs_id"] = 99
        table[:] = rows
    with pytest.raises(DataError, match="tel_002: no pointing for obs_id 8"):
        _ = open_dl1(path).events["pointing_alt"]


@pytest.mark.parametrize("table", ["subarray/layout", "telescope/optics", "telescope/camera/geometry_0"])
def test_a_file_that_does_not_describe_its_instrument_is_an_error(copy_of: Copy, open_dl1: Open, table: str) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file[f"/configuration/instrument/{table}"]
    assert f"has no table /configuration/instrument/{table}" in message_of(open_dl1, path)


def test_a_file_without_a_trigger_table_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file["/dl1/event/subarray/trigger"]
    assert "has no table /dl1/event/subarray/trigger" in message_of(open_dl1, path)


def test_images_that_do_not_fit_their_camera_are_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path, table = copy_of("gamma_4lst_lasercal"), "/configuration/instrument/telescope/camera/geometry_0"
    with h5py.File(path, "r+") as file:
        rows, attributes = file[table][:-5], dict(file[table].attrs)
        del file[table]
        file.create_dataset(table, data=rows).attrs.update(attributes)
    assert "images have 1855 pixels, but the camera of telescope 1 has 1850" in message_of(open_dl1, path)


def test_images_of_a_telescope_that_the_layout_lacks_are_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        for group in (IMAGES, PARAMETERS):
            file.move(f"{group}/tel_004", f"{group}/tel_104")
    assert f"table {IMAGES}/tel_104: the subarray's layout does not have telescope 104" in message_of(open_dl1, path)


def test_a_file_without_any_image_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        for group in (IMAGES, PARAMETERS):
            for name in list(file[group]):
                del file[group][name]
    with pytest.raises(DataError, match="no telescope has images in"):
        open_dl1(path)


@pytest.mark.parametrize(("params", "error"), [({}, DataError), ({"cameras": "zzz"}, SettingsError)])
def test_no_file_stays_open_after_an_error(
    copy_of: Copy, open_dl1: Open, tmp_path: Path, params: dict[str, str], error: type[Exception]
) -> None:
    good, bad = copy_of("gamma_4lst_lasercal"), tmp_path / "bad.h5"
    bad.write_text("not HDF5")
    with pytest.raises(error) as caught:
        open_dl1(good, *([] if params else [bad]), **params)
    with h5py.File(good, "r+"):  # which fails while the file is open anywhere, and `caught` keeps everything alive
        assert caught.value


def test_a_file_that_is_refused_is_closed(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file[IMAGES]
    with pytest.raises(DataError) as caught:
        open_dl1(path)
    with h5py.File(path, "r+"):
        assert caught.value

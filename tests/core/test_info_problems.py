"""Problems that ``gammalearn info`` finds: errors keep ``core.dl1`` from reading a file, all else is a warning."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest

from gammalearn_core import DataError
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.inspecting.describing import describe
from gammalearn_core.inspecting.events import first_rows
from gammalearn_core.inspecting.records import FileInfo

Copy = Callable[..., Path]
Find = Callable[[str], Path]
Open = Callable[..., DL1Source]

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
LAYOUT = "/configuration/instrument/subarray/layout"
RUN = "/configuration/simulation/run"


def told(info: FileInfo) -> list[tuple[str, str]]:
    return [(p.severity, p.what) for p in info.problems]


def change(path: Path, table: str, column: str, row: int | slice, value: Any) -> None:
    """Write other values to a column."""
    with h5py.File(path, "r+") as h5:
        rows = h5[table][:]
        rows[column][row] = value
        h5[table][:] = rows


def delete(path: Path, node: str) -> None:
    with h5py.File(path, "r+") as h5:
        del h5[node]


def flip_a_byte(path: Path, table: str, number: int = 0) -> None:
    """Damage a chunk of a table."""
    with h5py.File(path) as h5:
        chunk = h5[table].id.get_chunk_info(number)
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 0xFF]))


# Files that are not what they should be.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"not HDF5", "is not HDF5"),
        (b"\x1f\x8b\x08", "is not HDF5: it is compressed with gzip; unpack it"),
        (b"SIMPLE  =                    T", "is a FITS file"),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of git-lfs: run git lfs pull"),
    ],
)
def test_what_is_no_hdf5_is_told_apart(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.h5"
    path.write_bytes(content)
    assert told(describe(path)) == [("error", message)]


def test_a_simtel_file_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "gamma.simtel.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    assert told(describe(path)) == [("error", "is a sim_telarray file: run ctapipe-process with --write-images")]


def test_a_missing_file_is_told_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "gamma.h5").touch()
    assert told(describe(tmp_path / "gama.h5")) == [("error", "is not there, did you mean 'gamma.h5'?")]
    assert told(describe(tmp_path / "none" / "gama.h5")) == [("error", "is not there")]


def test_a_folder_is_told_to_be_one(tmp_path: Path) -> None:
    assert told(describe(tmp_path)) == [("error", f"is a folder: name files, such as '{tmp_path}/*.h5'")]


def test_a_link_to_nothing_is_told_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to("gone.h5")
    assert told(describe(tmp_path / "link.h5")) == [("error", "is a link to gone.h5, which is not there")]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")
    assert told(describe(tmp_path / "pipe.h5")) == [("error", "is not a file")]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_told_to_be_one(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    path.chmod(0)
    assert told(describe(path)) == [("error", "cannot be read: Permission denied")]


@pytest.mark.parametrize("part", [0.1, 0.9])
def test_a_truncated_file_is_told_to_be_one(copy_of: Copy, part: float) -> None:
    path = copy_of("gamma_4lst_lasercal")
    os.truncate(path, int(path.stat().st_size * part))
    assert told(describe(path)) == [("error", "is truncated: it ends too early; copy the file again")]


def test_hdf5_of_another_kind_is_told_to_be_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as h5:
        h5["x"] = np.arange(10)
    info = describe(tmp_path / "other.h5")
    ((severity, what),) = told(info)
    assert (severity, info.format, info.events, info.cameras) == ("error", None, None, [])
    assert what.startswith("is HDF5, but not DL1")


def test_an_unknown_data_model_is_an_error_and_the_rest_is_described(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        h5.attrs["CTA PRODUCT DATA MODEL VERSION"] = np.bytes_("v9.0.0")
    info = describe(path)
    ((severity, what),) = told(info)
    assert (severity, what[:34]) == ("error", "is written in data model v9.0.0; t")
    assert (info.data_model, info.particles, info.images) == ("v9.0.0", {"gamma": 3}, 10)


# Verdicts are those of the loader.


@pytest.mark.parametrize("table", [LAYOUT, TRIGGER, IMAGES, "/configuration/telescope"])
def test_what_the_loader_needs_is_an_error_if_it_is_not_there(copy_of: Copy, open_dl1: Open, table: str) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    delete(path, table)
    assert [severity for severity, _ in told(describe(path))] == ["error"]
    with pytest.raises(DataError):
        read(open_dl1(path, level="subarray"))


@pytest.mark.parametrize("table", [SHOWER, PARAMETERS, RUN, "/dl1/event/telescope/trigger"])
def test_what_the_loader_does_not_need_is_no_error(copy_of: Copy, open_dl1: Open, table: str) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    delete(path, table)
    assert describe(path).usable
    read(open_dl1(path, level="subarray"))


@pytest.mark.parametrize("table", [SHOWER, TRIGGER, LAYOUT, RUN, f"{PARAMETERS}/tel_002"])
def test_a_damaged_table_is_an_error_and_the_rest_is_described(copy_of: Copy, table: str) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    flip_a_byte(path, table)
    info = describe(path)
    assert {(p.severity, p.table) for p in info.problems} == {("error", table)}
    assert (info.format, info.storage is not None) == ("ctapipe", True)
    assert info.particles == ({} if table in (SHOWER, TRIGGER) else {"gamma": 2})


def read(source: DL1Source) -> None:
    for name in source.events.names:
        _ = source.events[name]
    source.read(np.arange(len(source.events)))


def test_an_event_that_was_simulated_twice_is_an_error(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path) as h5:
        event = h5[SHOWER][0]["event_id"]
    change(path, SHOWER, "event_id", 1, event)
    ((severity, what),) = [t for t in told(describe(path)) if "repeated" in t[1]]
    assert (severity, what) == ("error", "(obs_id, event_id) are repeated in 1 row")


def test_an_event_that_triggered_twice_is_counted_once_with_a_warning(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path) as h5:
        event = h5[TRIGGER][0]["event_id"]
    change(path, TRIGGER, "event_id", 1, event)
    info = describe(path)
    assert ("warning", "(obs_id, event_id) are repeated in 1 row") in told(info)
    assert (info.usable, info.events, info.particles) == (True, 2, {"gamma": 2})


def test_repetitions_are_found_wherever_they_stand() -> None:
    ids = np.array([[1, 7], [1, 8], [2, 7], [1, 7], [2, 7]])
    assert first_rows(ids).tolist() == [0, 1, 2]
    assert first_rows(ids[:0]).tolist() == []


# Warnings.


def test_a_missing_effective_focal_length_is_a_warning(find: Find, caplog: pytest.LogCaptureFixture) -> None:
    info = describe(find("gamma_prod3_large_trunc"))
    what = "no effective focal length for ASTRI, LST, MST, using the equivalent one"
    assert (told(info), caplog.records) == ([("warning", what)], [])


def test_calibration_events_are_a_warning(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, TRIGGER, "event_type", 0, 2)
    info = describe(path)
    ((severity, what),) = told(info)
    assert (severity, what[1:]) == ("warning", " images of calibration events are left out")
    assert info.images == 10


def test_calibration_events_need_no_truth(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path) as h5:
        event = h5[TRIGGER][0]["event_id"]
        (row,) = np.flatnonzero(h5[SHOWER]["event_id"] == event)
    change(path, TRIGGER, "event_type", 0, 2)
    change(path, SHOWER, "event_id", row, 77_777)
    info = describe(path)
    assert [what[1:] for _, what in told(info)] == [" images of calibration events are left out"]
    assert info.particles == {"gamma": 2}


def test_a_file_of_calibration_events_alone_is_an_error(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, TRIGGER, "event_type", slice(None), 2)
    assert ("error", "all images are of calibration events") in told(describe(path))


@pytest.mark.parametrize("name", ["image_mask", "peak_time"])
def test_a_missing_channel_is_a_warning(copy_of: Copy, name: str) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        for key in list(h5[IMAGES]):
            rows = h5[f"{IMAGES}/{key}"][:]
            kept = np.empty(len(rows), dtype=[(n, rows.dtype[n]) for n in rows.dtype.names if n != name])
            for column in kept.dtype.names or ():
                kept[column] = rows[column]
            del h5[f"{IMAGES}/{key}"]
            h5[f"{IMAGES}/{key}"] = kept
    info = describe(path)
    assert told(info) == [("warning", f"10 images without {name!r}: leave it out of channels=")]
    assert name not in info.columns["channels"]


def test_events_without_truth_are_a_warning(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, SHOWER, "event_id", 1, 77_777)
    info = describe(path)
    assert (told(info), info.events, info.particles) == ([("warning", "1 event without truth")], 3, {"gamma": 2})


@pytest.mark.parametrize("name", ["true_energy", "true_alt", "true_core_x"])
def test_truth_that_is_not_finite_is_a_warning(copy_of: Copy, name: str) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    change(path, SHOWER, name, 1, np.nan)
    assert told(describe(path)) == [("warning", f"1 event with a {name} that is not finite")]


def test_an_energy_of_zero_is_a_warning(copy_of: Copy) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    change(path, SHOWER, "true_energy", 0, 0.0)
    assert told(describe(path)) == [("warning", "1 event with a true_energy of 0 or less")]


def test_a_telescope_that_the_layout_lacks_is_an_error_that_names_it(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, LAYOUT, "tel_id", 2, 33)
    what = f"table {IMAGES}/tel_003: the subarray's layout does not have telescope 3"
    assert told(describe(path)) == [("error", what)]


def test_geometries_that_share_a_name_are_a_warning_that_tells_them_apart(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    change(path, LAYOUT, "camera_name", slice(None), b"Cam")
    info = describe(path)
    names = [c.name for c in info.cameras]
    assert len(set(names)) == 2
    listed = " and ".join(map(repr, names))
    what = f"2 geometries are called 'Cam'; cameras= tells them apart as {listed}"
    assert told(info) == [("warning", what)]
    assert len(open_dl1(path, cameras=names[1]).events) == info.cameras[1].images


def test_images_that_are_there_twice_are_an_error(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path) as h5:
        event = h5[f"{IMAGES}/tel_001"][0]["event_id"]
    for folder in (IMAGES, PARAMETERS):
        change(path, f"{folder}/tel_001", "event_id", 1, event)
    what = f"table {IMAGES}/tel_001: event {event} of obs_id 8 stands there twice"
    assert told(describe(path)) == [("error", what)]


def test_without_parameters_the_pointing_is_checked_only_when_everything_is_read(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    delete(path, PARAMETERS)
    info = describe(path)
    assert [severity for severity, _ in told(info)] == ["warning"]
    assert info.altitude is None
    assert describe(path, everything=True).altitude == pytest.approx((70, 70), abs=0.1)


# Care.


def test_pickles_in_attributes_are_not_executed(copy_of: Copy, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "executed",)

    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        for node in (h5, h5[TRIGGER], h5[f"{IMAGES}/tel_001"]):
            node.attrs["TITLE"] = np.void(pickle.dumps(Evil()))
        h5.attrs["CTA PRODUCT DATA MODEL VERSION"] = np.void(pickle.dumps(Evil()))
    describe(path, everything=True)
    assert not (tmp_path / "executed").exists()


def test_a_file_is_neither_changed_nor_locked(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    before = path.read_bytes(), path.stat().st_mtime_ns

    def lock(table: str) -> None:
        with path.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    describe(path, everything=True, progress=lock)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_links_are_not_followed_to_other_files_or_in_circles(copy_of: Copy, tmp_path: Path) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(tmp_path / "other.h5", "w") as h5:
        h5["table"] = np.arange(3)
    tables = describe(path).storage
    with h5py.File(path, "r+") as h5:
        h5["/dl1/circle"] = h5["/dl1"]
        h5["/dl1/soft"] = h5py.SoftLink("/nowhere")
        h5["/dl1/far"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/table")
    info = describe(path, everything=True)
    assert (info.problems, info.storage) == ([], tables)


@pytest.mark.parametrize(
    ("shape", "how", "what"),
    [
        ((2**40, 3), {"chunks": (64, 2)}, "it is 1099511627776 rows long, but has data for 0 at most"),
        ((2**40,), {"chunks": (64,)}, "it is 1099511627776 rows long, but has data for 0 at most"),
        ((2**40, 2, 2), {}, "it is 1099511627776 rows long, but has data for 0 at most"),
        ((2**10, 2**10, 2**10), {"chunks": (2**9, 2**10, 2**10), "compression": "gzip"}, "it has chunks of 4.3 GB"),
    ],
)
def test_an_array_without_its_data_is_told_and_not_read(
    copy_of: Copy, shape: tuple[int, ...], how: dict[str, Any], what: str
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("/more/array", shape, "f8", **how)
    info = describe(path, everything=True)
    assert ("warning", f"table /more/array is damaged: {what}") in told(info)
    assert info.usable
    assert info.images == 10


def test_an_array_in_another_file_is_told_and_not_read(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("/more/array", (5, 2), "f8", external=[("/dev/zero", 0, 80)])
    what = "table /more/array has its data in another file; copy them into this one"
    assert ("warning", what) in told(describe(path, everything=True))


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((), None), ((0,), None), ((5, 0), None), ((7, 5), None), ((7,), (2,)), ((7, 5), (2, 2)), ((7, 5, 3), (4, 2, 2))],
)
def test_arrays_with_all_their_data_are_no_problem(
    copy_of: Copy, shape: tuple[int, ...], chunks: tuple[int, ...] | None
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    before = told(describe(path))
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("/more/array", data=np.ones(shape), chunks=chunks)
    assert told(describe(path)) == before


def test_a_table_without_its_data_is_an_error_that_is_told_once(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        h5[SHOWER].resize((2**40,))
    errors = [what for severity, what in told(describe(path, everything=True)) if severity == "error"]
    assert errors == [f"table {SHOWER} is damaged: it is {2**40} rows long, but has data for 780 at most"]

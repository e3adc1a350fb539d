"""Events of several telescopes as ``core.dl1`` reads them: whose images they have, and what is not as it should be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from numpy.typing import NDArray
from runs import TESTS
from runs import write_settings

from gammalearn_core import DataError
from gammalearn_core import SettingsError
from gammalearn_core.api import Batch
from gammalearn_core.builtin.filters.membership import Telescopes
from gammalearn_core.builtin.filters.multiplicity import Multiplicity
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.images import event_blocks
from gammalearn_core.cli import main
from gammalearn_core.data.selection import Cut
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.sky import separation
from gammalearn_core.data.table import EventTable

Copy = Callable[..., Path]
Find = Callable[[str], Path]
Open = Callable[..., DL1Source]
Whole = Callable[[DL1Source], Batch]

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
LAYOUT = "/configuration/instrument/subarray/layout"
POINTING = "/configuration/telescope/pointing"
SHOWER = "/simulation/event/subarray/shower"
CHUNK = 32


def change(path: Path, table: str, **columns: Any) -> None:
    """Set columns of a table."""
    with h5py.File(path, "r+") as file:
        rows = file[table][:]
        for name, values in columns.items():
            rows[name] = values
        file[table][:] = rows


def remove(path: Path, *names: str) -> None:
    with h5py.File(path, "r+") as file:
        for name in names:
            del file[name]


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def seen(batch: Batch) -> dict[int, list[int]]:
    """Telescopes of each event."""
    found: dict[int, list[int]] = {row: [] for row in range(len(batch))}
    for images in batch.images.values():
        for event, telescope in zip(images.event.tolist(), images.telescope.tolist(), strict=True):
            found[event].append(telescope)
    return {row: sorted(telescopes) for row, telescopes in found.items()}


# Identity.


def test_events_of_two_files_that_have_the_same_numbers_stay_two(copy_of: Copy, open_dl1: Open, whole: Whole) -> None:
    name = "gamma_prod4_sst1m"
    other = copy_of(name)
    energy = 2 * open_dl1(name, level="subarray").events["true_energy"]
    with h5py.File(other, "r+") as file:
        table = file[SHOWER]
        rows = table[:]
        rows["true_energy"] *= 2
        rows["true_shower_primary_id"] = 101
        table[:] = rows
    one, both = (open_dl1(*files, level="subarray") for files in ((name,), (name, other)))
    n = len(one.events)
    assert len(both.events) == 2 * n
    assert both.events["event_id"].tolist() == 2 * one.events["event_id"].tolist()
    np.testing.assert_array_equal(both.events.multiplicity, np.tile(one.events.multiplicity, 2))
    np.testing.assert_allclose(both.events["true_energy"][n:], energy)
    assert both.events["true_shower_primary_id"].tolist() == [0] * n + [101] * n
    (images,) = whole(both).images.values()
    (single,) = whole(one).images.values()
    assert (images.pixels[: len(single)] == single.pixels).all()
    assert (images.pixels[len(single) :] == single.pixels).all()
    assert (images.event[len(single) :] == single.event + n).all()


def test_a_production_that_was_processed_by_two_versions_is_two(open_dl1: Open) -> None:
    files = [TESTS / f"gamma_diffuse_prod6_ctapipe_{version}.dl1.h5" for version in ("0.17.0", "0.19.3", "0.23.2")]
    apart = [len(open_dl1(path, level="subarray").events) for path in files]
    events = open_dl1(*files, level="subarray").events
    assert len(events) == sum(apart) == 6
    assert len(np.unique(np.column_stack([events["obs_id"], events["event_id"]]), axis=0)) == 2


# Which telescopes.


def test_an_event_of_one_telescope_and_one_of_26_are_in_one_batch(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_mono_trigger", level="subarray")
    assert sorted(map(len, seen(whole(source)).values())) == [1, 3, 4, 22, 26]
    alone = source.read(np.flatnonzero(source.events.multiplicity == 1))
    assert {key: len(images) for key, images in alone.images.items()} in ({"NectarCam": 1}, {"LSTcam": 1})


def test_multiplicities_are_cut_by_type_and_by_camera(open_dl1: Open) -> None:
    source = open_dl1("gamma_test", level="subarray")
    images = source.events.images
    event = np.repeat(np.arange(len(source.events)), source.events.multiplicity)
    assert set(images["tel_type"]) == {"LST", "MST", "SST"}
    assert set(images["camera"]) == set(source.inputs.cameras)
    counts = {
        name: np.bincount(event[images[column] == name], minlength=len(source.events))
        for column, name in (("tel_type", "LST"), ("tel_type", "MST"), ("camera", "SCTCam"))
    }
    wanted = (counts["MST"] >= 2) & (counts["SCTCam"] >= 1)
    assert 0 < wanted.sum() < len(wanted)
    assert Multiplicity(types={"MST": 2, "SCTCam": 1})(source.events).tolist() == wanted.tolist()
    assert Multiplicity(types={"mst": 2, "sctcam": 1})(source.events).tolist() == wanted.tolist()
    both = Multiplicity(minimum=4, types={"LST": 1})(source.events)
    assert both.tolist() == ((source.events.multiplicity >= 4) & (counts["LST"] >= 1)).tolist()
    assert 0 < both.sum() < np.count_nonzero(counts["LST"])


def test_types_are_counted_after_images_were_cut(open_dl1: Open) -> None:
    source = open_dl1("gamma_test", level="subarray")
    images = source.events.images
    lst = sorted(set(images["tel_id"][images["tel_type"] == "LST"].tolist()))
    others = sorted(set(images["tel_id"].tolist()) - set(lst[1:]))
    cuts: list[Cut] = [("one", "image", Telescopes(others)), ("lst", "event", Multiplicity(types={"LST": 1}))]
    left = Selected(source, cuts).events
    assert sorted(left["event_id"]) == sorted(images["event_id"][images["tel_id"] == lst[0]])
    assert len(left) < np.count_nonzero(Multiplicity(types={"LST": 1})(source.events))


def test_a_type_that_no_telescope_has_is_told(open_dl1: Open, caplog: pytest.LogCaptureFixture) -> None:
    events = open_dl1("gamma_test", level="subarray").events
    assert not Multiplicity(types={"NectarCma": 1})(events).any()
    assert "no telescope or camera with images is called 'NectarCma', did you mean 'NectarCam'" in told(caplog)
    assert not Multiplicity(types={"X": 1})(events).any()
    assert "there are CHEC, LST, LSTCam, MST, NectarCam, SCTCam, SST" in told(caplog)


@pytest.mark.parametrize("types", [{"LST": 0}, {"LST": 1.5}, {"LST": True}, {1: 1}, {"LST": "2"}])
def test_numbers_of_types_are_checked(types: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"types: wanted names and numbers from 1 on, such as \{'LST': 2\}"):
        Multiplicity(types=types)


def test_types_at_telescope_level_are_a_problem_of_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path, filters="[ref('core.multiplicity', types={'MST': 2})]")
    assert main(["check", str(settings), "--build"]) == 2
    assert "types are counted at level='subarray': at telescope level a sample is one image" in capsys.readouterr().err


def test_texts_are_no_columns_of_a_network(open_dl1: Open) -> None:
    with pytest.raises(SettingsError, match="'tel_type' is a text, and networks take numbers"):
        open_dl1("gamma_test", level="subarray", columns=["tel_type"])


def test_a_selected_telescope_that_saw_nothing_is_in_no_event(
    copy_of: Copy, open_dl1: Open, whole: Whole, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    remove(path, f"{IMAGES}/tel_002", f"{PARAMETERS}/tel_002")
    batch = whole(open_dl1(path, level="subarray", telescopes=[1, 2]))
    assert set(map(tuple, seen(batch).values())) == {(1,)}
    assert f"telescope 2 has no images in {path}" in told(caplog)
    with pytest.raises(SettingsError, match="telescope 77 has no images in the chosen cameras"):
        open_dl1(path, level="subarray", telescopes=[1, 77])


def test_a_selected_telescope_of_another_camera_is_an_error(open_dl1: Open) -> None:
    images = open_dl1("gamma_test", level="subarray").events.images
    lst = int(images["tel_id"][images["tel_type"] == "LST"][0])
    with pytest.raises(SettingsError, match=f"telescope {lst} has no images in the chosen cameras"):
        open_dl1("gamma_test", level="subarray", cameras="NectarCam", telescopes=[lst])


# What is not there.


def test_a_telescope_that_triggered_without_an_image_is_missing_in_its_events_only(
    copy_of: Copy, open_dl1: Open, whole: Whole
) -> None:
    before = open_dl1("gamma_4lst_lasercal", level="subarray")
    path = copy_of("gamma_4lst_lasercal")
    remove(path, f"{IMAGES}/tel_003", f"{PARAMETERS}/tel_003")
    after = open_dl1(path, level="subarray")
    wanted = {row: [t for t in telescopes if t != 3] for row, telescopes in seen(whole(before)).items()}
    assert seen(whole(after)) == {row: telescopes for row, telescopes in wanted.items() if telescopes}
    assert after.events["multiplicity"].tolist() == before.events["multiplicity"].tolist()
    assert (after.events.multiplicity < before.events.multiplicity).any()


def test_images_whose_table_is_lost_are_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    remove(path, f"{IMAGES}/tel_003")
    with pytest.raises(DataError, match=r"DL1 parameters of tel_003, but no images: the table .*tel_003 is lost"):
        open_dl1(path, level="subarray")


def test_a_camera_that_is_not_described_is_an_error(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, LAYOUT, camera_index=[0, 0, 7, 0])
    with pytest.raises(DataError, match="has no table /configuration/instrument/telescope/camera/geometry_7"):
        open_dl1(path, level="subarray")


# Where telescopes stand, and where they point to.


def test_telescopes_that_have_moved_between_files_are_told_and_stand_where_their_file_says(
    copy_of: Copy, open_dl1: Open, whole: Whole, caplog: pytest.LogCaptureFixture
) -> None:
    name = "gamma_4lst_lasercal"
    path = copy_of(name)
    with h5py.File(path) as file:
        x = file[LAYOUT]["pos_x"]
    moved = x + np.array([0.0, 0.5, 120.0, 30.0], dtype=x.dtype)
    change(path, LAYOUT, pos_x=moved)
    (images,) = whole(open_dl1(name, path, level="subarray")).images.values()
    half = len(images) // 2
    for place, known in ((images.position[:half], x), (images.position[half:], moved)):
        np.testing.assert_allclose(place[:, 0], known[images.telescope[:half].numpy() - 1])
    (line,) = [line for line in told(caplog).splitlines() if "stands" in line]
    assert line.startswith("telescope 3 stands 120 m apart in ")
    assert "both describe an array called 'MonteCarloArray' (so do 2 telescopes in all)" in line


def test_files_of_one_array_or_of_arrays_of_other_names_are_not_told(
    copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture
) -> None:
    name = "gamma_4lst_lasercal"
    path = copy_of(name)
    open_dl1(name, path, level="subarray").close()
    with h5py.File(path, "r+") as file:
        file[LAYOUT].attrs["name"] = np.bytes_("another")
        rows = file[LAYOUT][:]
        rows["pos_x"] += 500
        file[LAYOUT][:] = rows
    open_dl1(name, path, level="subarray")
    assert "stands" not in told(caplog)


def test_telescopes_that_point_to_one_direction_give_it_to_their_events(open_dl1: Open) -> None:
    events = open_dl1("gamma_4lst_lasercal", level="subarray").events
    assert set(zip(events["pointing_alt"], events["pointing_az"], strict=True)) == {
        (events.images["pointing_alt"][0], events.images["pointing_az"][0])
    }


def point(path: Path, telescope: int, alt: float, az: float) -> None:
    """Have a telescope point elsewhere."""
    change(
        path,
        f"{POINTING}/tel_{telescope:03d}",
        telescope_pointing_altitude=np.radians(alt),
        telescope_pointing_azimuth=np.radians(az),
    )


def test_events_of_telescopes_that_point_differently_have_the_pointing_of_the_array(
    copy_of: Copy, open_dl1: Open, whole: Whole
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    for telescope, (alt, az) in enumerate([(71, 0), (69, 0), (70, 2.5), (70, -2.5)], start=1):
        point(path, telescope, alt, az)
    source = open_dl1(path, level="subarray")
    events, batch = source.events, whole(source)
    # Of all four, also for the event that two of them saw.
    assert sorted(events.multiplicity.tolist()) == [2, 4, 4]
    assert separation(events["pointing_az"], events["pointing_alt"], 0.0, 70.0).max() < 0.02
    assert np.ptp(events["pointing_alt"]) < 1e-9
    assert (np.asarray(events["pointing_az"]) % 360 < 0.01).all() or (events["pointing_az"] > 359.99).all()
    np.testing.assert_array_equal(batch.events["pointing_alt"], events["pointing_alt"])
    (images,) = batch.images.values()
    of_third = images.pointing[images.telescope == 3].numpy()
    np.testing.assert_allclose(of_third, np.broadcast_to([70.0, 2.5], of_third.shape), atol=1e-5)


def test_another_file_whose_telescopes_are_parallel_keeps_its_pointing(copy_of: Copy, open_dl1: Open) -> None:
    name = "gamma_4lst_lasercal"
    path = copy_of(name)
    point(path, 1, 75.0, 180.0)
    both, one = (open_dl1(*files, level="subarray").events for files in ((path, name), (name,)))
    np.testing.assert_array_equal(both["pointing_alt"][len(one) :], one["pointing_alt"])
    assert (both["pointing_alt"][: len(one)] != one["pointing_alt"]).all()


# How it is read.


def stereo_events(n: int, telescopes: int, *, seed: int = 0) -> tuple[EventTable, NDArray[np.bool_]]:
    """A table of events that some telescopes saw, two at least, and which did."""
    rng = np.random.default_rng(seed)
    saw = rng.random((n, telescopes)) < 0.6
    saw[:, :2] |= ~(saw.sum(axis=1) > 1)[:, None]
    offsets = np.concatenate([[0], np.cumsum(saw.sum(axis=1))]).astype(np.int64)
    images = EventTable({}, int(offsets[-1]))
    return EventTable({"file": np.zeros(n, dtype=np.int64)}, n, offsets=offsets, images=images), saw


@pytest.mark.parametrize(("capacity", "most"), [(20_000, 1.15), (8_000, 1.25), (100, 1.6)])
def test_blocks_of_events_are_slices_of_tables_that_share_few_chunks(capacity: int, most: float) -> None:
    events, saw = stereo_events(20_000, 4)
    starts = event_blocks(events, np.array([4]), np.array([CHUNK]), capacity=capacity)
    assert (starts[0], starts[-1]) == (0, len(events))
    row = np.cumsum(saw, axis=0) - 1
    decoded = sum(
        len(np.unique(row[begin:end, telescope][saw[begin:end, telescope]] // CHUNK))
        for begin, end in pairwise(starts)
        for telescope in range(4)
    )
    assert decoded <= most * np.sum(saw.sum(axis=0) / CHUNK)
    # A window, a sixteenth of half of the memory, has room for a block, unless memory is hardly more than that.
    assert np.diff(starts).max() <= max(capacity / 32 + 1, 64 * 4 / saw.sum(axis=1).mean() + 1)


def test_each_chunk_is_decoded_once_when_the_set_fits(
    open_dl1: Open, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_dl1("gamma_mono_trigger", level="subarray")
    decoded: list[tuple[str, int]] = []
    (file,) = source.files
    chunk = file.chunk

    def counted(table: ImageTable, number: int) -> Callable[[], NDArray[Any]]:
        decoded.append((table.layout.path, number))
        return chunk(table, number)

    monkeypatch.setattr(file, "chunk", counted)
    whole(source)
    whole(source)
    assert len(decoded) == len(set(decoded)) == sum(table.layout.chunks for table in file.images)


@pytest.fixture(autouse=True)
def _warnings_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

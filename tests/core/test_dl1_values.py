"""What ``core.dl1`` makes of the values in a file: truth, pixels without a value, fixed point, blocks and memory."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables
import torch
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.api import Batch
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Copy = Callable[..., Path]
Find = Callable[[str], Path]
Open = Callable[..., DL1Source]
Whole = Callable[[DL1Source], Batch]

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
SHOWER = "/simulation/event/subarray/shower"


def rewrite(file: h5py.File, path: str, rows: NDArray[np.void]) -> h5py.Dataset:
    """A table with other rows but the same attributes."""
    attributes = dict(file[path].attrs)
    del file[path]
    table = file.create_dataset(path, data=rows, chunks=(4,), maxshape=(None,), fletcher32=True)
    table.attrs.update(attributes)
    return table


def change(path: Path, table: str, **values: object) -> None:
    """Set columns of a table in place."""
    with h5py.File(path, "r+") as file:
        rows = file[table][:]
        for name, value in values.items():
            rows[name] = value
        file[table][:] = rows


def test_truth_is_found_by_id_and_not_by_position(find: Find, copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_prod4_sst1m")
    with h5py.File(path, "r+") as file:
        rows = file[SHOWER][:]
        rewrite(file, SHOWER, rows[np.random.default_rng(1).permutation(len(rows))])
    before, after = (open_dl1(p).events for p in (find("gamma_prod4_sst1m"), path))
    for name in ("true_energy", "true_alt", "true_core_x", "true_shower_primary_id"):
        np.testing.assert_array_equal(after[name], before[name])


def test_truth_is_that_of_the_event(find: Find, open_dl1: Open) -> None:
    events = open_dl1("gamma_prod4_sst1m").events
    with h5py.File(find("gamma_prod4_sst1m")) as file:
        energy = {int(row["event_id"]): float(row["true_energy"]) for row in file[SHOWER][:]}
    assert events["true_energy"].tolist() == [energy[int(e)] for e in events["event_id"]]


def test_an_event_that_is_not_in_the_shower_table_has_no_truth(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        rewrite(file, SHOWER, file[SHOWER][:][[0, 2]])
    events = open_dl1(path, level="subarray").events
    assert np.isnan(events["true_energy"]).tolist() == [False, True, False]
    assert events["true_shower_primary_id"].tolist() == [0, -1, 0]


def test_a_file_without_showers_is_read_and_has_no_truth(copy_of: Copy, open_dl1: Open, whole: Whole) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        del file["/simulation"]
    source = open_dl1(path)
    assert len(whole(source)) == 10
    assert not [n for n in source.events.names if n.startswith("true_")]


def test_a_telescope_without_a_table_costs_no_image_of_the_others(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        lost = len(file[IMAGES]["tel_002"])
        del file[IMAGES]["tel_002"], file[PARAMETERS]["tel_002"]
    assert lost > 0
    assert len(open_dl1(path, level="subarray").events.images) == 10 - lost


def test_a_table_without_rows_is_no_camera(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    lst = set(open_dl1("gamma_diffuse_prod6_run10", cameras="LST").events["tel_id"].tolist())
    with h5py.File(path, "r+") as file:
        for telescope in lst:
            for group in (IMAGES, PARAMETERS):
                rewrite(file, table := f"{group}/tel_{telescope:03d}", file[table][:0])
    assert len(lst) > 0
    assert list(open_dl1(path).inputs.cameras) == ["MSTx-NectarCam"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_without_a_value_becomes_0_in_all_channels(copy_of: Copy, open_dl1: Open, value: float) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        rows = file[IMAGES]["tel_001"][:]
        rows["image"][1, 5] = value
        rows["image_mask"][1, 5] = 1
        rows["peak_time"][1, 5] = 7
        file[IMAGES]["tel_001"][:] = rows
    channels = ["valid", "image", "peak_time", "image_mask"]
    pixels = open_dl1(path, telescopes=[1], channels=channels).read(np.arange(3)).mono.pixels
    assert pixels.isfinite().all()
    assert pixels[1, :, 5].tolist() == [0, 0, 0, 0]
    assert pixels[:, 0].sum() == pixels[:, 0].numel() - 1


def test_pixels_without_a_value_are_counted_in_a_warning_that_names_the_file(
    copy_of: Copy, open_dl1: Open, whole: Whole, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        rows = file[IMAGES]["tel_001"][:]
        rows["image"][1, [5, 6]] = np.nan
        rows["peak_time"][0, 9] = np.nan
        file[IMAGES]["tel_001"][:] = rows
    source = open_dl1(path, buffer_mb=0)
    for _ in range(3):
        assert whole(source).mono.pixels.isfinite().all()
    source.close()
    assert [r.getMessage() for r in caplog.records] == [f"{path}: 3 pixels have no finite value; they became 0"]


def test_a_file_in_which_all_pixels_have_values_gives_no_warning(
    open_dl1: Open, whole: Whole, caplog: pytest.LogCaptureFixture
) -> None:
    source = open_dl1("gamma_4lst_lasercal")
    whole(source)
    source.close()
    assert not caplog.records


def test_images_that_are_marked_as_invalid_are_used_with_a_warning(
    copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, f"{IMAGES}/tel_001", is_valid=[1, 0, 1])
    source = open_dl1(path, telescopes=[1])
    assert source.read(np.arange(3)).events["event_id"].tolist() == [100, 101, 104]
    source.close()
    assert f"{path}: 1 images are marked as not valid; they are used" in caplog.text


def test_calibration_events_are_left_out(copy_of: Copy, open_dl1: Open, caplog: pytest.LogCaptureFixture) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, "/dl1/event/subarray/trigger", event_type=[32, 2, 32])
    assert open_dl1(path, level="subarray").events["event_id"].tolist() == [100, 104]
    assert f"{path}: 4 images of calibration events are left out" in caplog.text


@pytest.mark.parametrize("kind", [16, 17, 18, 32, 33, 255])
def test_events_that_are_no_calibration_are_kept(copy_of: Copy, open_dl1: Open, kind: int) -> None:
    path = copy_of("gamma_4lst_lasercal")
    change(path, "/dl1/event/subarray/trigger", event_type=[32, kind, 2])
    assert open_dl1(path, level="subarray").events["event_type"].tolist() == [32, kind]


def test_images_without_a_trigger_are_kept(copy_of: Copy, open_dl1: Open) -> None:
    path, trigger = copy_of("gamma_4lst_lasercal"), "/dl1/event/subarray/trigger"
    with h5py.File(path, "r+") as file:
        rewrite(file, trigger, file[trigger][:0])
    events = open_dl1(path, level="subarray").events
    assert len(events) == 3
    assert set(events["event_type"].tolist()) == set(events["multiplicity"].tolist()) == {-1}


def test_fixed_point_numbers_are_decoded(copy_of: Copy, open_dl1: Open) -> None:
    """The attributes are those that ctapipe 0.28.0 writes for FixedPointColumnTransform(10, 5, float32, int32)."""
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        rows = file[IMAGES]["tel_001"][:]
        dtype = [(n, np.int32, (1855,)) if n == "image" else (n, rows.dtype[n]) for n in rows.dtype.names]
        coded = np.empty(len(rows), dtype=dtype)
        for name in set(rows.dtype.names) - {"image"}:
            coded[name] = rows[name]
        coded["image"] = np.round(rows["image"] * 10) + 5
        coded["image"][0, :4] = [2**31 - 1, -(2**31), -(2**31) + 1, 25]
        table = rewrite(file, f"{IMAGES}/tel_001", coded)
        facts: dict[str, object] = {"TRANSFORM": np.bytes_(b"fixed_point"), "TRANSFORM_DTYPE": np.bytes_(b"float32")}
        facts |= {"TRANSFORM_SCALE": 10, "TRANSFORM_OFFSET": 5}
        facts |= {"NAN_VALUE": -(2**31) + 1, "POSINF_VALUE": 2**31 - 1, "NEGINF_VALUE": -(2**31)}
        table.attrs.update({f"CTAFIELD_3_{key}": value for key, value in facts.items()})
    batch = open_dl1(path, telescopes=[1], channels=["image", "valid"]).read(np.arange(3))
    assert batch.mono.pixels[0, :, :4].tolist() == [[0, 0, 0, 2], [0, 0, 0, 1]]
    np.testing.assert_allclose(batch.mono.pixels[1:, 0], rows["image"][1:], atol=0.0501)
    assert rows["image"].max() > 10


@pytest.mark.parametrize(("unit", "factor"), [("GeV", 1e-3), ("TeV", 1.0)])
def test_energies_are_in_tev_whatever_the_file_has(copy_of: Copy, open_dl1: Open, unit: str, factor: float) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        table = file[SHOWER]
        table.attrs[f"CTAFIELD_{table.dtype.names.index('true_energy')}_UNIT"] = np.bytes_(unit)
    np.testing.assert_allclose(open_dl1(path).events["true_energy"], 1.36864829 * factor, rtol=1e-6)


class Payload:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_pickle_in_an_attribute_is_never_executed(
    copy_of: Copy, open_dl1: Open, whole: Whole, tmp_path: Path
) -> None:
    path, trap = copy_of("gamma_4lst_lasercal"), tmp_path / "executed"
    nodes = (SHOWER, "/dl1/event/subarray/trigger", f"{IMAGES}/tel_001")
    with h5py.File(path, "r+") as file:
        for node in nodes:
            for position in range(len(file[node].dtype)):
                file[node].attrs[f"CTAFIELD_{position}_ENUM"] = np.bytes_(pickle.dumps(Payload(trap), 0))
    source = open_dl1(path)
    whole(source)
    assert all(source.events[name] is not None for name in source.events.names)
    assert not trap.exists()
    with tables.open_file(path) as file:  # the trap is armed: PyTables falls into it
        assert "CTAFIELD_0_ENUM" in file.get_node(nodes[0])._v_attrs
        _ = file.get_node(nodes[0])._v_attrs["CTAFIELD_0_ENUM"]
    assert trap.exists()


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_a_tiny_buffer_gives_the_same_images(open_dl1: Open, level: str) -> None:
    rows = np.random.default_rng(1).permutation(31)
    tiny, large = (open_dl1("gamma_prod4_sst1m", level=level, buffer_mb=mb) for mb in (0, 1000))
    for part in np.split(rows, [10, 20]):
        assert torch.equal(tiny.read(part).mono.pixels, large.read(part).mono.pixels)


def test_the_buffer_is_kept_to(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod4_sst1m", buffer_mb=0.3)
    whole(source)
    (store,) = source._stores
    assert 100_000 < store._pixels.nbytes <= 300_000
    assert source.capacity < len(source.events)


def test_all_stays_in_memory_if_it_fits(open_dl1: Open) -> None:
    source = open_dl1("gamma_prod4_sst1m", "gamma_prod4_astri", level="subarray")
    assert source.capacity == len(source.events)


def test_what_fits_in_memory_is_decoded_once(open_dl1: Open, whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_dl1("gamma_prod4_sst1m")
    first = whole(source)
    monkeypatch.setattr(source._stores[0], "_fill", None)
    assert torch.equal(whole(source).mono.pixels, first.mono.pixels)


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_nothing(open_dl1: Open, whole: Whole, threads: int) -> None:
    one, several = (open_dl1("gamma_prod4_sst1m", buffer_mb=0.5, threads=t) for t in (1, threads))
    assert torch.equal(whole(one).mono.pixels, whole(several).mono.pixels)


@pytest.mark.parametrize(("name", "level"), [("gamma_prod4_sst1m", "telescope"), ("gamma_test", "subarray")])
def test_blocks_follow_each_other(open_dl1: Open, name: str, level: str) -> None:
    source = open_dl1(name, level=level)
    assert (source.blocks[0], source.blocks[-1]) == (0, len(source.events))
    assert (np.diff(source.blocks) > 0).all()


def test_small_tables_of_a_file_are_one_block(open_dl1: Open) -> None:
    source = open_dl1("gamma_prod4_sst1m", "gamma_prod4_sst1m")
    assert np.diff(source.blocks).tolist() == pytest.approx([64.5] * 4, abs=6)
    assert source.blocks[2] == 129, "the second file begins a block"


def test_files_are_closed_afterwards(open_dl1: Open, find: Find) -> None:
    source = open_dl1("gamma_4lst_lasercal")
    with source.files[0].open() as h5:
        assert h5
    source.close()
    assert not h5


def test_few_files_are_open_at_once(copy_of: Copy, open_dl1: Open, whole: Whole) -> None:
    source = open_dl1(*(copy_of("gamma_4lst_lasercal", f"{n}.h5") for n in range(5)))
    source.close()
    source._open_files._limit = 2
    batch = whole(source)
    assert len(batch) == 50
    assert len(source._open_files._files) == 2
    for n in range(1, 5):
        assert torch.equal(batch.mono.pixels[:10], batch.mono.pixels[10 * n : 10 * n + 10])


def test_ids_come_from_the_images_where_parameters_list_other_events(copy_of: Copy, open_dl1: Open) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        table = f"{PARAMETERS}/tel_001"
        rewrite(file, table, file[table][:][::-1])
    events = open_dl1(path, telescopes=[1]).events
    assert events["event_id"].tolist() == [100, 101, 104]
    original = open_dl1("gamma_4lst_lasercal", telescopes=[1]).events
    np.testing.assert_array_equal(events["hillas_intensity"], original["hillas_intensity"])


def test_ids_that_do_not_belong_to_the_images_are_an_error(copy_of: Copy, open_dl1: Open) -> None:
    """The ids of the first and last chunk agree, so only reading shows it."""
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as file:
        table = f"{IMAGES}/tel_001"
        rows, attributes = file[table][:], dict(file[table].attrs)
        rows["event_id"][1] = 7
        del file[table]
        file.create_dataset(table, data=rows, chunks=(1,)).attrs.update(attributes)
    source = open_dl1(path, telescopes=[1])
    assert source.events["event_id"].tolist() == [100, 101, 104]
    with pytest.raises(DataError, match="telescope 1: the tables of images and of parameters list other events from"):
        source.read(np.arange(3))


def test_reading_images_reads_no_column_of_all_of_them(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod4_sst1m")
    batch = whole(source)
    assert not any(source.events.known(name) for name in source.events.names)
    assert batch.events["obs_id"].tolist() == source.events["obs_id"].tolist()
    assert batch.events["event_id"].tolist() == source.events["event_id"].tolist()
    assert batch.mono.telescope.tolist() == source.events["tel_id"].tolist()
    np.testing.assert_array_equal(batch.mono.pointing[:, 0], source.events["pointing_alt"])
    np.testing.assert_array_equal(batch.events["pointing_az"], source.events["pointing_az"])

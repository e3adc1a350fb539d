"""``core.dl1`` on real files: what comes out is what h5py finds in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gammalearn_core.api import Batch
from gammalearn_core.api import EventSource
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Find = Callable[[str], Path]
Open = Callable[..., DL1Source]
Whole = Callable[[DL1Source], Batch]

FILES = {
    "gamma_test": {"LSTCam": 9, "NectarCam": 19, "CHEC": 6, "SCTCam": 8},
    "gamma_prod4_sst1m": {"DigiCam": 129},
    "gamma_prod4_astri": {"ASTRICam": 8},
    "gamma_prod3_large_trunc": {"LSTCam": 2, "FlashCam": 31, "ASTRICam": 10},
    "gamma_prod6_za40_4lst": {"LSTS-design": 3},
    "gamma_4lst_lasercal": {"LSTCam": 10},
    "gamma_diffuse_prod6_ctapipe_0.17.0": {"LSTN-design": 2, "MSTx-NectarCam": 6},
    "gamma_diffuse_prod6_ctapipe_0.23.2": {"LSTN-design": 2, "MSTx-NectarCam": 6},
    "gamma_diffuse_prod6_run10": {"LSTN-design": 2, "MSTx-NectarCam": 6},
    "gamma_mono_trigger": {"LSTcam": 10, "NectarCam": 46},
    "proton_prod6_run1_v7": {"LSTN-design": 6, "MSTx-NectarCam": 9},
    "proton_prod6_run201": {"LSTN-01": 6, "MSTN-01": 9},
}
"""Images by camera, from ``research/data.md`` and counted with h5py."""
EVENTS = {"gamma_test": 9, "gamma_prod4_sst1m": 31, "gamma_mono_trigger": 5, "proton_prod6_run201": 4}
MONO = [(file, camera) for file, cameras in FILES.items() for camera in cameras]


def stored(path: Path, column: str) -> dict[tuple[int, int, int], NDArray[np.generic]]:
    """Images of a file by ``(obs_id, event_id, tel_id)``, read row by row with h5py alone."""
    found = {}
    with h5py.File(path) as file:
        for table in file["/dl1/event/telescope/images"].values():
            for row in table[:]:
                found[int(row["obs_id"]), int(row["event_id"]), int(row["tel_id"])] = row[column]
    return found


def keys(batch: Batch, camera: str) -> list[tuple[int, int, int]]:
    group = batch.images[camera]
    event = [batch.events[n][group.event].tolist() for n in ("obs_id", "event_id")]
    return list(zip(*event, group.telescope.tolist(), strict=True))


def test_the_loader_is_an_event_source(open_dl1: Open) -> None:
    assert isinstance(open_dl1("gamma_4lst_lasercal"), EventSource)


@pytest.mark.parametrize(("name", "camera"), MONO)
def test_every_image_of_every_file_is_read_at_telescope_level(
    find: Find, open_dl1: Open, whole: Whole, name: str, camera: str
) -> None:
    source = open_dl1(name, cameras=camera)
    batch, pixels = whole(source), stored(find(name), "image")
    assert len(source.events) == len(batch) == batch.n_images == FILES[name][camera]
    assert batch.mono.event.tolist() == list(range(len(batch)))
    for key, image in zip(keys(batch, camera), batch.mono.pixels[:, 0], strict=True):
        np.testing.assert_array_equal(image, pixels[key])


@pytest.mark.parametrize("name", FILES)
def test_every_image_of_every_file_is_read_at_subarray_level(
    find: Find, open_dl1: Open, whole: Whole, name: str
) -> None:
    source = open_dl1(name, level="subarray", channels=["peak_time", "image"])
    batch = whole(source)
    assert {key: len(group) for key, group in batch.images.items()} == FILES[name]
    assert len(source.events) == len(batch) == EVENTS.get(name, len(batch))
    image, time = (stored(find(name), column) for column in ("image", "peak_time"))
    read = {k: g for c, group in batch.images.items() for k, g in zip(keys(batch, c), group.pixels, strict=True)}
    assert set(read) == set(image)
    for key, pixels in read.items():
        np.testing.assert_array_equal(pixels, np.stack([time[key], image[key]]))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_shapes_types_and_specs_agree(open_dl1: Open, whole: Whole, name: str, level: str) -> None:
    cameras = next(iter(FILES[name])) if level == "telescope" else None
    source = open_dl1(name, level=level, cameras=cameras)
    batch = whole(source)
    assert source.inputs.level == level
    assert set(source.inputs.cameras) == set(batch.images)
    for key, group in batch.images.items():
        spec = source.inputs.cameras[key]
        assert spec.channels == group.channels == ("image", "peak_time")
        assert spec.shape == (spec.geometry.n_pixels,)
        assert group.pixels.shape == (len(group), 2, *spec.shape)
        assert group.pixels.dtype == group.position.dtype == torch.float32
        assert group.pointing.dtype == torch.float64
        assert group.event.dtype == group.telescope.dtype == torch.int64
        assert group.position.shape == (len(group), 3)
        assert group.pointing.shape == (len(group), 2)
        assert all(t.isfinite().all() for t in (group.pixels, group.position, group.pointing))


@pytest.mark.parametrize("name", FILES)
def test_all_truth_is_there_and_finite(open_dl1: Open, name: str) -> None:
    events = open_dl1(name, level="subarray").events
    truth = [n for n in events.names if n.startswith("true_")]
    assert {"true_energy", "true_alt", "true_az", "true_core_x", "true_core_y", "true_shower_primary_id"} <= set(truth)
    assert all(np.isfinite(events[n]).all() for n in truth)
    assert set(events["true_shower_primary_id"].tolist()) == {101 if name.startswith("proton") else 0}
    assert set(events["event_type"].tolist()) == {32}


def test_multiplicity_is_the_number_of_triggered_telescopes(find: Find, open_dl1: Open) -> None:
    events = open_dl1("gamma_prod4_sst1m", level="subarray").events
    with h5py.File(find("gamma_prod4_sst1m")) as file:
        trigger = file["/dl1/event/subarray/trigger"][:]
    expected = dict(zip(trigger["event_id"].tolist(), trigger["tels_with_trigger"].sum(axis=1).tolist(), strict=True))
    assert {int(e): int(m) for e, m in zip(events["event_id"], events["multiplicity"], strict=True)} == expected


def test_telescopes_stand_where_the_layout_says(find: Find, open_dl1: Open, whole: Whole) -> None:
    group = whole(open_dl1("gamma_prod4_sst1m")).mono
    with h5py.File(find("gamma_prod4_sst1m")) as file:
        layout = file["/configuration/instrument/subarray/layout"][:]
    expected = {int(row["tel_id"]): [row[f"pos_{axis}"] for axis in "xyz"] for row in layout}
    for telescope, position in zip(group.telescope, group.position, strict=True):
        assert position.tolist() == expected[int(telescope)]


@pytest.mark.parametrize("name", ["gamma_prod6_za40_4lst", "gamma_diffuse_prod6_ctapipe_0.17.0"])
def test_telescopes_point_where_the_file_says_in_degrees(find: Find, open_dl1: Open, whole: Whole, name: str) -> None:
    batch = whole(open_dl1(name, cameras="LST"))
    group = "/dl1/monitoring" if "0.17" in name else "/configuration"
    with h5py.File(find(name)) as file:
        row = file[f"{group}/telescope/pointing/tel_{int(batch.mono.telescope[0]):03d}"][0]
    alt, az = (next(row[n] for n in row.dtype.names if n.endswith(end)) for end in ("altitude", "azimuth"))
    expected = np.degrees(np.array([alt, az], dtype=np.float64))
    np.testing.assert_allclose(batch.mono.pointing[0], expected, atol=1e-4)
    np.testing.assert_allclose([batch.events["pointing_alt"][0], batch.events["pointing_az"][0]], expected, atol=1e-4)


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_rows_come_as_they_are_asked_for_and_may_be_repeated(open_dl1: Open, whole: Whole, level: str) -> None:
    source = open_dl1("gamma_prod4_sst1m", level=level)
    every = whole(source)
    rows = np.array([17, 3, 3, 30, 0, 17])
    batch = source.read(rows)
    assert batch.events["row"].tolist() == rows.tolist()
    assert batch.events["event_id"].tolist() == every.events["event_id"][rows].tolist()
    expected = torch.cat([every.mono.pixels[every.mono.event == row] for row in rows.tolist()])
    assert torch.equal(batch.mono.pixels, expected)


def test_images_of_an_event_are_those_of_its_telescopes(open_dl1: Open) -> None:
    source = open_dl1("gamma_test", level="subarray")
    offsets, telescopes = source.events.offsets, source.events.images["tel_id"]
    for row in range(len(source.events)):
        batch = source.read(np.array([row]))
        found = sorted(t for group in batch.images.values() for t in group.telescope.tolist())
        assert found == sorted(telescopes[offsets[row] : offsets[row + 1]].tolist())


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_no_rows_give_an_empty_batch(open_dl1: Open, level: str) -> None:
    batch = open_dl1("gamma_prod4_sst1m", level=level).read(np.array([], dtype=np.int64))
    assert (len(batch), batch.n_images) == (0, 0)
    if level == "telescope":
        assert batch.mono.pixels.shape == (0, 2, 1296)


def test_telescopes_of_the_array_that_saw_nothing_have_no_images(find: Find, open_dl1: Open) -> None:
    source = open_dl1("gamma_prod4_sst1m")
    with h5py.File(find("gamma_prod4_sst1m")) as file:
        assert len(file["/configuration/instrument/subarray/layout"]) == 70
    assert len(set(source.events["tel_id"].tolist())) == 66


def test_several_files_stand_one_after_the_other(open_dl1: Open, whole: Whole) -> None:
    names = ("gamma_diffuse_prod6_run10", "proton_prod6_run201")
    both, parts = open_dl1(*names, cameras="MST"), [open_dl1(name, cameras="MST") for name in names]
    assert both.events["file"].tolist() == [0] * 6 + [1] * 9
    assert torch.equal(whole(both).mono.pixels, torch.cat([whole(part).mono.pixels for part in parts]))
    assert set(both.events["true_shower_primary_id"].tolist()) == {0, 101}


@pytest.mark.parametrize("old", ["gamma_diffuse_prod6_ctapipe_0.17.0", "gamma_diffuse_prod6_ctapipe_0.23.2"])
def test_files_of_older_data_models_hold_the_same_events(open_dl1: Open, whole: Whole, old: str) -> None:
    before, now = (open_dl1(name, level="subarray") for name in (old, "gamma_diffuse_prod6_run10"))
    for name in ("obs_id", "event_id", "multiplicity", "true_energy", "true_alt", "true_az", "true_shower_primary_id"):
        np.testing.assert_array_equal(before.events[name], now.events[name])
    for name in ("pointing_alt", "pointing_az"):
        np.testing.assert_allclose(before.events[name], now.events[name], atol=1e-4)
    first, second = whole(before), whole(now)
    for key, spec in before.inputs.cameras.items():
        assert spec.geometry.same_as(now.inputs.cameras[key].geometry)
        assert keys(first, key) == keys(second, key)
        charges = [batch.images[key].pixels[:, 0].sum(dim=1) for batch in (first, second)]
        torch.testing.assert_close(charges[0], charges[1], rtol=0.15, atol=30)

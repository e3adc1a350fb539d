"""What is in a file of `DL1Writer`, read with h5py and with the core's loader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from astropy.coordinates import EarthLocation
from numpy.typing import NDArray
from showers_dl1_blocks import PRODUCTION
from showers_dl1_blocks import block
from showers_dl1_blocks import without_images
from showers_dl1_blocks import write

from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_showers.block import Showers
from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.dl1 import image_parameters
from gammalearn_showers.dl1.instrument_tables import earth_position
from gammalearn_showers.dl1.run_tables import event_times
from gammalearn_showers.dl1.thrown import ThrownShowers
from gammalearn_showers.instrument import camera

BLOCKS = (block(0, 40), block(40, 60), block(100, 30))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("dl1") / "proton.dl1.h5", *BLOCKS)


@pytest.fixture(scope="module")
def file(path: Path) -> Iterator[h5py.File]:
    with h5py.File(path) as file:
        yield file


def all_showers() -> Showers:
    each = [attrs.asdict(b.showers, recurse=False) for b in BLOCKS]
    return Showers(**{name: np.concatenate([e[name] for e in each]) for name in each[0]})


def sent(column: str, tel_id: int) -> NDArray[Any]:
    """What blocks hold of a telescope."""
    row = int(np.flatnonzero(PRODUCTION.subarray.tel_id == tel_id)[0])
    images = [b.images[PRODUCTION.subarray.tel_type[row]] for b in BLOCKS]
    return np.concatenate([getattr(i, column)[i.telescope == row] for i in images])


def sent_numbers(tel_id: int) -> NDArray[np.int64]:
    row = int(np.flatnonzero(PRODUCTION.subarray.tel_id == tel_id)[0])
    kind = PRODUCTION.subarray.tel_type[row]
    return np.concatenate([b.showers.number[b.images[kind].shower[b.images[kind].telescope == row]] for b in BLOCKS])


@pytest.mark.parametrize("tel_id", [1, 9])
def test_charges_and_times_are_kept_but_for_the_rounding(file: h5py.File, tel_id: int) -> None:
    table = file[f"dl1/event/telescope/images/tel_{tel_id:03d}"][:]
    np.testing.assert_allclose(table["image"], sent("charge", tel_id), rtol=0, atol=1 / 256)
    np.testing.assert_allclose(table["peak_time"], sent("peak_time", tel_id), rtol=0, atol=1 / 128)
    for name, step in (("image", 1 / 128), ("peak_time", 1 / 64)):
        assert (table[name] % step == 0).all()
    np.testing.assert_array_equal(table["event_id"], sent_numbers(tel_id) + 1)
    assert set(table["tel_id"]) == {tel_id}
    assert table["is_valid"].all()
    assert len(table) > 32


@pytest.mark.parametrize("tel_id", [1, 9])
def test_truth_of_images_is_kept_as_it_is(file: h5py.File, tel_id: int) -> None:
    table = file[f"simulation/event/telescope/images/tel_{tel_id:03d}"][:]
    np.testing.assert_array_equal(table["true_image"], sent("true_image", tel_id))
    np.testing.assert_array_equal(table["true_image_sum"], sent("true_image", tel_id).sum(axis=1))
    impact = file[f"simulation/event/telescope/impact/tel_{tel_id:03d}"][:]
    np.testing.assert_array_equal(impact["true_impact_distance"], sent("impact", tel_id))


@pytest.mark.parametrize("tel_id", [1, 9])
def test_parameters_are_those_of_the_stored_images(file: h5py.File, tel_id: int) -> None:
    images = file[f"dl1/event/telescope/images/tel_{tel_id:03d}"][:]
    table = file[f"dl1/event/telescope/parameters/tel_{tel_id:03d}"][:]
    kind = PRODUCTION.subarray.types[PRODUCTION.subarray.tel_type[tel_id - 1]]
    pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
    thresholds = {"picture": kind.picture_threshold, "boundary": kind.boundary_threshold}
    expected = image_parameters(pixels, images["image"], images["peak_time"], **thresholds)
    np.testing.assert_array_equal(images["image_mask"].astype(bool), expected.mask)
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(table[name], values.astype(table.dtype[name]), err_msg=name)
    assert np.isfinite(table["hillas_length"]).sum() > 10


def test_showers_that_triggered_are_events(file: h5py.File) -> None:
    showers = all_showers()
    table = file["simulation/event/subarray/shower"][:]
    trigger = file["dl1/event/subarray/trigger"][:]
    np.testing.assert_array_equal(table["event_id"], showers.number[showers.triggered] + 1)
    np.testing.assert_array_equal(trigger["event_id"], table["event_id"])
    np.testing.assert_array_equal(table["true_energy"], showers.energy[showers.triggered])
    np.testing.assert_array_equal(table["true_x_max"], showers.x_max[showers.triggered])
    np.testing.assert_allclose(np.radians(table["true_az"]), showers.az[showers.triggered])
    assert set(table["true_shower_primary_id"]) == {101}
    assert 0 < len(table) < len(showers)


def test_telescopes_with_trigger_are_those_with_images(file: h5py.File) -> None:
    trigger = file["dl1/event/subarray/trigger"][:]
    pulses = file["dl1/event/telescope/trigger"][:]
    lit = {(int(e), int(t)) for e, t in zip(pulses["event_id"], pulses["tel_id"], strict=True)}
    event, telescope = np.nonzero(trigger["tels_with_trigger"])
    tel_id = PRODUCTION.subarray.tel_id[telescope]
    assert lit == {(int(e), int(t)) for e, t in zip(trigger["event_id"][event], tel_id, strict=True)}
    assert lit == {(int(n) + 1, int(t)) for t in PRODUCTION.subarray.tel_id for n in sent_numbers(t)}
    np.testing.assert_array_equal(np.lexsort((pulses["tel_id"], pulses["event_id"])), np.arange(len(pulses)))


def test_the_run_tells_what_was_thrown(file: h5py.File) -> None:
    (run,) = file["configuration/simulation/run"][:]
    assert (run["n_showers"], run["shower_reuse"], run["spectral_index"], run["diffuse"]) == (130, 1, -2.5, 1)
    assert (run["max_viewcone_radius"], run["max_scatter_range"], run["obs_id"]) == (4, 700, 7)
    assert (run["energy_range_min"], run["energy_range_max"]) == (np.float32(0.05), 20)
    assert run["max_alt"] == pytest.approx(np.radians(70))


def test_all_showers_thrown_are_in_the_histogram(file: h5py.File) -> None:
    (shown,) = file["simulation/service/shower_distribution"][:]
    assert shown["n_entries"] == shown["histogram"].sum() == 130
    edges = shown["bins_energy"]
    counts, _ = np.histogram(all_showers().energy, edges)
    np.testing.assert_array_equal(shown["histogram"].sum(axis=1), counts)


def test_what_is_beyond_the_histogram_is_counted_in_its_last_bins() -> None:
    thrown = ThrownShowers(100.0)
    far = attrs.evolve(BLOCKS[0].showers, energy=np.full(40, 1e5), core_y=np.full(40, 1e6))
    thrown.add(far)
    assert (thrown.counts[-1, -1], thrown.total) == (40, 40)


def test_a_wide_scatter_has_wider_bins() -> None:
    assert ThrownShowers(500.0).distance_edges[-1] == 4000
    assert ThrownShowers(3000.0).distance_edges[-1] == 6000


def test_cameras_are_written_as_they_are(file: h5py.File) -> None:
    layout = file["configuration/instrument/subarray/layout"][:]
    (index,) = set(layout["camera_index"][layout["camera_name"] == b"NectarCam"])
    table = file[f"configuration/instrument/telescope/camera/geometry_{index}"]
    for name, values in (("pix_x", camera("NectarCam").x), ("pix_y", camera("NectarCam").y)):
        np.testing.assert_array_equal(table[name], values)
    assert table.attrs["PIX_TYPE"] == b"hexagon"
    np.testing.assert_allclose(layout["pos_x"], PRODUCTION.subarray.position[:, 0], rtol=1e-6)


def test_the_number_of_images_that_can_be_described_is_told(file: h5py.File) -> None:
    table = file["dl1/service/image_statistics"][:]
    parameters = [t["morphology_n_pixels"] for t in file["dl1/event/telescope/parameters"].values()]
    truth = [t["true_morphology_n_pixels"] for t in file["simulation/event/telescope/parameters"].values()]
    pixels = np.concatenate([*parameters, *truth])
    assert table["counts"][0] == len(pixels)
    assert table["counts"][2] == np.count_nonzero(pixels > 0)
    assert table["counts"][0] >= table["counts"][1] >= table["counts"][2]


def test_every_table_and_group_says_what_it_is_to_pytables(file: h5py.File) -> None:
    classes = {True: b"TABLE", False: b"GROUP"}
    seen = []

    def look(name: str, node: h5py.Dataset | h5py.Group) -> None:
        seen.append(name)
        table = isinstance(node, h5py.Dataset)
        assert node.attrs["CLASS"] == classes[table], name
        if table:
            assert node.attrs["NROWS"] == len(node), name
            assert node.attrs["FIELD_0_NAME"] == node.dtype.names[0].encode(), name

    file.visititems(look)
    assert len(seen) > 100


def test_the_same_blocks_give_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again.dl1.h5", *BLOCKS)
    assert again.read_bytes() == path.read_bytes()
    other = write(tmp_path / "other.dl1.h5", *BLOCKS, obs_id=8)
    assert other.read_bytes() != path.read_bytes()


def test_the_clock_goes_a_shower_a_millisecond() -> None:
    times = event_times(np.array([0, 1, 999, 1000, 10**9])).astype(np.int64)
    nanoseconds = (times[:, 0] - 1735689600) * 10**9 + times[:, 1] // 4
    np.testing.assert_array_equal(nanoseconds, np.array([0, 1, 999, 1000, 10**9]) * 10**6)


@pytest.mark.parametrize(("latitude", "longitude"), [(28.7617, -17.8917), (-24.68, -70.32), (89.0, 170.0)])
def test_sites_are_where_astropy_finds_them(latitude: float, longitude: float) -> None:
    expected = EarthLocation.from_geodetic(longitude, latitude, 2156.0)
    found = earth_position(latitude, longitude, 2156.0)
    np.testing.assert_allclose(found, [value.to_value("m") for value in expected.geocentric], atol=1e-6)


def test_a_file_without_events_has_its_tables(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "dark.dl1.h5", without_images(BLOCKS[0]))) as file:
        assert len(file["dl1/event/subarray/trigger"]) == 0
        assert len(file["dl1/event/telescope/images"]) == 0
        assert file["configuration/simulation/run"]["n_showers"][0] == 40


@pytest.mark.parametrize("camera_name", ["LSTCam", "NectarCam"])
def test_the_core_reads_images_truth_and_cameras(path: Path, camera_name: str) -> None:
    source = DL1Source(path, channels=["image", "peak_time", "image_mask"], cameras=camera_name)
    try:
        of_first = camera_name == "LSTCam"
        telescopes = [t for t in PRODUCTION.subarray.tel_id if (t <= 4) == of_first]
        charges = np.concatenate([sent("charge", t) for t in telescopes])
        batch = source.read(np.arange(len(source.events)))
        np.testing.assert_allclose(batch.images[camera_name].pixels[:, 0], charges, atol=1 / 256)
        numbers = np.concatenate([sent_numbers(t) for t in telescopes])
        np.testing.assert_array_equal(source.events["true_energy"], all_showers().energy[numbers])
        geometry = source.inputs.cameras[camera_name].geometry
        np.testing.assert_array_equal(geometry.x, camera(camera_name).x)
        assert geometry.focal_length == PRODUCTION.subarray.types[0 if of_first else 1].effective_focal_length
        np.testing.assert_allclose(source.events["pointing_az"], 185, atol=1e-4)
    finally:
        source.close()


def test_the_core_reads_events_of_the_whole_array(path: Path) -> None:
    source = DL1Source(path, level="subarray")
    try:
        assert len(source.events) == np.count_nonzero(all_showers().triggered)
        assert source.events["multiplicity"].min() >= 2
    finally:
        source.close()

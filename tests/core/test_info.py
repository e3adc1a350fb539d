"""What ``gammalearn info`` knows of files: numbers that are known of real ones, and names that settings accept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from runs import TESTS
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.inspecting.describing import describe
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.structure import as_json

Copy = Callable[..., Path]
Find = Callable[[str], Path]
Open = Callable[..., DL1Source]

LSTCHAIN = Path(__file__).parents[1] / "data" / "lstchain-0.12.3_dl1_gamma_4LST.h5"
KNOWN: dict[str, tuple[dict[str, int], int, int, tuple[float, float], dict[str, tuple[int, int, int]]]] = {
    "gamma_4lst_lasercal": ({"gamma": 3}, 1, 10, (1.37, 1.37), {"LSTCam": (4, 4, 10)}),
    "gamma_diffuse_prod6_run10": (
        {"gamma": 2},
        2,
        8,
        (0.195, 0.803),
        {"MSTx-NectarCam": (6, 9, 6), "LSTN-design": (2, 4, 2)},
    ),
    "gamma_mono_trigger": (
        {"gamma": 5},
        2,
        56,
        (0.048, 0.723),
        {"NectarCam": (25, 34, 46), "LSTcam": (4, 4, 10)},
    ),
    "gamma_prod4_sst1m": ({"gamma": 31}, 11, 129, (0.299, 4.96), {"DigiCam": (66, 70, 129)}),
    "gamma_test": (
        {"gamma": 9},
        7,
        42,
        (0.0251, 0.628),
        {"NectarCam": (15, 24, 19), "LSTCam": (4, 4, 9), "SCTCam": (8, 26, 8), "CHEC": (6, 72, 6)},
    ),
    "proton_prod6_run201": (
        {"proton": 4},
        3,
        15,
        (0.0775, 43.5),
        {"MSTN-01": (6, 9, 9), "LSTN-01": (3, 4, 6)},
    ),
}
"""Particles, showers, images, energies (TeV), and for each camera telescopes with images, in the array, and images."""


def errors(info: FileInfo) -> list[str]:
    return [p.what for p in info.problems if p.severity == "error"]


def warnings(info: FileInfo) -> list[str]:
    return [p.what for p in info.problems if p.severity == "warning"]


@pytest.mark.parametrize("name", KNOWN)
def test_counts_and_energies_are_those_that_are_known(find: Find, name: str) -> None:
    info = describe(find(name))
    particles, showers, images, energies, cameras = KNOWN[name]
    assert (info.particles, info.showers, info.images) == (particles, showers, images)
    assert info.events == sum(particles.values())
    assert info.energy_range == pytest.approx(energies, rel=5e-3)
    assert {c.name: (c.telescopes, c.telescopes_in_array, c.images) for c in info.cameras} == cameras


def test_format_model_and_software_are_told(find: Find) -> None:
    info = describe(find("gamma_4lst_lasercal"))
    assert (info.format, info.data_model, info.levels, info.software) == (
        "ctapipe",
        "v7.1.0",
        ["DL1"],
        "ctapipe 0.28.0",
    )
    old = describe(find("gamma_diffuse_prod6_ctapipe_0.17.0"))
    assert (old.data_model, old.software) == ("v5.0.0", "ctapipe 0.17.0")


def test_a_camera_is_described_by_its_pixels(find: Find) -> None:
    cameras = {c.name: c for c in describe(find("gamma_test")).cameras}
    assert {name: (c.n_pixels, c.lattice, c.types) for name, c in cameras.items()} == {
        "NectarCam": (1855, "hexagonal", ("MST",)),
        "LSTCam": (1855, "hexagonal", ("LST",)),
        "SCTCam": (11328, "square", ("MST",)),
        "CHEC": (2048, "square", ("SST",)),
    }
    assert (cameras["LSTCam"].pitch, cameras["LSTCam"].focal_length) == pytest.approx((0.05, 28.0), rel=1e-3)


def test_telescopes_are_counted_by_type(find: Find) -> None:
    assert describe(find("gamma_test")).telescope_types == {
        "LST": {"telescopes": 4, "telescopes_in_array": 4, "images": 9},
        "MST": {"telescopes": 23, "telescopes_in_array": 50, "images": 27},
        "SST": {"telescopes": 6, "telescopes_in_array": 72, "images": 6},
    }


def test_telescopes_with_images_are_named(find: Find) -> None:
    (camera,) = describe(find("gamma_prod6_za40_4lst")).cameras
    with h5py.File(find("gamma_prod6_za40_4lst")) as h5:
        tables = h5["/dl1/event/telescope/images"]
        assert camera.tel_ids == tuple(sorted(int(name[-3:]) for name in tables if len(tables[name])))


@pytest.mark.parametrize("name", ["proton_prod6_run201", "gamma_test", "gamma_prod4_sst1m"])
def test_cameras_and_columns_have_the_names_that_settings_take(find: Find, open_dl1: Open, name: str) -> None:
    info = describe(find(name))
    for camera in info.cameras:
        source = open_dl1(name, cameras=[camera.name])
        assert len(source.events) == camera.images
        columns = {n for key in ("parameters", "truth", "events") for n in info.columns[key]}
        assert columns == set(source.events.names) - {"file", "obs_id", "event_id", "tel_id", "table_row"}
        assert list(source.inputs.cameras) == [camera.name]
    assert info.columns["channels"] == ["image", "peak_time", "image_mask"]


def test_what_a_file_holds_is_told(find: Find) -> None:
    held = {name for name, there in describe(find("gamma_4lst_lasercal")).holds.items() if there}
    assert held == {"images", "true_images", "parameters", "truth"}
    assert not describe(find("gamma_test")).holds["true_images"]


def test_what_was_simulated_is_told(find: Find) -> None:
    made = describe(find("gamma_diffuse_prod6_run10")).simulation
    assert made is not None
    assert (made.runs, made.n_showers, made.n_thrown, made.spectral_index) == (1, 50, 1000, -2.0)
    assert made.energy_range == pytest.approx((0.03, 10.0))
    assert (made.viewcone, made.scatter_range) == ((0.0, 10.0), (0.0, 2000.0))


def test_the_pointing_is_told(find: Find) -> None:
    info = describe(find("gamma_prod6_za40_4lst"))
    assert info.altitude == pytest.approx((50.0, 50.0), abs=0.01)
    assert info.azimuth == pytest.approx((180.0, 180.0), abs=0.01)


def test_an_azimuth_across_north_is_one_range(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        for number, degrees in enumerate((359.5, 0.5, 359.8, 0.0), start=1):
            table = h5[f"/configuration/telescope/pointing/tel_{number:03d}"]
            rows = table[:]
            rows["telescope_pointing_azimuth"] = np.radians(degrees)
            table[:] = rows
    assert describe(path).azimuth == pytest.approx((359.5, 360.5), abs=1e-3)


def test_compression_and_checksums_are_told(find: Find) -> None:
    storage = describe(find("gamma_4lst_lasercal")).storage
    assert storage is not None
    assert (set(storage.compression), storage.without_checksum) == ({"blosc (zstd, level 5)"}, ())


def test_an_lstchain_file_is_described_as_the_same_events_of_ctapipe_are(find: Find) -> None:
    info, other = describe(LSTCHAIN), describe(find("gamma_4lst_lasercal"))
    assert (info.format, info.data_model, info.software) == ("lstchain", "0.12.3", "lstchain 0.12.3")
    for name in ("events", "images", "showers", "particles", "telescope_types"):
        assert getattr(info, name) == getattr(other, name), name
    assert info.energy_range == pytest.approx(other.energy_range)
    assert errors(info) == warnings(info) == []


def test_observed_events_have_no_particles_but_a_time(copy_of: Copy) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    with h5py.File(path, "r+") as h5:
        del h5["/simulation"]
    info = describe(path)
    assert (info.simulated, info.events, info.particles, info.energy_range) == (False, 2, {}, None)
    assert (info.holds["truth"], info.columns["truth"]) == (False, [])
    assert info.time is not None
    assert info.time[0].startswith("2025-10-13 12:33:46")
    assert info.problems == []


def test_an_observed_lstchain_file_is_known_by_its_primaries(tmp_path: Path) -> None:
    path = Path(shutil.copy(LSTCHAIN, tmp_path))
    with h5py.File(path, "r+") as h5:
        table = h5["/dl1/event/telescope/parameters/LST_LSTCam"]
        rows = table[:]
        rows["mc_type"] = -9999
        table[:] = rows
    info = describe(path)
    assert (info.simulated, info.events, info.particles) == (False, 3, {})


def test_primaries_without_a_name_are_numbers(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+") as h5:
        table = h5["/simulation/event/subarray/shower"]
        rows = table[:]
        rows["true_shower_primary_id"] = [1608, 1, 1]
        table[:] = rows
    assert describe(path).particles == {"electron": 2, "primary 1608": 1}


def test_parameters_without_images_are_described(copy_of: Copy) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    with h5py.File(path, "r+") as h5:
        del h5["/dl1/event/telescope/images"]
    info = describe(path)
    assert errors(info) == ["has DL1 parameters but no images: run ctapipe-process with --write-images"]
    assert (info.particles, info.images, info.counted) == ({"gamma": 2}, 0, "parameters")
    assert {c.name: (c.telescopes, c.rows, c.images) for c in info.cameras} == {
        "MSTx-NectarCam": (6, 6, 0),
        "LSTN-design": (2, 2, 0),
    }
    assert "hillas_intensity" in info.columns["parameters"]


@pytest.fixture(scope="module")
def dl2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the predictions of a run."""
    settings = write_settings(tmp_path_factory.mktemp("run"), epochs="1", test="0.5")
    assert run(settings) == 0
    return run_folders(settings)[-1] / "predictions"


def test_predictions_of_ours_are_described_and_no_problem(dl2: Path) -> None:
    info = describe(dl2 / "proton.dl2.h5", everything=True)
    assert (info.levels, info.split, info.problems) == (["DL2"], "test", [])
    assert info.predictions == [
        f"{level}/{table}"
        for level in ("subarray", "telescope")
        for table in ("classification/GammaLearnParticle", "energy/GammaLearnEnergy", "geometry/GammaLearnDirection")
    ]
    assert set(info.particles) == {"proton"}
    assert {c.name: c.telescopes_in_array for c in info.cameras} == {"MSTN-01": 9, "LSTN-01": 4}


def test_a_dl2_file_with_images_is_both(copy_of: Copy) -> None:
    path = copy_of("gamma_diffuse_prod6_run10")
    with h5py.File(path, "r+") as h5:
        h5["/dl2/event/subarray/energy/RandomForest"] = np.zeros(2, dtype=[("obs_id", "i4"), ("energy", "f8")])
    info = describe(path)
    assert (info.levels, info.predictions) == (["DL1", "DL2"], ["subarray/energy/RandomForest"])
    assert info.images == 8


def test_images_are_not_read_unless_everything_is(copy_of: Copy) -> None:
    path = copy_of("gamma_prod4_sst1m")
    with h5py.File(path) as h5:
        tables = h5["/dl1/event/telescope/images"]
        chunks = [tables[name].id.get_chunk_info(0) for name in tables]
    with path.open("r+b") as stream:
        for chunk in chunks:
            stream.seek(chunk.byte_offset)
            stream.write(bytes(chunk.size))
    assert describe(path).problems == []
    assert len(errors(describe(path, everything=True))) == len(chunks)


def test_the_json_has_what_is_promised(find: Find) -> None:
    found = as_json([describe(find("gamma_diffuse_prod6_run10")), describe(find("proton_prod6_run1_v7"))])
    assert found["schema"] == 1
    (file, _) = found["files"]
    assert {"path", "format", "data_model", "events", "images", "particles", "cameras", "problems"} <= set(file)
    for camera in file["cameras"]:
        assert {"name", "n_pixels", "lattice", "telescopes", "images"} <= set(camera)
    assert (file["path"], file["particles"]) == (str(find("gamma_diffuse_prod6_run10")), {"gamma": 2})
    assert found["total"] == {
        "files": 2,
        "unusable": 0,
        "events": 5,
        "images": 23,
        "particles": {"gamma": 2, "proton": 3},
    }


def plain(value: Any) -> bool:
    """Whether a value and all that is in it is what JSON has, and not a number of numpy's."""
    if type(value) is dict:
        return all(type(k) is str and plain(v) for k, v in value.items())
    if type(value) is list:
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool)


@pytest.mark.parametrize("name", [*KNOWN, "gamma_prod3_large_trunc", "gamma_prod4_astri"])
def test_the_json_is_plain(find: Find, name: str) -> None:
    found = as_json([describe(find(name), everything=True)])
    assert plain(found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_no_torch_is_imported() -> None:
    path = TESTS / "gamma_4lst_lasercal.dl1.h5"
    code = f"import sys; from gammalearn_core.cli import main; code = main(['info', {str(path)!r}]);"
    code += "sys.exit(code or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0

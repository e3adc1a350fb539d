"""DL1 files of gammalearn-showers, read by ctapipe and merged by its tool."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import tables
from ctapipe.containers import EventType
from ctapipe.containers import ImageParametersContainer
from ctapipe.coordinates import TelescopeFrame
from ctapipe.image import ImageProcessor
from ctapipe.io import EventSource
from ctapipe.io import TableLoader
from ctapipe.io.metadata import read_reference_metadata
from numpy.typing import NDArray
from traitlets.config import Config

from gammalearn_showers.block import Block
from gammalearn_showers.block import Images
from gammalearn_showers.block import Showers
from gammalearn_showers.dl1 import DL1Writer
from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.instrument import subarray
from gammalearn_showers.production import Production

PRODUCTION = Production(
    primary="gamma",
    subarray=subarray("mixed"),
    zenith=20.0,
    azimuth=180.0,
    energy_range=(0.05, 20.0),
    index=-2.5,
    viewcone=4.0,
    scatter_radius=700.0,
    min_telescopes=2,
    seed=5,
)


def images(
    rng: np.random.Generator, kind: TelescopeType, shower: NDArray[np.int64], telescope: NDArray[np.int64]
) -> Images:
    """A blob of light at a random place in each camera."""
    pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
    place = rng.uniform(-1, 1, (len(shower), 2, 1))
    square = ((pixels.lon - place[:, 0]) / 0.3) ** 2 + ((pixels.lat - place[:, 1]) / 0.15) ** 2
    light = np.exp(-square / 2)
    true = rng.poisson(light * rng.exponential(400, (len(shower), 1)) / light.sum(axis=1, keepdims=True))
    return Images(
        shower=shower,
        telescope=telescope,
        charge=(true + rng.normal(0, 1, true.shape)).astype(np.float32),
        peak_time=rng.normal(30, 1, true.shape).astype(np.float32),
        true_image=true.astype(np.int32),
        impact=rng.uniform(0, 500, len(shower)),
    )


def block(first: int, count: int, *, rate: float = 0.3) -> Block:
    """Showers ``first`` to ``first + count``, of which each telescope has an image with this probability."""
    rng = np.random.default_rng([1, first])
    array = PRODUCTION.subarray
    lit = rng.random((count, len(array))) < rate
    lit[lit.sum(axis=1) < 2] = False
    showers = Showers(
        number=np.arange(first, first + count),
        energy=rng.uniform(0.05, 20, count),
        alt=np.radians(70 + rng.uniform(-3, 3, count)),
        az=np.radians(180 + rng.uniform(-5, 5, count)),
        core_x=rng.uniform(-400, 400, count),
        core_y=rng.uniform(-400, 400, count),
        h_first_int=rng.uniform(1e4, 3e4, count),
        x_max=rng.uniform(250, 600, count),
        triggered=lit.any(axis=1),
    )
    found = (np.nonzero(lit & (array.tel_type == number)) for number in range(len(array.types)))
    return Block(showers, tuple(images(rng, k, s, t) for k, (s, t) in zip(array.types, found, strict=True)))


def write(path: Path, obs_id: int, *blocks: Block) -> Path:
    about = {"version": "0.1.0", "obs_id": obs_id}
    with DL1Writer(
        path, PRODUCTION, obs_id=obs_id, provenance=about, created=datetime(2026, 3, 1, tzinfo=UTC)
    ) as writer:
        for each in blocks:
            writer.write(each)
        writer.finish()
    return path


BLOCKS = (block(0, 50), block(50, 70))
N_EVENTS = sum(int(b.showers.triggered.sum()) for b in BLOCKS)
N_IMAGES = sum(len(i) for b in BLOCKS for i in b.images)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("showers") / "gamma.dl1.h5", 3, *BLOCKS)


@pytest.fixture(scope="module")
def merged(path: Path) -> Path:
    second, dark, output = (path.with_name(name) for name in ("second.dl1.h5", "dark.dl1.h5", "merged.dl1.h5"))
    write(second, 4, block(120, 60))
    write(dark, 5, block(180, 10, rate=0.0))
    tool = [sys.executable, "-c", "from ctapipe.tools.merge import main; main()"]
    command = [*tool, str(path), str(second), str(dark), "--output", str(output)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def loader(path: Path) -> Iterator[TableLoader]:
    with TableLoader(path, dl1_images=True, true_images=True, instrument=True, observation_info=True) as loader:
        yield loader


def test_the_table_loader_reads_events_with_truth(loader: TableLoader) -> None:
    events = loader.read_subarray_events()
    showers = [b.showers for b in BLOCKS]
    expected = np.concatenate([s.energy[s.triggered] for s in showers])
    np.testing.assert_array_equal(events["true_energy"].quantity.to_value(u.TeV), expected)
    alt = np.concatenate([s.alt[s.triggered] for s in showers])
    np.testing.assert_allclose(events["true_alt"].quantity.to_value(u.rad), alt)
    assert (events["event_type"] == EventType.SUBARRAY.value).all()
    assert (np.diff(events["time"].unix_tai) > 0).all()
    assert events["time"][0].tai.isot.startswith("2025-01-01T00:00:00.0")
    np.testing.assert_allclose(events["subarray_pointing_lat"].quantity.to_value(u.deg), 70)


def test_the_table_loader_reads_images_with_parameters(loader: TableLoader) -> None:
    by_type = loader.read_telescope_events_by_type()
    assert sum(len(t) for t in by_type.values()) == N_IMAGES
    for table in by_type.values():
        assert table["image"].shape[1:] == (1855,)
        assert np.isfinite(table["hillas_length"]).sum() > 20
        total = table["true_hillas_intensity"].data
        np.testing.assert_array_equal(total[total > 0], table["true_image_sum"][total > 0])
        np.testing.assert_allclose(table["telescope_pointing_altitude"].quantity.to_value(u.deg), 70, atol=1e-4)


def test_the_run_gives_what_effective_areas_need(loader: TableLoader) -> None:
    (run,) = loader.read_simulation_configuration()
    assert run["n_showers"] * run["shower_reuse"] == 120
    assert run["max_scatter_range"] == 700
    assert loader.read_shower_distribution()["n_entries"][0] == 120


def test_every_telescope_is_described(loader: TableLoader) -> None:
    array = loader.subarray
    assert array.n_tels == 13
    assert {str(t) for t in array.telescope_types} == {t.description for t in PRODUCTION.subarray.types}
    place = array.reference_location
    assert place.lat.to_value(u.deg) == pytest.approx(PRODUCTION.subarray.latitude)
    assert place.lon.to_value(u.deg) == pytest.approx(PRODUCTION.subarray.longitude)
    assert place.height.to_value(u.m) == pytest.approx(2156)


@pytest.mark.parametrize("number", [0, 1])
def test_pixels_are_on_the_sky_where_ctapipe_sees_them(loader: TableLoader, number: int) -> None:
    kind = PRODUCTION.subarray.types[number]
    pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
    tel_id = int(PRODUCTION.subarray.tel_id[PRODUCTION.subarray.tel_type == number][0])
    geometry = loader.subarray.tel[tel_id].camera.geometry.transform_to(TelescopeFrame())
    np.testing.assert_allclose(geometry.pix_x.to_value(u.deg), pixels.lon, atol=1e-9)
    np.testing.assert_allclose(geometry.pix_y.to_value(u.deg), pixels.lat, atol=1e-9)
    np.testing.assert_allclose(geometry.pix_area.to_value(u.deg**2), pixels.area)
    np.testing.assert_allclose(geometry.pixel_width.to_value(u.deg), pixels.width)
    for width, bit in ((1, 1), (2, 2)):
        np.testing.assert_array_equal(geometry.get_border_pixel_mask(width), pixels.border & bit == bit)


def values(parameters: ImageParametersContainer, names: tuple[str, ...]) -> dict[str, float]:
    """Parameters of these containers as plain numbers, angles in deg."""
    found = {}
    for name in names:
        for key, value in parameters[name].items():
            angle = isinstance(value, u.Quantity) and value.unit.is_equivalent(u.deg)
            found[f"{name}_{key}"] = float(value.to_value(u.deg) if angle else u.Quantity(value).value)
    return found


def test_the_event_source_reads_what_the_image_processor_would_find(path: Path) -> None:
    types = PRODUCTION.subarray.types
    cuts = {
        f"{name}_threshold_pe": [("type", t.description, getattr(t, f"{name}_threshold")) for t in types]
        for name in ("picture", "boundary")
    }
    groups = ("hillas", "leakage", "concentration", "morphology", "intensity_statistics")
    described = events = 0
    with EventSource(path) as source:
        process = ImageProcessor(subarray=source.subarray, config=Config({"TailcutsImageCleaner": cuts}))
        for event in source:
            events += 1
            mine = {t: (c.image_mask, values(c.parameters, groups)) for t, c in event.dl1.tel.items()}
            truth = {t: values(c.true_parameters, groups) for t, c in event.simulation.tel.items()}
            process(event)
            for tel_id, image in event.dl1.tel.items():
                np.testing.assert_array_equal(image.image_mask, mine[tel_id][0])
                assert values(image.parameters, groups) == pytest.approx(mine[tel_id][1], rel=1e-3, nan_ok=True)
                again = values(event.simulation.tel[tel_id].true_parameters, groups)
                assert again == pytest.approx(truth[tel_id], rel=1e-6, nan_ok=True)
                described += image.parameters.morphology.n_pixels > 0
    assert events == N_EVENTS
    assert described > N_IMAGES / 2


def test_files_are_merged_even_without_events(merged: Path) -> None:
    with TableLoader(merged, dl1_images=True, true_images=True) as loader:
        assert len(loader) == N_EVENTS + int(block(120, 60).showers.triggered.sum())
        assert loader.read_simulation_configuration()["n_showers"].tolist() == [120, 60, 10]
        assert loader.read_shower_distribution()["n_entries"].tolist() == [120, 60, 10]
        more = sum(len(i) for i in block(120, 60).images)
        assert (
            len(loader.read_telescope_events([*range(1, 14)], dl1_images=False, true_images=False)) == N_IMAGES + more
        )
    with EventSource(merged) as source:
        assert source.obs_ids == (3, 4, 5)
        assert sum(1 for _ in source) == len(source)


def test_a_file_without_events_can_be_opened(merged: Path) -> None:
    with TableLoader(merged.with_name("dark.dl1.h5")) as loader:
        assert len(loader.read_subarray_events()) == 0
        assert len(loader.read_telescope_events()) == 0


def test_the_metadata_name_the_file_and_what_made_it(path: Path) -> None:
    about = read_reference_metadata(path)
    assert about.activity.software_name == "gammalearn-showers"
    assert about.product.data_model_version == "v7.1.0"
    assert about.product.creation_time.iso == "2026-03-01 00:00:00.000"
    with tables.open_file(path) as file:
        assert json.loads(file.root._v_attrs["gammalearn_showers"]) == {"version": "0.1.0", "obs_id": 3}

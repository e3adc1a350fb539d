"""The loader without files, beside files of the same showers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Showers

from gammalearn_core import SettingsError
from gammalearn_core.api import EventSource
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import Switches
from gammalearn_showers.stream import ShowerStream

EVENTS = {"gamma": 25, "proton": 8}
ENERGIES = {"gamma": (0.3, 10.0), "proton": (1.0, 20.0)}
OPTIONS = {"channels": ["image", "peak_time", "image_mask", "valid"], "columns": ["hillas_intensity", "timing_slope"]}
LEVELS = ["telescope", "subarray"]
ARRAY = """\
tel_id,camera,x,y,z
1,hex331,60,0,0
2,MAGICCam,0,60,5
5,hex331,-60,0,0
"""


@pytest.fixture(scope="module")
def folder(showers: Showers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of an array of two types of telescope, three of gammas and one of protons, and the array."""
    folder = tmp_path_factory.mktemp("stream")
    (folder / "three.csv").write_text(ARRAY)
    for particle, events in EVENTS.items():
        arguments = ("-o", folder, "--array", folder / "three.csv", "--particle", particle, "--events", events)
        done = showers(*arguments, "--events-per-file", 10, "--energy-range", *ENERGIES[particle])
        assert done.returncode == 0, done.stderr
    return folder


def streamed(folder: Path, **options: object) -> ShowerStream:
    given = {"array": str(folder / "three.csv"), "energy_range": ENERGIES, "events_per_file": 10} | options
    return ShowerStream(EVENTS, **given)  # type: ignore[arg-type]


def read(folder: Path, **options: object) -> EventSource:
    loader = Registry(Switches()).discover().load("core.dl1", kind="loader")
    source: EventSource = loader(sorted(folder.glob("*.h5")), **options)
    return source


@pytest.fixture(scope="module", params=LEVELS)
def pair(request: pytest.FixtureRequest, folder: Path) -> tuple[ShowerStream, EventSource]:
    """A stream, and what ``core.dl1`` reads of the files. At subarray level, memory has room for one shower only."""
    mono = request.param == "telescope"
    options = OPTIONS | {"level": request.param, "cameras": "hex331" if mono else None}
    return streamed(folder, **options, buffer_mb=500 if mono else 0.001), read(folder, **options)


OF_FILES = {
    "file",
    "table_row",
    "time",
    "simulated_spectral_index",
    "true_impact_distance",
    "true_impact_distance_uncert",
}
"""Columns that a stream does not have."""


def test_a_stream_is_an_event_source(pair: tuple[ShowerStream, EventSource]) -> None:
    assert isinstance(pair[0], EventSource)


def test_its_table_is_that_of_the_files(pair: tuple[ShowerStream, EventSource]) -> None:
    for mine, theirs in ((s.events, f.events) for s, f in [pair]):
        for a, b in ((mine, theirs), (mine.images, theirs.images)):
            assert set(b.names) - set(a.names) <= OF_FILES
            assert set(a.names) <= set(b.names)
            for name in a.names:
                assert a[name].dtype == b[name].dtype, name
                np.testing.assert_array_equal(a[name], b[name], err_msg=name)
        np.testing.assert_array_equal(mine.offsets, theirs.offsets)


def test_its_batches_are_those_of_the_files(pair: tuple[ShowerStream, EventSource]) -> None:
    rows = np.random.default_rng(5).permutation(len(pair[0].events))[:20]
    mine, theirs = (source.read(rows) for source in pair)
    assert set(mine.images) == set(theirs.images)
    for key, images in mine.images.items():
        other = theirs.images[key]
        assert images.channels == other.channels
        for name in ("pixels", "event", "telescope", "position", "pointing"):
            a, b = getattr(images, name), getattr(other, name)
            assert a.dtype == b.dtype
            assert torch.equal(a, b), name
        assert set(images.columns) == {"hillas_intensity", "timing_slope"}
        for name in images.columns:
            assert torch.allclose(images.columns[name], other.columns[name], rtol=0, atol=0, equal_nan=True)
    assert set(mine.events) == set(theirs.events)
    for name, values in mine.events.items():
        assert torch.equal(values, theirs.events[name]), name


def test_its_cameras_are_those_of_the_files(pair: tuple[ShowerStream, EventSource]) -> None:
    mine, theirs = (source.inputs for source in pair)
    assert mine.level == theirs.level
    assert set(mine.cameras) == set(theirs.cameras)
    for key, camera in mine.cameras.items():
        assert camera.geometry.same_as(theirs.cameras[key].geometry)
        assert (camera.shape, camera.channels) == (theirs.cameras[key].shape, theirs.cameras[key].channels)


def test_blocks_have_every_row_once(pair: tuple[ShowerStream, EventSource]) -> None:
    stream = pair[0]
    assert (stream.blocks[0], stream.blocks[-1]) == (0, len(stream.events))
    for start, stop in pairwise(stream.blocks.tolist()):
        keys = {tuple(int(stream.events[n][row]) for n in ("obs_id", "event_id")) for row in range(start, stop)}
        assert len(keys) == 1


def test_capacity_is_what_fits_in_memory(pair: tuple[ShowerStream, EventSource]) -> None:
    stream = pair[0]
    assert stream.capacity == (len(stream.events) if stream.inputs.level == "telescope" else 0)


def test_memory_keeps_showers_to_its_limit(pair: tuple[ShowerStream, EventSource]) -> None:
    stream = pair[0]
    stream.close()
    assert len(stream._cache) == 0
    rows = np.arange(min(10, len(stream.events)))
    events = {(int(stream.events["obs_id"][r]), int(stream.events["event_id"][r])) for r in rows}
    stream.read(rows)
    assert len(stream._cache) == (len(events) if stream.inputs.level == "telescope" else 1)


def test_rows_may_be_none(pair: tuple[ShowerStream, EventSource]) -> None:
    batch = pair[0].read(np.empty(0, dtype=np.int64))
    assert len(batch) == 0
    if pair[0].inputs.level == "telescope":
        assert batch.mono.pixels.shape == (0, 4, 331)


def test_several_cameras_are_refused_at_telescope_level(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"choose one, such as cameras='hex331'"):
        streamed(folder)


def test_all_that_is_wrong_is_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        ShowerStream(
            {"gama": 10, "proton": 0},
            array="mst-moo",
            zenith=80.0,
            energy_range={"protn": (1, 2)},
            channels=["imag"],
            columns=["true_energy", "hillas_intens"],
        )
    told = [problem.where for problem in caught.value.problems]
    assert told == ["particles", "energy_range", "channels", "columns", "columns", "particles", "zenith", "array"]


def test_cameras_that_the_array_does_not_have_are_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"cameras: no telescope has 'LSTCam'"):
        streamed(folder, cameras="LSTCam")


SETTINGS = """
from gammalearn_core import Experiment
from gammalearn_core import ref

experiment = Experiment(
    name="stream",
    data=ref("showers.stream", particles={"gamma": 60, "proton": 60}, array="mst-mono", camera="hex331",
             energy_range={"gamma": (0.3, 10), "proton": (1, 20)}),
    transforms=[ref("core.log_charge"), ref("core.to_square")],
    network=ref("core.cnn2d"),
    losses={"particle": ref("core.cross_entropy"), "energy": ref("core.l1"), "direction": ref("core.smooth_l1")},
    epochs=1,
    batch_size=32,
    threads=1,
    reports=[ref("core.html")],
)
"""


def test_a_network_is_trained_without_a_file(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(SETTINGS)
    command = [sys.executable, "-m", "gammalearn_core", "run", "settings.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in tmp_path.glob("runs/*/*/run.json"))
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"particle/auc", "energy/bias", "direction/median"} <= set(last["validation"])
    assert (folder / "report.html").stat().st_size > 10_000

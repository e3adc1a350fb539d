"""DL2 files that we write, read by ctapipe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

import astropy.units as u
import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from astropy.coordinates import AltAz
from astropy.coordinates import SkyCoord
from astropy.table import Table
from ctapipe.coordinates import TelescopeFrame
from ctapipe.core import run_tool
from ctapipe.instrument import SubarrayDescription
from ctapipe.io import EventSource
from ctapipe.io import TableLoader
from ctapipe.io.metadata import read_reference_metadata
from ctapipe.tools.merge import MergeTool

from gammalearn_core import Target
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.cli import main
from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import to_offset
from gammalearn_core.data.split import TEST
from gammalearn_core.data.split import split
from gammalearn_core.data.truth import Task
from gammalearn_core.plugin import Registry
from gammalearn_core.results.dl2 import write_dl2
from gammalearn_core.results.dl2 import write_dl2_of
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import write_raw
from gammalearn_core.results.predictions import Predictions

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"

SETTINGS = f"""
from gammalearn_core import Experiment, ref

DATA = {str(EXAMPLES) + "/"!r}
experiment = Experiment(
    name="interop",
    threads=1,
    data=ref("core.dl1", paths=[DATA + "gamma_[mp]*.h5", DATA + "proton*.h5"], cameras={{cameras}}),
    filters=[ref("core.intensity", minimum=50)],
    transforms=[ref("core.log_charge"), ref("core.to_square", method="rebinning", size=16)],
    network=ref("core.cnn2d", channels=[4]),
    losses={{losses}},
    epochs=1,
    test=0.4,
    reports=[],
)
"""
ALL = '{"particle": ref("core.cross_entropy"), "energy": ref("core.l1"), "direction": ref("core.l1")}'


def predict(folder: Path, cameras: str, losses: str = ALL) -> list[Path]:
    """DL2 files of a run."""
    path = folder / "settings.py"
    path.write_text(SETTINGS.format(cameras=repr(cameras), losses=losses), encoding="utf-8")
    assert main(["run", str(path), "--logdir", str(folder / "runs")]) == 0
    return sorted(folder.glob("runs/interop/*/predictions/*.h5"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return predict(tmp_path_factory.mktemp("mst"), "NectarCam")


@pytest.fixture(scope="module")
def digicam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    losses = '{"energy": ref("core.l1"), "direction": ref("core.l1")}'
    (path,) = predict(tmp_path_factory.mktemp("sst"), "DigiCam", losses)
    return path


def registry_task(name: str) -> Task:
    registry = Registry().discover()
    record = registry.find(f"core.{name}", kind="target")
    assert isinstance(record, Target)
    return Task(name=name, id=f"core.{name}", record=record, codec=registry.load(f"core.{name}", kind="target")())


def event_ids(table: h5py.Dataset) -> set[tuple[int, int]]:
    return set(zip(table["obs_id"].tolist(), table["event_id"].tolist(), strict=True))


def telescope_events(path: Path) -> Table:
    with TableLoader(path, focal_length_choice="EQUIVALENT") as loader:
        return loader.read_telescope_events(dl1_parameters=False, dl2=True, simulated=True, true_parameters=False)


def test_there_is_a_file_a_particle(files: list[Path]) -> None:
    names = [p.name for p in files]
    assert names[0] == "gamma.dl2.h5"
    assert "proton.dl2.h5" in names


@pytest.mark.filterwarnings("ignore")
def test_ctapipe_reads_the_predictions_with_their_units(digicam: Path) -> None:
    events = telescope_events(digicam)
    assert events["GammaLearnEnergy_tel_energy"].unit == u.TeV
    assert events["GammaLearnDirection_tel_alt"].unit == u.deg
    assert events["GammaLearnDirection_tel_az"].unit == u.deg
    assert events["GammaLearnEnergy_tel_is_valid"].dtype == bool
    valid = events["GammaLearnEnergy_tel_is_valid"]
    assert valid.any()
    assert not valid.all()
    assert np.isfinite(events["GammaLearnEnergy_tel_energy"][valid]).all()
    assert np.isnan(events["GammaLearnEnergy_tel_energy"][~valid]).all()


@pytest.mark.filterwarnings("ignore")
def test_ctapipe_reads_events_of_a_mono_network(files: list[Path]) -> None:
    for path in files:
        telescopes = telescope_events(path)
        with TableLoader(path, focal_length_choice="EQUIVALENT") as loader:
            events = loader.read_subarray_events(dl2=True, simulated=True)
            shape = (len(events), len(loader.subarray))
        assert events["GammaLearnParticle_telescopes"].shape == shape
        used = np.asarray(events["GammaLearnParticle_telescopes"]).sum(axis=1)
        valid = np.ma.filled(telescopes["GammaLearnParticle_tel_is_valid"], False)
        assert used.sum() == valid.sum() > 0
        assert ((used > 0) == events["GammaLearnParticle_is_valid"]).all()


@pytest.mark.filterwarnings("ignore")
def test_ctapipes_event_source_gives_our_predictions(files: list[Path]) -> None:
    gammas, seen = files[0], 0
    with EventSource(gammas, focal_length_choice="EQUIVALENT") as source:
        for event in source:
            reconstructed = event.dl2.stereo.classification["GammaLearnParticle"]
            assert reconstructed.is_valid == np.isfinite(reconstructed.prediction)
            valid = [i for i, tel in event.dl2.tel.items() if tel.classification["GammaLearnParticle"].is_valid]
            assert sorted(source.subarray.tel_mask_to_tel_ids(reconstructed.telescopes)) == sorted(valid)
            seen += reconstructed.is_valid
    assert seen > 0


@pytest.mark.filterwarnings("ignore")
def test_ctapipe_merges_our_files(tmp_path: Path) -> None:
    written = []
    for number in range(2):
        path = tmp_path / f"run{number}.h5"
        shutil.copy(EXAMPLES / "gamma_prod4_sst1m.dl1.h5", path)
        with h5py.File(path, "r+") as h5:
            _set_run(h5, number)
        source = DL1Source(path)
        # Of the first file, some telescopes have no prediction.
        rows = np.arange(40 if number == 0 else 0, len(source.events))
        events, energy = source.events.take(rows), registry_task("energy")
        values = {"energy": energy.codec.decode(energy.codec.encode(events), events)}
        predictions = Predictions(events=events, rows=rows, values=values)
        source.close()
        written.append(write_dl2_of(tmp_path / f"{number}.dl2.h5", path, predictions, {"energy": energy}, "x"))
    assert run_tool(MergeTool(), [*map(str, written), f"--output={tmp_path / 'all.dl2.h5'}"], cwd=tmp_path) == 0
    parts = [telescope_events(path) for path in written]
    merged = telescope_events(tmp_path / "all.dl2.h5")
    assert len(merged) == sum(map(len, parts))
    valid = [np.ma.filled(t["GammaLearnEnergy_tel_is_valid"], False).sum() for t in (merged, *parts)]
    assert valid[0] == valid[1] + valid[2]


@pytest.mark.filterwarnings("ignore")
def test_gammaness_is_a_probability_of_gammas(files: list[Path]) -> None:
    for path in files:
        events = telescope_events(path)
        if "GammaLearnParticle_tel_prediction" in events.colnames:
            gammaness = events["GammaLearnParticle_tel_prediction"][events["GammaLearnParticle_tel_is_valid"]]
            assert ((gammaness >= 0) & (gammaness <= 1)).all()


@pytest.mark.filterwarnings("ignore")
def test_every_row_of_the_test_showers_is_there_once_in_trigger_order(digicam: Path) -> None:
    run = json.loads((digicam.parents[1] / "run.json").read_text())
    events = telescope_events(digicam)
    keys = list(zip(events["obs_id"], events["event_id"], events["tel_id"], strict=True))
    assert len(set(keys)) == len(keys)
    assert int(events["GammaLearnEnergy_tel_is_valid"].sum()) == run["splits"]["test"]["samples"]
    with h5py.File(digicam) as h5:
        trigger = h5["dl1/event/telescope/trigger"][:]
        for name, table in h5["dl2/event/telescope/energy/GammaLearnEnergy"].items():
            rows = trigger[trigger["tel_id"] == int(name[4:])]
            assert (rows["event_id"] == table["event_id"][:]).all()


@pytest.mark.filterwarnings("ignore")
def test_only_showers_of_the_test_split_are_in_the_file(digicam: Path) -> None:
    with h5py.File(EXAMPLES / "gamma_prod4_sst1m.dl1.h5") as whole, h5py.File(digicam) as part:
        before, after = (event_ids(h5["simulation/event/subarray/shower"]) for h5 in (whole, part))
        trigger = event_ids(part["dl1/event/subarray/trigger"])
    assert after < before
    assert after == trigger


@pytest.mark.filterwarnings("ignore")
def test_the_number_of_showers_is_scaled_to_the_split(digicam: Path) -> None:
    with TableLoader(EXAMPLES / "gamma_prod4_sst1m.dl1.h5") as loader:
        before = loader.read_simulation_configuration()["n_showers"][0]
    with TableLoader(digicam, focal_length_choice="EQUIVALENT") as loader:
        configuration = loader.read_simulation_configuration()
        thrown = loader.read_shower_distribution()["n_entries"].sum()
    assert configuration["n_showers"][0] == round(0.4 * before)
    with h5py.File(EXAMPLES / "gamma_prod4_sst1m.dl1.h5") as h5:
        entries = h5["simulation/service/shower_distribution"]["n_entries"].sum()
    assert thrown == pytest.approx(0.4 * entries, rel=0.2)


@pytest.mark.filterwarnings("ignore")
def test_runs_without_a_trigger_in_the_split_still_count_their_showers(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"run{number}.h5")
        shutil.copy(EXAMPLES / "gamma_prod4_sst1m.dl1.h5", paths[-1])
        with h5py.File(paths[-1], "r+") as h5:
            _set_run(h5, number)
    sources = DL1Source(paths)
    rows = np.flatnonzero(split(sources.events, validation=0.0, test=0.05) == TEST)
    events = sources.events.take(rows)
    assert 0 < len(np.unique(events["file"])) < 4
    energy = registry_task("energy")
    values = {"energy": energy.codec.decode(energy.codec.encode(events), events)}
    predictions = Predictions(events=events, rows=rows, values=values)
    (written,) = write_dl2(tmp_path / "dl2", predictions, tasks={"energy": energy}, files=paths, name="x", share=0.05)
    sources.close()
    with h5py.File(paths[0]) as one, h5py.File(written) as all_of_them:
        thrown = one["configuration/simulation/run"]["n_showers"].sum()
        assert len(all_of_them["configuration/simulation/run"]) == 4
        assert all_of_them["configuration/simulation/run"]["n_showers"].sum() == 4 * round(0.05 * thrown)


def _set_run(h5: h5py.File, number: int) -> None:
    """Give all tables another run number, and the showers other energies."""

    def change(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and "obs_id" in (node.dtype.names or ()):
            rows = read_raw(node)
            rows["obs_id"] = 1000 + number
            if "true_energy" in rows.dtype.names:
                rows["true_energy"] *= 1 + 0.01 * number
            write_raw(node, rows)

    h5.visititems(change)


@pytest.mark.filterwarnings("ignore")
def test_ctapipe_reads_the_instrument_and_the_reference_metadata(digicam: Path) -> None:
    subarray = SubarrayDescription.from_hdf(digicam)
    assert len(subarray) == 70
    assert subarray == SubarrayDescription.from_hdf(EXAMPLES / "gamma_prod4_sst1m.dl1.h5")
    metadata = read_reference_metadata(digicam)
    metadata = metadata if isinstance(metadata, dict) else metadata.to_dict()
    assert metadata["CTA PRODUCT DATA LEVELS"] == "DL2"
    assert metadata["CTA ACTIVITY SOFTWARE NAME"] == "gammalearn-core"


@pytest.mark.filterwarnings("ignore")
def test_predictions_that_are_the_truth_come_back_as_the_truth(tmp_path: Path) -> None:
    path = EXAMPLES / "gamma_prod4_sst1m.dl1.h5"
    source = DL1Source(path)
    rows = np.flatnonzero(split(source.events, validation=0.0, test=0.5) == TEST)
    events = source.events.take(rows)
    tasks = {name: registry_task(name) for name in ("energy", "direction")}
    values = {name: task.codec.decode(task.codec.encode(events), events) for name, task in tasks.items()}
    predictions = Predictions(events=events, rows=rows, values=values)
    (written,) = write_dl2(tmp_path, predictions, tasks=tasks, files=[path], name="truth", share=0.5)
    read = telescope_events(written)
    source.close()
    assert read["GammaLearnEnergy_tel_is_valid"].all()
    np.testing.assert_allclose(read["GammaLearnEnergy_tel_energy"], read["true_energy"], rtol=1e-5)
    np.testing.assert_allclose(read["GammaLearnDirection_tel_alt"], read["true_alt"], atol=1e-5)
    turn = np.asarray(read["GammaLearnDirection_tel_az"]) - np.asarray(read["true_az"])
    np.testing.assert_allclose((turn + 180) % 360 - 180, 0, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("level", ["telescope", "subarray"])
@pytest.mark.parametrize("names", [("impact",), ("direction", "impact")])
def test_ctapipe_reads_impact_points_alone_and_beside_directions(
    tmp_path: Path, level: Literal["telescope", "subarray"], names: tuple[str, ...]
) -> None:
    path = EXAMPLES / "gamma_prod4_sst1m.dl1.h5"
    source = DL1Source(path, level=level)
    tasks = {name: registry_task(name) for name in names}
    events = source.events
    values = {name: task.codec.decode(task.codec.encode(events), events) for name, task in tasks.items()}
    source.close()
    predictions = Predictions(events=events, rows=np.arange(len(events)), values=values)
    written = write_dl2_of(tmp_path / "gamma.dl2.h5", path, predictions, tasks, "truth")
    with TableLoader(written, focal_length_choice="EQUIVALENT") as loader:
        read = loader.read_subarray_events(dl2=True, simulated=True)
    for axis in ("x", "y"):
        column = read[f"GammaLearnImpact_core_{axis}"]
        assert column.unit == u.m
        np.testing.assert_allclose(column, read[f"true_core_{axis}"], rtol=1e-6)
    if "direction" in names:
        np.testing.assert_allclose(read["GammaLearnDirection_alt"], read["true_alt"], atol=1e-5)
    with EventSource(written, focal_length_choice="EQUIVALENT") as opened:
        for number, event in enumerate(opened):
            found = event.dl2.stereo.geometry["GammaLearnImpact"]
            assert found.is_valid
            assert found.core_x.to_value(u.m) == pytest.approx(read["true_core_x"][number], rel=1e-6)
    if level == "telescope":
        rows = telescope_events(written)
        np.testing.assert_allclose(rows["GammaLearnImpact_tel_core_x"], rows["true_core_x"], rtol=1e-6)


@pytest.mark.parametrize("az0", [0.0, 123.4, 359.9])
@pytest.mark.parametrize("alt0", [20.0, 70.0, 89.0])
def test_offsets_are_those_of_ctapipes_telescope_frame(alt0: float, az0: float) -> None:
    rng = np.random.default_rng(0)
    alt, az = alt0 + rng.uniform(-0.9, 0.9, 50), az0 + rng.uniform(-5, 5, 50)
    pointing = AltAz(alt=alt0 * u.deg, az=az0 * u.deg)
    frame = TelescopeFrame(telescope_pointing=pointing)
    theirs = SkyCoord(alt=alt * u.deg, az=az * u.deg, frame=AltAz()).transform_to(frame)
    lon, lat = to_offset(alt, az, alt0, az0)
    np.testing.assert_allclose(lon, theirs.fov_lon.to_value(u.deg), atol=1e-9)
    np.testing.assert_allclose(lat, theirs.fov_lat.to_value(u.deg), atol=1e-9)
    back_alt, back_az = from_offset(lon, lat, alt0, az0)
    np.testing.assert_allclose(back_alt, alt, atol=1e-9)
    np.testing.assert_allclose((back_az - az + 180) % 360 - 180, 0, atol=1e-9)

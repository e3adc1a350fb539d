"""What a run is, in this process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC
from datetime import datetime
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
from conftest import small

from gammalearn_core import SettingsError
from gammalearn_core import UnknownComponentError
from gammalearn_showers.dl1 import read_provenance
from gammalearn_showers.plan import instrument_digest
from gammalearn_showers.plan import make_plan
from gammalearn_showers.plan import thrown_in
from gammalearn_showers.runs import NoEventsError
from gammalearn_showers.runs import blocks
from gammalearn_showers.runs import created
from gammalearn_showers.runs import obs_id
from gammalearn_showers.simulator import Simulator

TRIGGER = "dl1/event/subarray/trigger"
RUN = "configuration/simulation/run"


def ids(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with h5py.File(path) as file:
        trigger = file[TRIGGER][:]
    return trigger["obs_id"], trigger["event_id"]


def test_a_run_ends_at_the_shower_that_gives_its_last_event(made: Path) -> None:
    path = made / "gamma_run00002.dl1.h5"
    _, event_id = ids(path)
    assert len(event_id) == 250
    assert thrown_in(path) == event_id[-1]


@pytest.mark.parametrize("size", [7, 64, 500])
def test_the_size_of_blocks_changes_nothing(simulator: Simulator, size: int) -> None:
    found = list(blocks(simulator, 1, 30, size=size))
    reference = list(blocks(simulator, 1, 30, size=100))
    for name in ("energy", "az", "x_max"):
        a, b = (np.concatenate([getattr(block.showers, name) for block in side]) for side in (found, reference))
        np.testing.assert_array_equal(a, b)
    a, b = (np.concatenate([block.images[0].charge for block in side]) for side in (found, reference))
    assert len(a) == 30
    np.testing.assert_array_equal(a, b)


def test_the_images_of_a_cut_block_belong_to_its_showers(simulator: Simulator) -> None:
    *_, last = blocks(simulator, 1, 30)
    assert last.showers.triggered[-1]
    assert last.images[0].shower.max() == len(last.showers) - 1


def test_obs_ids_differ_between_particles_and_runs() -> None:
    found = {obs_id(small(p).production(), run) for p in ("gamma", "electron", "proton") for run in (1, 2, 99_999)}
    assert sorted(found) == [1, 2, 99_999, 100_001, 100_002, 199_999, 10_100_001, 10_100_002, 10_199_999]


def test_files_have_the_obs_id_of_their_run(made: Path) -> None:
    for run, path in enumerate(sorted(made.iterdir()), start=1):
        assert set(ids(path)[0].tolist()) == {run}


def test_a_run_depends_on_the_seed(simulator: Simulator, made: Path) -> None:
    other = Simulator(small(seed=1).production())
    first, second = (next(blocks(s, 1, 30)).showers.energy[:5] for s in (simulator, other))
    assert (first != second).all()


def test_showers_that_never_trigger_end_in_an_error() -> None:
    simulator = Simulator(small(energy_range=(0.005, 0.006)).production())
    with pytest.raises(NoEventsError, match=r"has not triggered on 640 gammas in a row \(0.005 to 0.006 TeV"):
        list(blocks(simulator, 1, 10, hopeless=600))


def test_a_file_tells_what_it_was_made_with(made: Path) -> None:
    found = read_provenance(made / "gamma_run00003.dl1.h5")
    assert (found["run"], found["events"], found["events_per_file"]) == (3, 250, 250)
    assert (found["particle"], found["camera"], found["seed"]) == ("gamma", "hex331", 0)
    assert (found["energy_min"], found["energy_max"], found["viewcone"]) == (0.3, 10.0, 3.0)
    assert found["version"]
    assert found["model"]


def test_thrown_showers_of_a_file_are_those_of_its_run_table(made: Path) -> None:
    path = made / "gamma_run00001.dl1.h5"
    with h5py.File(path) as file:
        assert file[RUN]["n_showers"][0] == thrown_in(path)
        assert file[RUN]["energy_range_max"][0] == 10.0


def test_defaults_go_with_particle_and_array() -> None:
    gamma, proton = small(energy_range=None).production(), small("proton", energy_range=None).production()
    assert (gamma.energy_range, gamma.viewcone, gamma.scatter_radius) == ((0.05, 50.0), 3.0, 400.0)
    assert (proton.energy_range, proton.viewcone, proton.scatter_radius) == ((0.1, 100.0), 3.0, 500.0)
    assert gamma.min_telescopes == 1
    stereo = small(array="4mst").production()
    assert (stereo.min_telescopes, stereo.scatter_radius) == (2, 514.0)


def test_all_that_is_wrong_is_told_together() -> None:
    wrong = small("gama", array="5mst", camera="NectrCam", zenith=61, viewcone=-1, seed=-1, energy_range=(2, 1))
    with pytest.raises(SettingsError) as caught:
        wrong.production()
    where = [problem.where for problem in caught.value.problems]
    assert where == ["particle", "zenith", "energy_range", "viewcone", "seed", "array", "camera"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 61.0])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    (problem,) = small(zenith=value).problems()
    assert problem.where == "zenith"


def test_no_pointing_is_beyond_the_zenith() -> None:
    alt, az = small(zenith=0, azimuth=90).production().pointing
    assert np.pi / 2 - 2e-7 < float(alt) <= np.pi / 2, "astropy would refuse it"
    assert az == np.float32(np.pi / 2)


def test_an_unknown_primary_is_refused() -> None:
    with pytest.raises(ValueError, match="muon"):
        attrs.evolve(small().production(), primary="muon")


def test_the_digest_of_an_array_depends_on_where_telescopes_stand(tmp_path: Path) -> None:
    digests = []
    for x in (0, 1):
        path = tmp_path / "array.csv"
        path.write_text(f"tel_id,camera,x,y,z\n1,hex331,{x},0,0\n")
        digests.append(instrument_digest(small(array=str(path), camera=None).production().subarray))
    assert digests[0] != digests[1]


def test_a_plan_keeps_what_is_there_and_remakes_what_is_short(made: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "copy")
    (folder / "gamma_run00002.dl1.h5").unlink()
    parameters = small()
    plan = make_plan(folder, parameters, parameters.production(), events=1300, per_file=250)
    assert plan.kept == (1, 3, 4)
    assert plan.missing == {2: 250, 5: 250, 6: 50}


def test_fewer_events_than_there_are_need_nothing(made: Path) -> None:
    parameters = small()
    plan = make_plan(made, parameters, parameters.production(), events=260, per_file=250)
    assert (plan.missing, plan.kept) == ({}, (1, 2))


def test_too_little_space_is_told_ahead(tmp_path: Path) -> None:
    parameters = small(array="4mst", camera=None)
    events = 10**14
    with pytest.raises(SettingsError, match=r"MB left, and 100000000000000 events may take"):
        make_plan(tmp_path, parameters, parameters.production(), events=events, per_file=events)


def test_the_time_of_making_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert created() == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    assert abs((created() - datetime.now(UTC)).total_seconds()) < 5


LOOP = """
from gammalearn_showers.compiled import compiled, is_compiled

@compiled
def double(x):
    return 2 * x

print(is_compiled(double), double(3), is_compiled(double))
"""


def doubled(folder: Path, environment: dict[str, str]) -> str:
    """What `LOOP` prints in a new interpreter."""
    (folder / "loop.py").write_text(LOOP)
    command = [sys.executable, "-c", "import loop"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_what_is_compiled_is_kept_where_numba_is_told(tmp_path: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert doubled(tmp_path, environment) == "False 6 True"
    assert doubled(tmp_path, environment) == "True 6 True"


def test_what_cannot_be_kept_is_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("not a folder")
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "NUMBA_CACHE_DIR": "/dev/null/no"}
    assert doubled(tmp_path, nowhere) == "False 6 False"


def test_an_unknown_camera_is_still_its_own_error() -> None:
    from gammalearn_showers.instrument import camera

    with pytest.raises(UnknownComponentError, match="did you mean 'NectarCam'"):
        camera("NectrCam")

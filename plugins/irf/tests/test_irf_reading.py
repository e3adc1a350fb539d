from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from irf_truth import TASKS
from irf_truth import thrown
from irf_truth import write_dl2
from irf_truth import write_table

from gammalearn_core import DataError
from gammalearn_core import SettingsError
from gammalearn_irf.finding import find_files
from gammalearn_irf.reading import Sample
from gammalearn_irf.reading import read_samples

GAMMAS = thrown(primary=0, count=200, seed=1)
COUNT = len(GAMMAS["event_id"])


def read(*paths: Path) -> dict[int, Sample]:
    return read_samples(paths)[0]


def test_events_have_angles_and_showers_count_each_use(tmp_path: Path) -> None:
    sample = read(write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS))[0]
    assert len(sample.events) == sample.triggered == COUNT
    assert sample.thrown.n_showers == 200
    assert sample.algorithms["gammaness"] == "GammaLearnParticle"
    assert sample.events["true_source_fov_offset"].to_value("deg").max() < 2
    assert 0.05 < np.median(sample.events["theta"].to_value("deg")) < 0.2


def test_an_event_without_a_prediction_is_left_out_and_counted(tmp_path: Path) -> None:
    holes = GAMMAS | {"energy": np.where(np.arange(COUNT) < 7, np.nan, GAMMAS["energy"])}
    sample = read(write_dl2(tmp_path / "gamma.dl2.h5", holes))[0]
    assert (len(sample.events), sample.triggered) == (COUNT - 7, COUNT)


def test_rows_of_truth_may_be_in_another_order(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS)
    expected = read(path)[0].events
    with h5py.File(path, "r+") as h5:
        rows = h5["/simulation/event/subarray/shower"]
        rows[...] = rows[...][::-1]
    found = read(path)[0].events
    assert (found["true_energy"] == expected["true_energy"]).all()
    assert (found["theta"] == expected["theta"]).all()


def test_files_of_one_particle_are_joined(tmp_path: Path) -> None:
    more = GAMMAS | {"obs_id": GAMMAS["obs_id"] + 1}
    paths = [write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS), write_dl2(tmp_path / "gamma_2.dl2.h5", more)]
    sample = read(*paths)[0]
    assert (sample.thrown.n_showers, len(sample.events)) == (400, 2 * COUNT)


def test_files_of_other_simulations_are_not_joined(tmp_path: Path) -> None:
    paths = [
        write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS),
        write_dl2(tmp_path / "gamma_2.dl2.h5", GAMMAS, max_scatter_range=[400.0]),
    ]
    with pytest.raises(DataError, match=r"gamma_2\.dl2\.h5 and .* differ in max_impact"):
        read(*paths)


def test_predictions_of_one_telescope_are_those_of_its_events(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS)
    expected = read(path)[0].events
    move_to_telescopes(path, "tel_001")
    found = read(path)[0].events
    assert (found["reco_energy"] == expected["reco_energy"]).all()


def test_predictions_of_several_telescopes_alone_are_refused(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS)
    move_to_telescopes(path, "tel_001", "tel_002")
    with pytest.raises(DataError, match="of several telescopes, and none of events"):
        read(path)


def move_to_telescopes(path: Path, *telescopes: str) -> None:
    """As files were that had no predictions of events."""
    with h5py.File(path, "r+") as h5:
        for group, (task, _) in TASKS.items():
            name = f"GammaLearn{task}"
            rows = h5[f"/dl2/event/subarray/{group}/{name}"][...]
            columns = {n.replace(name, f"{name}_tel"): rows[n] for n in rows.dtype.names}
            for telescope in telescopes:
                write_table(h5, f"/dl2/event/telescope/{group}/{name}/{telescope}", columns)
        del h5["/dl2/event/subarray"]


def test_observations_are_told_and_not_used(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "observed.dl2.h5", GAMMAS)
    with h5py.File(path, "r+") as h5:
        del h5["/simulation"]
    samples, notes = read_samples([path])
    assert not samples
    assert notes == ["observed.dl2.h5 has no simulated truth, and is not used"]


def test_a_file_of_several_particles_is_refused(tmp_path: Path) -> None:
    mixed = GAMMAS | {"true_shower_primary_id": np.where(np.arange(COUNT) < 5, 101, 0)}
    with pytest.raises(DataError, match="holds 2 kinds of particles"):
        read(write_dl2(tmp_path / "mixed.dl2.h5", mixed))


def test_a_spectrum_that_pyirf_cannot_weigh_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="spectral index -1 cannot be weighed"):
        read(write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS, spectral_index=[-1.0]))


def test_a_simulation_without_showers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="counts no shower"):
        read(write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS, n_showers=[0]))


@pytest.mark.parametrize("path", ["/configuration/simulation/run", "/dl1/event/subarray/trigger"])
def test_a_table_that_is_missing_is_named(tmp_path: Path, path: str) -> None:
    file = write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS)
    with h5py.File(file, "r+") as h5:
        del h5[path]
    with pytest.raises(DataError, match=f"there is no table {path}"):
        read(file)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "gamma.dl2.h5", GAMMAS)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"gamma\.dl2\.h5 cannot be read"):
        read(path)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no DL2 file"):
        find_files(tmp_path)
    with pytest.raises(SettingsError, match="does not exist"):
        find_files(tmp_path / "nowhere")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(SettingsError, match="the run has written no predictions"):
        find_files(tmp_path)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from gb_truth import showers
from gb_truth import write_dl2
from gb_truth import write_lstchain

from gammalearn_core import DataError
from gammalearn_gammaboard_export.reading import Thrown
from gammalearn_gammaboard_export.reading import read_samples


def test_only_events_with_every_prediction_are_rows_and_all_are_triggers(tmp_path: Path) -> None:
    made = showers(primary=0)
    samples = read_samples([write_dl2(tmp_path / "gamma.dl2.h5", made)])
    valid = made["valid"]
    assert len(samples.gammas) == valid.sum() == 360
    assert len(samples.gammas.triggered) == 400
    np.testing.assert_array_equal(samples.gammas.columns["reco_energy"], made["energy"][valid])
    np.testing.assert_array_equal(samples.gammas.columns["true_core_x"], made["true_core_x"][valid])
    assert all(np.isfinite(values).all() for values in samples.gammas.columns.values())


def test_lstchain_and_ctapipe_layouts_give_the_same_events(tmp_path: Path) -> None:
    made = showers(primary=0)
    one = read_samples([write_dl2(tmp_path / "a" / "gamma.dl2.h5", made, tasks=("energy", "direction", "particle"))])
    two = read_samples([write_lstchain(tmp_path / "b" / "gamma.dl2.h5", made)])
    assert one.gammas.columns.keys() == two.gammas.columns.keys()
    for name, values in one.gammas.columns.items():
        np.testing.assert_allclose(two.gammas.columns[name], values, rtol=1e-12)
    np.testing.assert_array_equal(np.sort(two.gammas.triggered), np.sort(one.gammas.triggered))
    assert two.gammas.thrown == one.gammas.thrown


def test_all_that_is_no_gamma_is_one_background(tmp_path: Path) -> None:
    files = {0: "gamma", 1: "electron", 101: "proton"}
    paths = [write_dl2(tmp_path / f"{name}.dl2.h5", showers(primary=n)) for n, name in files.items()]
    samples = read_samples(paths)
    assert samples.background is not None
    assert samples.background.primaries == (1, 101)
    assert len(samples.background) == 720
    assert samples.background.thrown == "there are several particles, and GammaBoard takes one value"


def test_showers_of_all_runs_and_files_are_counted(tmp_path: Path) -> None:
    made = showers(primary=0)
    paths = [write_dl2(tmp_path / f"gamma{n}.dl2.h5", made) for n in ("", "_2")]
    thrown = read_samples(paths).gammas.thrown
    assert isinstance(thrown, Thrown)
    assert thrown.n_showers == 2 * 2 * 2 * (2500 // 2)
    assert thrown.parameters["min_scatter_range"] == 0


def test_files_without_a_prediction_still_count_as_showers_and_triggers(tmp_path: Path) -> None:
    made = showers(primary=0)
    lost = made | {"valid": np.zeros(400, dtype=bool)}
    samples = read_samples([write_dl2(tmp_path / "gamma.dl2.h5", made), write_dl2(tmp_path / "gamma_2.dl2.h5", lost)])
    assert (len(samples.gammas), len(samples.gammas.triggered)) == (360, 800)
    assert isinstance(samples.gammas.thrown, Thrown)
    assert samples.gammas.thrown.n_showers == 10_000


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"max_alt": [1.2, 1.1]}, "its runs differ in max_alt"),
        ({"max_alt": [np.nan, np.nan]}, r"does not say the altitude"),
        ({"n_showers": [0, 0]}, "counts no shower"),
    ],
)
def test_what_was_simulated_is_told_or_the_reason(tmp_path: Path, changed: dict[str, list[float]], why: str) -> None:
    samples = read_samples([write_dl2(tmp_path / "gamma.dl2.h5", showers(primary=0), **changed)])
    assert isinstance(samples.gammas.thrown, str)
    assert why in samples.gammas.thrown


def test_a_telescope_is_known_only_if_it_is_the_only_one(tmp_path: Path) -> None:
    one = read_samples([write_dl2(tmp_path / "a" / "gamma.dl2.h5", showers(primary=0))])
    four = read_samples([write_dl2(tmp_path / "b" / "gamma.dl2.h5", showers(primary=0), telescopes=4)])
    assert set(one.gammas.ids["tel_id"].tolist()) == {1}
    assert one.gammas.camera == "LSTCam"
    assert "tel_id" not in four.gammas.ids


def test_observed_data_are_no_gammas(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "observed.dl2.h5", showers(primary=0))
    with h5py.File(path, "a") as h5:
        del h5["/simulation"]
    with pytest.raises(DataError, match=r"no simulated gammas.*observed\.dl2\.h5 has no simulated truth"):
        read_samples([path])


def test_files_that_predict_different_things_are_no_experiment(tmp_path: Path) -> None:
    paths = [
        write_dl2(tmp_path / "gamma.dl2.h5", showers(primary=0)),
        write_dl2(tmp_path / "proton.dl2.h5", showers(primary=101), tasks=("energy", "particle")),
    ]
    with pytest.raises(DataError, match=r"differ in what they predict \(direction, impact\)"):
        read_samples(paths)


def without(path: str) -> Callable[[h5py.File], None]:
    """Something that removes a node."""

    def change(h5: h5py.File) -> None:
        del h5[path]

    return change


def mixed(h5: h5py.File) -> None:
    table = h5["/simulation/event/subarray/shower"]
    rows = table[:]
    rows["true_shower_primary_id"][0] = 101
    table[:] = rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("/dl2"), "has no predictions of events in /dl2/event/subarray"),
        (without("/dl1/event/subarray/trigger"), "there is no table /dl1/event/subarray/trigger"),
        (mixed, "holds gammas and other particles"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, change: Callable[[h5py.File], None], message: str) -> None:
    path = write_dl2(tmp_path / "gamma.dl2.h5", showers(primary=0))
    with h5py.File(path, "a") as h5:
        change(h5)
    with pytest.raises(DataError, match=message) as error:
        read_samples([path])
    assert "gamma.dl2.h5" in str(error.value)


def test_a_file_that_is_not_hdf5_is_named(tmp_path: Path) -> None:
    (tmp_path / "gamma.dl2.h5").write_bytes(b"no HDF5")
    with pytest.raises(DataError, match=r"gamma\.dl2\.h5 cannot be read"):
        read_samples([tmp_path / "gamma.dl2.h5"])

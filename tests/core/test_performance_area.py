"""Effective area and migration matrix, against integrals and counts that are made another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from gammalearn_core.data.table import EventTable
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance import SimulatedShowers
from gammalearn_core.results.performance import effective_area
from gammalearn_core.results.performance import migration_matrix
from gammalearn_core.results.performance import thrown_gammas
from gammalearn_core.results.performance.showers import read_showers

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


def thrown(**changes: float) -> SimulatedShowers:
    fields = {"n_showers": 1e5, "energy_min": 0.02, "energy_max": 50, "spectral_index": -2.0, "scatter_radius": 800}
    return SimulatedShowers(**(fields | changes))


@pytest.mark.parametrize("index", [-3.2, -2.0, -1.0, 0.0, 1.0])
def test_expected_showers_are_integrals_of_the_power_law_over_each_bin(index: float) -> None:
    found = thrown(spectral_index=index).expected(ENERGY_EDGES)
    whole = quad(lambda e: e**index, 0.02, 50, limit=500)[0]
    for i in (0, 1, 9, 17, 20):
        low, high = np.clip(ENERGY_EDGES[i : i + 2], 0.02, 50)
        part = quad(lambda e: e**index, low, high)[0]
        assert found[i] == pytest.approx(1e5 * part / whole, rel=1e-6)
    assert found.sum() == pytest.approx(1e5)


def test_a_drawn_spectrum_has_the_expected_counts() -> None:
    uniform = np.random.default_rng(1).random(100_000)
    energy = 1 / (1 / 0.02 + uniform * (1 / 50 - 1 / 0.02))
    counts = np.histogram(energy, ENERGY_EDGES)[0]
    expected = thrown().expected(ENERGY_EDGES)
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected) + 1e-9).all()


@pytest.mark.parametrize(
    "change",
    [
        {"n_showers": -1},
        {"energy_min": 0},
        {"energy_max": 0.01},
        {"scatter_radius": 0},
        {"spectral_index": float("nan")},
        {"energy_max": float("inf")},
    ],
)
def test_a_simulation_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no such simulation"):
        thrown(**change)


def test_a_known_efficiency_gives_its_share_of_the_circle() -> None:
    rng = np.random.default_rng(2)
    energy = 1 / (1 / 0.02 + rng.random(100_000) * (1 / 50 - 1 / 0.02))
    curve = effective_area(energy[rng.random(len(energy)) < 0.2], thrown())
    measured = curve.n > 100
    truth = 0.2 * np.pi * 800**2
    assert measured.sum() > 8
    assert np.mean((curve.low <= truth) & (truth <= curve.high), where=measured) > 0.7
    assert curve.value[measured] == pytest.approx(truth, rel=0.3)
    assert (curve.unit, curve.x) == ("m2", "true_energy")


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    showers = thrown(n_showers=1000, energy_min=1, energy_max=10)
    curve = effective_area(np.full(37, 2.0), showers, edges=[1, 10])
    ends = np.array([beta.ppf(0.025, 37, 964), beta.ppf(0.975, 38, 963)]) * showers.area
    assert [curve.low[0], curve.high[0]] == pytest.approx(ends)
    assert curve.value[0] == pytest.approx(0.037 * showers.area)


def test_a_bin_without_events_has_area_0_with_an_upper_end_and_one_without_showers_is_nan() -> None:
    curve = effective_area([], thrown(energy_min=1, energy_max=10), edges=[0.1, 1, 10])
    assert np.isnan([curve.value[0], curve.low[0], curve.high[0]]).all()
    assert (curve.value[1], curve.low[1]) == (0, 0)
    assert 0 < curve.high[1] < 1e-4 * np.pi * 800**2
    assert curve.n.tolist() == [0, 0]


def test_several_simulations_count_by_their_density_on_the_ground() -> None:
    near, far = thrown(scatter_radius=500, n_showers=1000), thrown(scatter_radius=1000, n_showers=4000)
    edges = [0.02, 50]
    both = effective_area(np.full(100, 1.0), [near, far], edges=edges)
    assert both.value[0] == pytest.approx(100 / (1000 / near.area + 4000 / far.area))
    split = effective_area(np.full(100, 1.0), [thrown(n_showers=700), thrown(n_showers=300)], edges=edges)
    assert split.to_dict() == effective_area(np.full(100, 1.0), thrown(n_showers=1000), edges=edges).to_dict()


def test_weights_scale_the_area_and_its_interval() -> None:
    plain = effective_area(np.full(50, 1.0), thrown(), edges=[0.5, 5])
    halved = effective_area(np.full(50, 1.0), thrown(), edges=[0.5, 5], weights=np.full(50, 0.5))
    assert halved.value == pytest.approx(plain.value / 2)
    assert halved.high == pytest.approx(plain.high / 2)
    assert halved.n == plain.n


def test_columns_of_the_migration_matrix_are_shares_of_true_energy() -> None:
    rng = np.random.default_rng(3)
    true = 10 ** rng.uniform(-1.9, 2.3, 5000)
    reco, weights = true * rng.lognormal(0.2, 0.5, 5000), rng.uniform(0, 2, 5000)
    found = migration_matrix(true, reco, weights=weights)
    counts = np.histogram2d(reco, true, [ENERGY_EDGES, ENERGY_EDGES], weights=weights)[0]
    thrown = np.histogram(true, ENERGY_EDGES, weights=weights)[0]
    assert found.value == pytest.approx(counts / thrown)
    assert found.n.tolist() == np.histogram(true, ENERGY_EDGES)[0].tolist()
    assert (found.value.sum(axis=0) <= 1 + 1e-12).all()


def test_an_empty_column_of_the_matrix_is_nan_and_what_leaves_all_rows_is_missing_from_the_sum() -> None:
    found = migration_matrix([0.5, 0.5, 0.5], [0.5, 99.0, np.nan], true_edges=[0.1, 1, 10], reco_edges=[0.1, 1])
    assert found.n.tolist() == [3, 0]
    assert found.value[0, 0] == pytest.approx(1 / 3)
    assert np.isnan(found.value[:, 1]).all()


def run_table(path: Path, name: str, rows: list[tuple[Any, ...]], columns: list[str]) -> Path:
    """A file with a table of simulated runs."""
    with h5py.File(path, "w") as h5:
        h5[name] = np.array(rows, dtype=[(c, "i8" if "show" in c else "f8") for c in columns])
    return path


LAW = ["energy_range_min", "energy_range_max", "spectral_index", "max_scatter_range"]


def test_runs_of_one_power_law_are_added_and_each_shower_counts_as_often_as_it_was_used(tmp_path: Path) -> None:
    rows = [(100, 10, 0.1, 10.0, -2.0, 500.0), (50, 20, 0.1, 10.0, -2.0, 500.0), (7, 1, 0.1, 10.0, -2.5, 500.0)]
    path = run_table(tmp_path / "a.h5", "/configuration/simulation/run", rows, ["n_showers", "shower_reuse", *LAW])
    found = {s.spectral_index: s.n_showers for s in read_showers(path, share=0.5)}
    assert found == {-2.0: 1000, -2.5: 3.5}


def test_files_of_lstchain_say_it_in_their_own_place(tmp_path: Path) -> None:
    path = run_table(
        tmp_path / "a.h5", "/simulation/run_config", [(100, 0.1, 10.0, -2.0, 500.0)], ["num_showers", *LAW]
    )
    (found,) = read_showers(path)
    assert (found.n_showers, found.area) == (100, pytest.approx(np.pi * 500**2))


def test_what_is_not_said_in_full_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    assert read_showers(tmp_path / "text.h5") == []
    short = run_table(tmp_path / "a.h5", "/configuration/simulation/run", [(100, 0.1)], ["n_showers", LAW[0]])
    assert read_showers(short) == []
    name = "/configuration/simulation/run"
    odd = run_table(tmp_path / "b.h5", name, [(100, 0.1, 10.0, -2.0, np.nan)], ["n_showers", *LAW])
    assert read_showers(odd) == []


def test_only_files_of_gammas_count_and_all_of_them_must_say_what_was_thrown(tmp_path: Path) -> None:
    name, columns = "/configuration/simulation/run", ["n_showers", *LAW]
    gamma = run_table(tmp_path / "gamma.h5", name, [(100, 0.1, 10.0, -2.0, 500.0)], columns)
    proton = run_table(tmp_path / "proton.h5", name, [(900, 0.1, 10.0, -2.0, 500.0)], columns)
    silent = run_table(tmp_path / "silent.h5", name, [(100,)], columns[:1])
    primary = np.array([0, 0, 101, 0])
    events = EventTable({"true_shower_primary_id": primary, "file": np.array([0, 0, 1, 2])}, 4)
    files = [gamma, proton, silent]
    assert [s.n_showers for s in thrown_gammas(files, events, only=[0, 1])] == [100]
    assert thrown_gammas(files, events) == []
    assert thrown_gammas(files, EventTable({"file": np.array([0])}, 1)) == []


def test_the_example_files_say_what_was_thrown() -> None:
    (path, *_) = sorted(EXAMPLES.glob("gamma_mono*.h5"))
    (found,) = read_showers(path)
    assert found.n_showers > 0
    assert found.scatter_radius > 100

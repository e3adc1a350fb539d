from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import astropy.units as u
import h5py
import numpy as np
import pytest
from irf_truth import ANGLE_SIGMA
from irf_truth import EFFICIENCY
from irf_truth import ENERGY_SIGMA
from irf_truth import RADIUS
from irf_truth import TASKS
from irf_truth import thrown
from irf_truth import write_dl2
from irf_truth import write_table
from pyirf.benchmarks import angular_resolution
from pyirf.benchmarks import energy_bias_resolution
from pyirf.binning import create_histogram_table
from pyirf.cut_optimization import optimize_gh_cut
from pyirf.cuts import calculate_percentile_cut
from pyirf.cuts import evaluate_binned_cut
from pyirf.sensitivity import calculate_sensitivity
from pyirf.sensitivity import estimate_background
from pyirf.spectral import CRAB_MAGIC_JHEAP2015
from pyirf.spectral import IRFDOC_PROTON_SPECTRUM
from pyirf.spectral import PowerLaw
from pyirf.spectral import calculate_event_weights

from gammalearn_core import DataError
from gammalearn_core import SettingsError
from gammalearn_irf.computing import Computed
from gammalearn_irf.computing import compute
from gammalearn_irf.computing import responses
from gammalearn_irf.computing.bins import make_bins
from gammalearn_irf.computing.errors import quantile_error
from gammalearn_irf.computing.errors import width_error
from gammalearn_irf.computing.sensitivity import EFFICIENCIES
from gammalearn_irf.finding import find_files
from gammalearn_irf.options import Options
from gammalearn_irf.reading import Sample
from gammalearn_irf.reading import read_samples
from gammalearn_irf.reading.predicted import read_predictions

FIXED = Options(gamma_efficiency=0.7, theta_efficiency=0.7, energy_bins=(0.1, 10.0, 2), fov_bins=(0, 1))
HOURS = 50 * u.h


@pytest.fixture(scope="module")
def samples(predictions: Path) -> dict[int, Sample]:
    return read_samples(find_files(predictions))[0]


@pytest.fixture(scope="module")
def fixed(samples: dict[int, Sample]) -> Computed:
    return compute(samples, FIXED)


def of_folder(path: Path, options: Options | None = None) -> Computed:
    return compute(read_samples(find_files(path))[0], options or Options())


def test_a_log_normal_energy_has_the_resolutions_that_it_must_have(fixed: Computed) -> None:
    table = fixed.tables["energy"]
    expected = np.sinh(ENERGY_SIGMA)
    error = 3 * expected / np.sqrt(table["n_events"])
    assert (table["n_events"] > 100).all()
    assert (np.abs(table["resolution"] - expected) < error).all()
    assert (np.abs(table["bias"]) < error).all()
    # 68.27 % of |exp(0.2 z) - 1| for a standard normal z.
    drawn = np.abs(np.expm1(ENERGY_SIGMA * np.random.default_rng(0).standard_normal(2_000_000)))
    assert (np.abs(table["resolution_about_0"] - np.quantile(drawn, 0.6827)) < error).all()


def test_a_gaussian_direction_has_rayleighs_radius(fixed: Computed) -> None:
    table = fixed.tables["direction"]
    expected = ANGLE_SIGMA * np.sqrt(-2 * np.log(1 - 0.682689))
    found = table["angular_resolution_68"].to_value("deg")
    assert (np.abs(found - expected) < 3 * expected / np.sqrt(table["n_events"])).all()
    assert np.average(found, weights=table["n_events"]) == pytest.approx(expected, rel=0.01)


def test_a_constant_efficiency_gives_that_share_of_the_area(fixed: Computed) -> None:
    table = fixed.tables["area"]
    whole = np.pi * RADIUS**2
    error = 3 * whole * np.sqrt(EFFICIENCY / table["n_simulated"])
    shares = {"all": 1.0, "gammaness": 0.7, "cuts": 0.49}
    for name, share in shares.items():
        assert (np.abs(table[f"area_{name}"].to_value("m2") - share * EFFICIENCY * whole) < error).all(), name


def test_cuts_keep_the_shares_that_were_asked_for(fixed: Computed) -> None:
    gammas, cuts = fixed.gammas, fixed.cuts
    inside = (gammas["reco_energy"] > 0.1 * u.TeV) & (gammas["reco_energy"] < 10 * u.TeV)
    passing = cuts.passing_gammaness(gammas) & inside
    assert passing.sum() / inside.sum() == pytest.approx(0.7, abs=0.003)
    assert (cuts.passing(gammas) & inside).sum() / passing.sum() == pytest.approx(0.7, abs=0.003)


def test_benchmarks_are_those_of_pyirf_called_by_hand(fixed: Computed) -> None:
    edges = fixed.bins.energy
    events = fixed.gammas[evaluate_binned_cut_by_hand(fixed)]
    by_hand = energy_bias_resolution(events, edges)
    ours = fixed.tables["energy"]
    np.testing.assert_array_equal(ours["resolution"], by_hand["resolution"])
    np.testing.assert_array_equal(ours["bias"], by_hand["bias"])
    angles = angular_resolution(events, edges)
    np.testing.assert_array_equal(fixed.tables["direction"]["angular_resolution_68"], angles["angular_resolution_68"])


def evaluate_binned_cut_by_hand(fixed: Computed) -> Any:
    """The cut in gammaness, also below and above the bins."""
    cut = calculate_percentile_cut(
        fixed.gammas["gh_score"], fixed.gammas["reco_energy"], fixed.bins.energy, fill_value=1.0, percentile=30
    )
    energy = np.clip(fixed.gammas["reco_energy"], fixed.bins.energy[0], fixed.bins.energy[-1] * 0.999999)
    return evaluate_binned_cut(fixed.gammas["gh_score"], energy, cut, operator.ge)


def weighted_by_hand(samples: dict[int, Sample]) -> tuple[Any, Any]:
    """Gammas of the inner degree as a source in it, and protons."""
    gammas, protons = samples[0].events.copy(), samples[101].events.copy()
    gammas = gammas[gammas["true_source_fov_offset"] < 1 * u.deg]
    flux = PowerLaw.from_simulation(samples[0].thrown, HOURS).integrate_cone(0 * u.deg, 1 * u.deg)
    gammas["weight"] = calculate_event_weights(gammas["true_energy"], CRAB_MAGIC_JHEAP2015, flux)
    diffuse = PowerLaw.from_simulation(samples[101].thrown, HOURS)
    protons["weight"] = calculate_event_weights(protons["true_energy"], IRFDOC_PROTON_SPECTRUM, diffuse)
    return gammas, protons


def test_the_sensitivity_is_that_of_pyirf_called_by_hand(samples: dict[int, Sample], fixed: Computed) -> None:
    gammas, protons = weighted_by_hand(samples)
    edges = fixed.bins.energy
    gh = calculate_percentile_cut(gammas["gh_score"], gammas["reco_energy"], edges, fill_value=1.0, percentile=30)
    gammas = gammas[evaluate_binned_cut(gammas["gh_score"], gammas["reco_energy"], gh, operator.ge)]
    protons = protons[evaluate_binned_cut(protons["gh_score"], protons["reco_energy"], gh, operator.ge)]
    theta = calculate_percentile_cut(gammas["theta"], gammas["reco_energy"], edges, fill_value=1 * u.deg, percentile=70)
    gammas = gammas[evaluate_binned_cut(gammas["theta"], gammas["reco_energy"], theta, operator.le)]
    on = create_histogram_table(gammas, edges)
    off = estimate_background(protons, edges, theta, 0.2, 0 * u.deg, 1 * u.deg)
    by_hand = calculate_sensitivity(on, off, alpha=0.2)["relative_sensitivity"]
    ours = fixed.tables["sensitivity"]
    known = np.asarray(ours["reason"] == "")
    assert known.tolist() == [True, True, True, False]
    np.testing.assert_allclose(ours["relative_sensitivity"][known], by_hand[known], rtol=1e-12)
    energy = ours["reco_energy_center"]
    crab = (CRAB_MAGIC_JHEAP2015(energy) * energy**2).to_value("erg / (cm2 s)")
    np.testing.assert_allclose(ours["flux_sensitivity"].to_value("erg / (cm2 s)")[known], (by_hand * crab)[known])


def test_the_best_cuts_are_pyirfs_among_those_that_leave_enough_background(samples: dict[int, Sample]) -> None:
    made = compute(samples, Options(energy_bins=FIXED.energy_bins, fov_bins=FIXED.fov_bins))
    assert made.cuts.gammaness is not None
    ours = made.tables["sensitivity"]["relative_sensitivity"]
    loosest = float(made.cuts.gammaness["efficiency"][0])
    theirs = [optimised_by_hand(samples, made, e)[0] for e in (loosest, 0.1)]
    # Ours makes the cut in theta again for each cut in gammaness: here the two are independent.
    assert ours[0] == pytest.approx(theirs[0], rel=0.02)
    assert (made.tables["sensitivity"]["n_background"] >= 10).all()
    # pyirf takes a cut that leaves no background by chance.
    assert theirs[1] < 0.2 * ours[0]
    fixed_cuts = compute(samples, FIXED).tables["sensitivity"]["relative_sensitivity"]
    known = np.isfinite(fixed_cuts)
    assert (ours[known] <= fixed_cuts[known] * (1 + 1e-9)).all()


def optimised_by_hand(samples: dict[int, Sample], made: Computed, lowest: float) -> Any:
    """By pyirf alone, of cuts that keep this share of gammas or more."""
    efficiencies = [share for share in EFFICIENCIES if share >= lowest]
    gammas, protons = weighted_by_hand(samples)
    theta = made.cuts.theta
    table, _ = optimize_gh_cut(
        gammas, protons, made.bins.energy, efficiencies, theta_cuts=theta, alpha=0.2, progress=False
    )
    return table["relative_sensitivity"]


def test_the_sensitivity_follows_the_square_root_of_the_time(samples: dict[int, Sample]) -> None:
    shared = {"gamma_efficiency": 0.7, "energy_bins": (0.1, 1.0, 2), "fov_bins": (0, 1)}
    one, four = (
        compute(samples, Options(observation_time=hours, **shared)).tables["sensitivity"]["relative_sensitivity"]
        for hours in (0.5, 2.0)
    )
    np.testing.assert_allclose(one / four, 2.0, rtol=0.1)


def test_bins_without_enough_events_tell_why_they_have_no_sensitivity(folder: Callable[..., Path]) -> None:
    path = folder(gamma=thrown(primary=0, count=3000, seed=3), proton=thrown(primary=101, count=300, seed=4))
    table = of_folder(path, Options(gamma_efficiency=0.7)).tables["sensitivity"]
    without = table["reason"] != ""
    assert without.any()
    assert np.isnan(table["relative_sensitivity"][without]).all()
    few = (table["n_gammas"] < 10) | (table["n_background"] < 10)
    assert (without | ~few).all()
    assert {*table["reason"][few]} <= {"fewer than 10 simulated gammas", "fewer than 10 simulated background events"}


def test_a_cut_that_leaves_no_background_by_chance_is_not_the_best(folder: Callable[..., Path]) -> None:
    path = folder(gamma=thrown(primary=0, count=20_000, seed=3), proton=thrown(primary=101, count=2000, seed=4))
    table = of_folder(path, Options(energy_bins=(0.1, 1.0, 2), fov_bins=(0, 2))).tables["sensitivity"]
    known = np.isfinite(table["relative_sensitivity"])
    assert known.any()
    assert (table["n_background"][known] >= 10).all()


def test_bins_without_events_have_no_resolution_and_one_event_no_width(folder: Callable[..., Path]) -> None:
    made = of_folder(folder(gamma=thrown(primary=0, count=400, seed=5)))
    table = made.tables["energy"]
    assert (table["n_events"] == 0).any()
    assert np.isnan(table["bias"][table["n_events"] == 0]).all()
    assert (table["n_events"] == 1).any()
    assert np.isnan(table["resolution"][table["n_events"] < 2]).all()
    assert np.isnan(made.tables["direction"]["angular_resolution_68"][table["n_events"] == 0]).all()


def test_a_bin_with_few_gammas_takes_the_cut_of_the_nearest(folder: Callable[..., Path]) -> None:
    cuts = of_folder(folder(gamma=thrown(primary=0, count=3000, seed=6)), Options(gamma_efficiency=0.7)).cuts
    assert cuts.gammaness is not None
    few = np.asarray(cuts.gammaness["n_events"] < 10)
    assert few[-3:].all()
    assert np.isnan(cuts.gammaness["efficiency"][few]).all()
    last = np.flatnonzero(~few)[-1]
    assert (cuts.gammaness["cut"][last:] == cuts.gammaness["cut"][last]).all()


def test_without_protons_there_is_no_sensitivity_and_it_is_told(folder: Callable[..., Path]) -> None:
    path = folder(gamma=thrown(primary=0, count=2000, seed=7))
    made = of_folder(path)
    assert "sensitivity" not in made.tables
    assert any("no sensitivity and no background" in note for note in made.notes)
    hdus = responses(read_samples(find_files(path))[0][0], made)
    assert [hdu.name for hdu in hdus] == ["EFFECTIVE AREA", "ENERGY DISPERSION", "PSF"]


def test_a_network_of_energies_only_gets_what_energies_tell(folder: Callable[..., Path]) -> None:
    energy = {"energy": TASKS["energy"]}
    made = of_folder(folder(tasks=energy, gamma=thrown(primary=0, count=2000, seed=8)))
    assert [*made.tables] == ["energy", "area"]
    assert any("no direction and no gammaness was predicted" in note for note in made.notes)


def test_a_network_of_directions_only_gets_what_directions_tell(folder: Callable[..., Path]) -> None:
    direction = {"geometry": TASKS["geometry"]}
    path = folder(tasks=direction, gamma=thrown(primary=0, count=2000, seed=9))
    made = of_folder(path)
    assert [*made.tables] == ["direction", "area"]
    with pytest.raises(DataError, match="no predictions of energy"):
        responses(read_samples(find_files(path))[0][0], made)


def test_impact_points_in_the_group_of_directions_are_not_taken_for_these(tmp_path: Path) -> None:
    showers = thrown(primary=0, count=100, seed=1)
    path = write_dl2(tmp_path / "gamma.dl2.h5", showers)
    places = {f"GammaLearnCore_core_{axis}": np.zeros(len(showers["event_id"])) for axis in "xy"}
    ids = np.column_stack([showers[name] for name in ("obs_id", "event_id")])
    with h5py.File(path, "r+") as h5:
        write_table(
            h5,
            "/dl2/event/subarray/geometry/GammaLearnCore",
            {"obs_id": ids[:, 0], "event_id": ids[:, 1], **places, "GammaLearnCore_is_valid": ids[:, 0] > -1},
        )
        columns, algorithms = read_predictions(h5, ids)
    assert algorithms["direction"] == "GammaLearnDirection"
    np.testing.assert_array_equal(columns["reco_alt"].to_value("deg"), showers["alt"])


def test_point_like_gammas_have_one_bin_and_their_area(folder: Callable[..., Path]) -> None:
    point = thrown(primary=0, count=20_000, seed=10, viewcone=0.0, source=0.7)
    path = folder(gamma=point, proton=thrown(primary=101, count=20_000, seed=11))
    made = of_folder(path, Options(gamma_efficiency=0.7, energy_bins=(0.1, 10.0, 2)))
    np.testing.assert_allclose(made.bins.fov.to_value("deg"), [0.2, 1.2])
    area = made.tables["area"]["area_all"].to_value("m2")
    assert area[0] == pytest.approx(EFFICIENCY * np.pi * RADIUS**2, rel=0.05)
    assert 0 < made.tables["sensitivity"]["relative_sensitivity"][0] < 0.1
    hdus = responses(read_samples(find_files(path))[0][0], made)
    assert hdus[0].data["EFFAREA"].shape == (1, 1, 4)
    for bins in ((0, 1, 2), (1, 2)):
        with pytest.raises(SettingsError, match=r"one point, 0\.7 deg off axis"):
            of_folder(path, Options(fov_bins=bins))


def test_electrons_add_to_the_background_and_other_particles_are_told(folder: Callable[..., Path]) -> None:
    showers = {"gamma": thrown(primary=0, count=5000, seed=1), "proton": thrown(primary=101, count=5000, seed=2)}
    options = Options(gamma_efficiency=0.7, energy_bins=(0.1, 1.0, 1))
    protons = of_folder(folder(**showers), options).tables["sensitivity"]
    more = {"electron": thrown(primary=1, count=5000, seed=3), "helium": thrown(primary=402, count=100, seed=4)}
    made = of_folder(folder(**more), options)
    both = made.tables["sensitivity"]
    assert (both["n_background"] > 1.5 * protons["n_background"]).all()
    ratio = both["expected_background"] / protons["expected_background"]
    # Above 0.1 TeV there is an electron for some hundred protons; these are as much like gammas as protons are.
    assert ((ratio > 1.0005) & (ratio < 1.05)).all()
    assert "primary 402 events are not used" in made.notes
    assert any(note.startswith("electron background: 5000 showers") for note in made.notes)


def test_without_gammas_nothing_is_measured(folder: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no predicted gammas"):
        of_folder(folder(proton=thrown(primary=101, count=100, seed=1)))


def test_default_bins_are_those_of_the_tables_of_cta(samples: dict[int, Sample]) -> None:
    bins = make_bins(Options(), samples[0], [samples[101].thrown])
    assert bins.energy[0].to_value("TeV") == pytest.approx(10**-1.3)
    assert bins.energy[-1].to_value("TeV") == pytest.approx(10**1.7)
    assert len(bins.energy) == 16
    assert bins.fov.to_value("deg").tolist() == [0, 1, 2]


def test_bins_beyond_the_simulation_are_refused(samples: dict[int, Sample]) -> None:
    with pytest.raises(SettingsError, match=r"0 to 3 deg is more than the 0 to 2 deg"):
        compute(samples, Options(fov_bins=(0, 3)))


def test_bins_are_within_a_cone_with_a_hole(tmp_path: Path) -> None:
    path = write_dl2(tmp_path / "gamma.dl2.h5", thrown(primary=0, count=1000, seed=1), min_viewcone_radius=[1.0])
    gammas = read_samples([path])[0][0]
    assert make_bins(Options(), gammas, []).fov.to_value("deg").tolist() == [1, 2]
    with pytest.raises(SettingsError, match=r"0 to 2 deg is more than the 1 to 2 deg"):
        make_bins(Options(fov_bins=(0, 2)), gammas, [])


def test_responses_are_normalised_and_full_enclosure(samples: dict[int, Sample], fixed: Computed) -> None:
    hdus = {hdu.name: hdu for hdu in responses(samples[0], fixed)}
    assert [hdus[n].header["HDUCLAS3"] for n in hdus] == ["FULL-ENCLOSURE"] * 4
    psf = hdus["PSF"].data[0]
    edges = np.radians(np.append(psf["RAD_LO"], psf["RAD_HI"][-1]))
    solid = 2 * np.pi * -np.diff(np.cos(edges))
    np.testing.assert_allclose((psf["RPSF"][:, 0] * solid[:, None]).sum(axis=0), 1, rtol=1e-9)
    migration = hdus["ENERGY DISPERSION"].data[0]
    width = migration["MIGRA_HI"] - migration["MIGRA_LO"]
    np.testing.assert_allclose((migration["MATRIX"][0] * width[:, None]).sum(axis=0), 1, rtol=1e-9)


def test_the_background_is_the_rate_of_protons_that_pass(samples: dict[int, Sample], fixed: Computed) -> None:
    bkg = next(hdu for hdu in responses(samples[0], fixed) if hdu.name == "BACKGROUND").data[0]
    solid = 2 * np.pi * (1 - np.cos(np.radians(1.0)))
    per_hour = bkg["BKG"][0] * 1e6 * (bkg["ENERG_HI"] - bkg["ENERG_LO"]) * solid * 3600
    protons = weighted_by_hand(samples)[1]
    passing = fixed.cuts.passing_gammaness(protons) & (protons["reco_source_fov_offset"] < 1 * u.deg)
    by_hand = np.histogram(
        protons["reco_energy"][passing].to_value("TeV"), fixed.bins.energy.value, weights=protons["weight"][passing]
    )[0]
    np.testing.assert_allclose(per_hour, by_hand / 50, rtol=1e-9)


def test_errors_are_the_spread_of_what_is_measured() -> None:
    random = np.random.default_rng(5)
    samples = random.standard_normal((400, 1000))
    medians, widths = np.median(samples, axis=1), np.diff(np.quantile(samples, [0.15866, 0.84134], axis=1), axis=0) / 2
    told = np.array([[quantile_error(sample, 0.5), width_error(sample)] for sample in samples]).mean(axis=0)
    assert told[0] == pytest.approx(medians.std(), rel=0.1)
    assert told[1] == pytest.approx(widths.std(), rel=0.1)


def test_the_error_of_an_area_is_binomial(fixed: Computed) -> None:
    table = fixed.tables["area"]
    share = table["area_all"].to_value("m2") / (np.pi * RADIUS**2)
    expected = np.sqrt(share * (1 - share) / table["n_simulated"]) * np.pi * RADIUS**2
    np.testing.assert_allclose(table["area_all_error"].to_value("m2"), expected, rtol=1e-9)


def test_the_error_of_a_sensitivity_is_the_spread_of_sensitivities(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_dl2(tmp_path / "one" / "gamma.dl2.h5", thrown(primary=0, count=20_000, seed=100))
    found = []
    for seed in range(15):
        write_dl2(tmp_path / "one" / "proton.dl2.h5", thrown(primary=101, count=30_000, seed=seed))
        table = of_folder(tmp_path / "one", FIXED).tables["sensitivity"]
        found.append([table[name][0] for name in ("relative_sensitivity", "relative_sensitivity_error")])
    values, errors = np.array(found).T
    # All have the same gammas, whose share of the error is small.
    assert values.std() == pytest.approx(errors.mean(), rel=0.35)

"""How near the simulation is to CORSIKA and to full simulation; the limits are those it was built to keep."""

from __future__ import annotations

import csv
import json
from functools import cache

import numpy as np
import pytest
from showers_full_simulation import CAMERAS
from showers_full_simulation import DATA
from showers_full_simulation import Table
from showers_full_simulation import again
from showers_full_simulation import chosen
from showers_full_simulation import full_simulation
from showers_full_simulation import production
from showers_full_simulation import real
from showers_full_simulation import simulator
from showers_full_simulation import thrown

from gammalearn_showers.dl1.parameters import image_parameters
from gammalearn_showers.dl1.pixels import SkyPixels
from gammalearn_showers.instrument import subarray
from gammalearn_showers.physics.atmosphere import atmosphere
from gammalearn_showers.physics.cherenkov import kernel
from gammalearn_showers.physics.cherenkov import ring_area
from gammalearn_showers.physics.model import Model
from gammalearn_showers.production import Production
from gammalearn_showers.simulator import Simulator
from gammalearn_showers.simulator import develop

COLUMNS = {"size": "intensity", "width": "width", "length": "length"}
MEDIANS = {"size": "size_median", "width": "width_median_deg", "length": "length_median_deg"}
LIMITS = {"gamma": {"size": 0.20, "width": 0.15, "length": 0.20}, "proton": {"width": 0.30, "length": 0.30}}
KNOWN = {("proton", "length", "NectarCam", "(1.0, 3.0) TeV (250.0, 400.0) m"): 0.45}
"""Logarithms of ratios where we are farther off: images of protons far from the axis are too long."""
COSZ = float(np.cos(np.radians(20.0)))


@cache
def images(primary: str) -> Table:
    return again(primary, repeats=2 if primary == "gamma" else 1)


def reference(primary: str) -> list[dict[str, str]]:
    """Bins of the table that have 25 images or more."""
    with (DATA / "hillas_reference.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["primary"] == primary and int(row["n"]) >= 25]


def ratios(primary: str, name: str, camera: str) -> list[tuple[str, float, float, float]]:
    """For each bin: its name, our median over that of full simulation, the error of that, and how far off it may be."""
    found = []
    for row in reference(primary):
        if row["camera"] != camera:
            continue
        energy = float(row["e_min_tev"]), float(row["e_max_tev"])
        impact = float(row["impact_min_m"]), float(row["impact_max_m"])
        ours = chosen(images(primary), camera, intensity=(80.0, np.inf), energy=energy, impact=impact)
        if ours.sum() < 20:
            continue
        values = images(primary)[COLUMNS[name]][ours]
        median = float(row[MEDIANS[name]])
        spread = (float(row[f"{name}_p84"]) - float(row[f"{name}_p16"])) / 2
        own_spread = (np.percentile(values, 84) - np.percentile(values, 16)) / 2
        # Of a median: 1.25 of that of a mean; ours are of showers developed anew.
        error = 1.25 * np.hypot(spread / np.sqrt(int(row["n"])), own_spread / np.sqrt(ours.sum())) / median
        where = f"{energy} TeV {impact} m"
        limit = KNOWN.get((primary, name, camera, where), LIMITS[primary][name])
        found.append((where, float(np.median(values)) / median, float(error), limit))
    return found


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("name", ["size", "width", "length"])
def test_gammas_are_those_of_full_simulation_bin_by_bin(name: str, camera: str) -> None:
    bins = ratios("gamma", name, camera)
    assert len(bins) >= 8
    far = [b for b in bins if abs(np.log(b[1])) > b[3] + b[2]]
    assert not far
    assert abs(np.log(np.median([b[1] for b in bins]))) < LIMITS["gamma"][name] / 2


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("name", ["width", "length"])
def test_protons_are_those_of_full_simulation_bin_by_bin(name: str, camera: str) -> None:
    bins = ratios("proton", name, camera)
    assert len(bins) >= 8
    far = [b for b in bins if abs(np.log(b[1])) > b[3] + b[2]]
    assert not far
    assert abs(np.log(np.median([b[1] for b in bins]))) < LIMITS["proton"][name]


@pytest.mark.parametrize(("primary", "limit"), [("gamma", 15.0), ("proton", 35.0)])
def test_depths_of_maximum_are_those_of_full_simulation(primary: str, limit: float) -> None:
    events = full_simulation()[f"{primary}.events"]
    # Showers were used several times, with other cores.
    events = events[np.unique(events["energy"], return_index=True)[1]]
    own = simulator(primary)
    number = own.production.primary_id
    for least, most in ((0.06, 0.15), (0.15, 0.4), (0.4, 1.0), (1.0, 3.0)):
        there = events[(events["energy"] >= least) & (events["energy"] < most)]
        rng = np.random.default_rng(1)
        depths = [
            develop(rng, number, e["energy"] * 1e3, np.sin(np.radians(e["alt"])), *own.physics)[-1]
            for e in there
            for _ in range(4)
        ]
        error = there["x_max"].std() / np.sqrt(len(there))
        assert abs(np.median(depths) - np.median(there["x_max"])) < limit + error, (primary, least)


def test_light_on_the_ground_is_that_of_corsika() -> None:
    rows = [r for r in corsika()["photon_density_table"] if r["e_gev"][0] >= 500]
    assert len(rows) >= 5
    density, height = light([s["energy_gev"] for s in corsika()["showers"] if s["energy_gev"] >= 500])
    for row in rows:
        rings = within(RADII, row["impact_m"])
        weight = AREAS[rings]
        ours = np.average(density[rings], weights=weight)
        assert 0.6 < ours / row["photons_m2"] < 1.4, row["impact_m"]
        mean_height = np.average(height[rings], weights=weight * density[rings])
        assert abs(mean_height / 1e3 - row["mean_height_km"]) < 1.0, row["impact_m"]


def within(values: np.ndarray, limits: list[float]) -> np.ndarray:
    least, most = limits
    return (values >= least) & (values < most)


def test_light_per_energy_is_that_of_corsika() -> None:
    showers = [s for s in corsika()["showers"] if s["energy_gev"] >= 500]
    theirs = np.mean([sum(s["n_cherenkov"]) / s["energy_gev"] for s in showers])
    density, _ = light([s["energy_gev"] for s in showers])
    ours = (density * AREAS).sum() / np.mean([s["energy_gev"] for s in showers])
    # Those beyond 1.2 km are not counted by us.
    assert 0.6 < ours / theirs < 1.2


def test_arrival_times_grow_along_the_image_as_in_full_simulation() -> None:
    # ns/deg by impact: 65 images of DigiCam, NectarCam and LSTCam, CTAO productions 4 and 6.
    expected = {
        (0, 60): -1.62,
        (60, 100): -0.03,
        (100, 140): 0.77,
        (140, 180): 2.21,
        (180, 220): 3.73,
        (220, 300): 5.39,
    }
    array = subarray("4mst")
    given = Production("gamma", array, 20.0, 180.0, (0.3, 5.0), -2.0, 0.0, 300.0, 1, 1)
    block = Simulator(given).block(1, 0, 600)
    (telescope,) = array.types
    pixels = SkyPixels.of(telescope.camera, telescope.effective_focal_length)
    part = block.images[0]
    mask = image_parameters(pixels, part.charge, part.peak_time, picture=10.0, boundary=5.0).mask
    gradient = np.full(len(part), np.nan)
    for i in range(len(part)):
        if mask[i].sum() >= 8:
            # The source is in the centre.
            distance = np.hypot(pixels.lon[mask[i]], pixels.lat[mask[i]])
            weight = np.sqrt(part.charge[i, mask[i]])
            gradient[i] = np.polyfit(distance, part.peak_time[i, mask[i]], 1, w=weight)[0]
    for (least, most), value in expected.items():
        near = (part.impact >= least) & (part.impact < most) & np.isfinite(gradient)
        assert near.sum() > 50
        assert np.median(gradient[near]) == pytest.approx(value, abs=0.7), (least, most)


def test_gammas_and_protons_are_as_hard_to_tell_apart_as_in_full_simulation() -> None:
    pytest.importorskip("sklearn")
    ours = {
        "gamma": thrown("gamma", 5000, viewcone=8.0, scatter_radius=700.0),
        "proton": thrown("proton", 5000, viewcone=8.0, scatter_radius=700.0, energy_range=(0.06, 300.0)),
    }
    theirs = {primary: real(primary) for primary in ours}
    # With more showers, as `benchmarks/fidelity.py` throws, NectarCam keeps 0.89 and LSTCam 0.79.
    for camera, kept in (("NectarCam", 0.84), ("LSTCam", 0.70)):
        mine, full = ([hillas(tables[p], camera) for p in ours] for tables in (ours, theirs))
        real_real = np.mean([separation(halves(full, k), halves(full, 1 - k)) for k in (0, 1)])
        ours_real = np.mean([separation(halves(mine), halves(full), seed) for seed in (0, 1, 2)])
        if camera == "NectarCam":
            assert np.mean([separation(halves(mine, k), halves(mine, 1 - k)) for k in (0, 1)]) <= 0.85
        assert (ours_real - 0.5) / (real_real - 0.5) >= kept, camera


def hillas(table: Table, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """Six Hillas parameters of images above 100 p.e., and which half of the events each belongs to."""
    rows = chosen(table, camera, intensity=(100.0, np.inf))
    values = [table[name][rows] for name in ("r", "length", "width", "kurtosis")]
    values += [np.log10(table["intensity"][rows]), np.abs(table["skewness"][rows])]
    return np.column_stack(values), np.round(table["energy"][rows] * 1e6).astype(int) % 2


def halves(sets: list[tuple[np.ndarray, np.ndarray]], half: int | None = None) -> list[np.ndarray]:
    """Features of gammas and of protons, of one half of the events or of all."""
    return [features if half is None else features[parity == half] for features, parity in sets]


def separation(train: list[np.ndarray], test: list[np.ndarray], seed: int = 0) -> float:
    """Area under the ROC curve of a random forest."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    labels, truth = (np.concatenate([np.ones(len(s[0])), np.zeros(len(s[1]))]) for s in (train, test))
    forest = RandomForestClassifier(300, min_samples_leaf=5, random_state=seed, class_weight="balanced")
    forest.fit(np.concatenate(train), labels)
    return float(roc_auc_score(truth, forest.predict_proba(np.concatenate(test))[:, 1]))


@cache
def corsika() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads((DATA / "corsika_gamma_reference.json").read_text())
    return found


AREAS = np.array([ring_area(i) for i in range(74)])
RADII = np.sqrt(np.cumsum(AREAS) / np.pi - AREAS / (2 * np.pi))


def light(energies: list[float], repeats: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Photons of 240 to 900 nm per m2 by ring, with no extinction, and the mean height they are from."""
    clear = atmosphere()._replace(optical_depth=np.zeros_like(atmosphere().optical_depth))
    made = kernel(np.radians(20.0), 2150.0, Model())
    rng = np.random.default_rng(1)
    by_height = np.zeros((len(AREAS), len(made.height)))
    slices = np.arange(len(made.height))
    for energy in energies * repeats:
        sources, tracks, age, *_ = develop(rng, 0, energy, COSZ, made, clear, Model())
        below = age.astype(int)
        part = age - below
        for i in range(len(sources)):
            low, high = (made.density[:, below[i] + step, slices] for step in (0, 1))
            by_height += tracks[i] * (low * (1 - part[i]) + high * part[i])
    by_height *= 3.79 / 2.07 / (len(energies) * repeats)
    total = by_height.sum(axis=1)
    return total, (by_height * made.height).sum(axis=1) / np.maximum(total, 1e-12)


def test_the_sample_is_seen_from_where_it_was_simulated() -> None:
    assert production("gamma").azimuth == 0.0
    offsets = [
        abs((full_simulation()[f"{p}.events"]["az"] - simulator(p).production.azimuth + 180) % 360 - 180)
        for p in LIMITS
    ]
    assert all(np.median(offset) < 15 for offset in offsets)

"""DL2 files of events whose performance is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
import h5py
import numpy as np
from astropy.coordinates import offset_by

ALT, AZ = 70.0, 180.0
RADIUS = 300.0
VIEWCONE = 2.0
EFFICIENCY = 0.5
"""Share of the thrown showers that trigger, at any energy."""
ENERGY_SIGMA = 0.2
"""Of the natural logarithm of E_reco / E_true."""
ANGLE_SIGMA = 0.1
"""Of each coordinate of the reconstructed direction, deg."""
UNITS = {"true_energy": "TeV", "true_alt": "deg", "true_az": "deg", "energy": "TeV", "alt": "deg", "az": "deg"}
UNITS |= {"subarray_pointing_lat": "deg", "subarray_pointing_lon": "deg"}
UNITS |= {"energy_range_min": "TeV", "energy_range_max": "TeV", "max_scatter_range": "m"}
UNITS |= {"min_viewcone_radius": "deg", "max_viewcone_radius": "deg"}
TASKS = {"energy": ("Energy", ("energy",)), "geometry": ("Direction", ("alt", "az"))}
TASKS |= {"classification": ("Particle", ("prediction",))}


def write_table(h5: h5py.File, path: str, columns: Mapping[str, Any]) -> None:
    """A table with units as ctapipe writes them."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    rows = np.empty(
        len(next(iter(arrays.values()))), dtype=[(name, a.dtype, a.shape[1:]) for name, a in arrays.items()]
    )
    for name, array in arrays.items():
        rows[name] = array
    table = h5.create_dataset(path, data=rows)
    for number, name in enumerate(arrays):
        unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
        if unit:
            table.attrs[f"CTAFIELD_{number}_UNIT"] = unit


def thrown(*, primary: int, count: int, seed: int, viewcone: float = VIEWCONE, source: float = 0.0) -> dict[str, Any]:
    """Triggered showers and their reconstruction; energies follow a power law of index -2 from 0.05 to 50 TeV.

    Directions are in the cone, or all so many degrees off axis.
    """
    random = np.random.default_rng(seed)
    share = random.random(count)
    energy = 1 / (1 / 0.05 + share * (1 / 50 - 1 / 0.05))
    kept = np.flatnonzero(random.random(count) < EFFICIENCY)
    n = len(kept)
    energy = energy[kept]
    off = np.degrees(np.arccos(1 - random.random(n) * (1 - np.cos(np.radians(viewcone)))))
    az, alt = moved(np.full(n, AZ), np.full(n, ALT), source + off, random)
    reco_az, reco_alt = moved(az, alt, ANGLE_SIGMA * np.sqrt(-2 * np.log(1 - random.random(n))), random)
    return {
        "count": count,
        "viewcone": viewcone,
        "obs_id": np.full(n, primary + 1),
        "event_id": kept,
        "true_energy": energy,
        "true_alt": alt,
        "true_az": az,
        "true_shower_primary_id": np.full(n, primary),
        "energy": energy * np.exp(random.normal(0, ENERGY_SIGMA, n)),
        "alt": reco_alt,
        "az": reco_az,
        "prediction": random.beta(5, 2, n) if primary == 0 else random.beta(2, 5, n),
    }


def moved(az: Any, alt: Any, distance: Any, random: np.random.Generator) -> tuple[Any, Any]:
    """Directions so many degrees away, anywhere around, in deg."""
    around = random.uniform(0, 2 * np.pi, len(az)) * u.rad
    lon, lat = offset_by(az * u.deg, alt * u.deg, around, distance * u.deg)
    return lon.to_value("deg"), lat.to_value("deg")


def write_dl2(path: Path, showers: Mapping[str, Any], *, tasks: Mapping[str, Any] = TASKS, **run: Any) -> Path:
    """A DL2 file of ctapipe's layout with what responses need."""
    ids = {name: showers[name] for name in ("obs_id", "event_id")}
    with h5py.File(path, "w") as h5:
        write_table(h5, "/dl1/event/subarray/trigger", ids)
        truth = {n: showers[n] for n in ("true_energy", "true_alt", "true_az", "true_shower_primary_id")}
        write_table(h5, "/simulation/event/subarray/shower", ids | truth)
        block = {"subarray_pointing_lat": [ALT], "subarray_pointing_lon": [AZ]}
        write_table(h5, "/configuration/observation/observation_block", {"obs_id": ids["obs_id"][:1], **block})
        write_table(h5, "/configuration/simulation/run", simulation(showers) | run)
        for group, (task, quantities) in tasks.items():
            name = f"GammaLearn{task}"
            made = {f"{name}_{quantity}": showers[quantity] for quantity in quantities}
            valid = np.all([np.isfinite(values) for values in made.values()], axis=0)
            write_table(h5, f"/dl2/event/subarray/{group}/{name}", ids | made | {f"{name}_is_valid": valid})
    return path


def simulation(showers: Mapping[str, Any]) -> dict[str, Any]:
    """The table of runs."""
    return {
        "n_showers": [showers["count"] // 2],
        "shower_reuse": [2],
        "energy_range_min": [0.05],
        "energy_range_max": [50.0],
        "spectral_index": [-2.0],
        "max_scatter_range": [RADIUS],
        "min_viewcone_radius": [0.0],
        "max_viewcone_radius": [showers["viewcone"]],
    }

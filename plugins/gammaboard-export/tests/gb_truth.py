"""DL2 files whose content is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

UNITS = {"true_energy": "TeV", "true_alt": "deg", "true_az": "deg", "true_core_x": "m", "true_core_y": "m"}
UNITS |= {"_energy": "TeV", "_alt": "deg", "_az": "deg", "_core_x": "m", "_core_y": "m"}
UNITS |= {"energy_range_min": "TeV", "energy_range_max": "TeV", "max_scatter_range": "m", "min_scatter_range": "m"}
UNITS |= {"min_alt": "rad", "max_alt": "rad", "min_az": "rad", "max_az": "rad"}
UNITS |= {"min_viewcone_radius": "deg", "max_viewcone_radius": "deg"}
TASKS = {
    "energy": ("energy", ("energy",)),
    "direction": ("geometry", ("alt", "az")),
    "impact": ("geometry", ("core_x", "core_y")),
    "particle": ("classification", ("prediction",)),
}
"""By task: group, and quantities."""
LST = "/dl2/event/telescope/parameters/LST_LSTCam"


def showers(*, primary: int, count: int = 400, seed: int = 1, azimuth: float = 180.0) -> dict[str, Any]:
    """Triggered showers and their predictions; every tenth has none."""
    random = np.random.default_rng(seed + primary)
    energy = 10 ** random.uniform(-1.5, 1.5, count)
    valid = np.arange(count) % 10 != 9
    made = {
        "true_energy": energy,
        "true_alt": 70 + random.uniform(-1, 1, count),
        "true_az": (azimuth + random.uniform(-2, 2, count)) % 360,
        "true_core_x": random.uniform(-300, 300, count),
        "true_core_y": random.uniform(-300, 300, count),
        "energy": energy * np.exp(random.normal(0, 0.2, count)),
    }
    made["alt"] = made["true_alt"] + random.normal(0, 0.1, count)
    made["az"] = (made["true_az"] + random.normal(0, 0.3, count)) % 360
    made["core_x"] = made["true_core_x"] + random.normal(0, 20, count)
    made["core_y"] = made["true_core_y"] + random.normal(0, 20, count)
    made["prediction"] = random.beta(5, 2, count) if primary == 0 else random.beta(2, 5, count)
    ids = {"obs_id": np.full(count, primary + 1), "event_id": np.arange(count)}
    return {"primary": primary, "count": 2500, "valid": valid, "ids": ids, **made}


def write_table(h5: h5py.File, path: str, columns: Mapping[str, Any]) -> None:
    """A table with units as ctapipe writes them."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    kinds = [(name, a.dtype, a.shape[1:]) for name, a in arrays.items()]
    rows = np.empty(len(next(iter(arrays.values()))), dtype=kinds)
    for name, array in arrays.items():
        rows[name] = array
    table = h5.create_dataset(path, data=rows)
    for number, name in enumerate(arrays):
        unit = UNITS.get(name) or next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
        if unit:
            table.attrs[f"CTAFIELD_{number}_UNIT"] = unit


def write_dl2(
    path: Path, made: Mapping[str, Any], *, tasks: tuple[str, ...] = tuple(TASKS), telescopes: int = 1, **run: Any
) -> Path:
    """A DL2 file of ctapipe's layout, of LSTCam."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids, count = made["ids"], len(made["true_energy"])
    layout = {
        "tel_id": np.arange(1, telescopes + 1),
        "camera_name": np.array([b"LSTCam"] * telescopes),
    }
    with h5py.File(path, "w") as h5:
        write_table(h5, "/configuration/instrument/subarray/layout", layout)
        write_table(h5, "/dl1/event/subarray/trigger", ids)
        truth = {n: made[n] for n in ("true_energy", "true_alt", "true_az", "true_core_x", "true_core_y")}
        primary = {"true_shower_primary_id": np.full(count, made["primary"])}
        write_table(h5, "/simulation/event/subarray/shower", ids | truth | primary)
        write_table(h5, "/configuration/simulation/run", simulation(made["count"]) | run)
        for task in tasks:
            group, quantities = TASKS[task]
            name = f"GammaLearn{task.capitalize()}"
            values = {f"{name}_{q}": np.where(made["valid"], made[q], np.nan) for q in quantities}
            facts = {f"{name}_is_valid": made["valid"], f"{name}_telescopes": np.ones((count, telescopes), dtype=bool)}
            write_table(h5, f"/dl2/event/subarray/{group}/{name}", ids | values | facts)
    return path


def simulation(count: int) -> dict[str, Any]:
    """The table of two runs of the same kind."""
    one = {
        "n_showers": count // 2,
        "shower_reuse": 2,
        "spectral_index": -2.0,
        "energy_range_min": 0.03,
        "energy_range_max": 50.0,
        "min_alt": np.radians(70),
        "max_alt": np.radians(70),
        "min_az": np.radians(180),
        "max_az": np.radians(180),
        "min_scatter_range": np.nan,
        "max_scatter_range": 500.0,
        "min_viewcone_radius": 0.0,
        "max_viewcone_radius": 2.0,
    }
    return {name: [value, value] for name, value in one.items()}


def write_lstchain(path: Path, made: Mapping[str, Any]) -> Path:
    """A DL2 file as lstchain has it: a row an image, angles in rad, and no units."""
    path.parent.mkdir(parents=True, exist_ok=True)
    valid = made["valid"]
    columns = {
        **made["ids"],
        "tel_id": np.ones(len(valid), dtype=np.int64),
        "mc_type": np.full(len(valid), made["primary"]),
        "mc_energy": made["true_energy"],
        "mc_alt": np.radians(made["true_alt"]),
        "mc_az": np.radians(made["true_az"]),
        "mc_core_x": made["true_core_x"],
        "mc_core_y": made["true_core_y"],
        "reco_energy": np.where(valid, made["energy"], np.nan),
        "reco_alt": np.where(valid, np.radians(made["alt"]), np.nan),
        "reco_az": np.where(valid, np.radians(made["az"]), np.nan),
        "gammaness": np.where(valid, made["prediction"], np.nan),
    }
    with h5py.File(path, "w") as h5:
        h5.create_dataset(LST, data=np.rec.fromarrays(list(columns.values()), names=list(columns)))
        run = {name: np.asarray(values) for name, values in simulation(made["count"]).items()}
        h5.create_dataset("/simulation/run_config", data=np.rec.fromarrays(list(run.values()), names=list(run)))
    return path

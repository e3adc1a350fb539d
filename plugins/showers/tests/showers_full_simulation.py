"""Full simulation of La Palma, and the same showers simulated by us."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from gammalearn_showers.dl1.parameters import image_parameters
from gammalearn_showers.dl1.pixels import SkyPixels
from gammalearn_showers.instrument import Subarray
from gammalearn_showers.instrument import telescope_type
from gammalearn_showers.production import Production
from gammalearn_showers.simulator import Simulator

DATA = Path(__file__).parent / "data"
CAMERAS = ("LSTCam", "NectarCam")
POINTING = {"gamma": 0.0, "proton": 180.0}
FIELDS = ("intensity", "r", "length", "width", "skewness", "kurtosis")

Table = dict[str, np.ndarray]


@cache
def full_simulation() -> dict[str, np.ndarray]:
    with np.load(DATA / "full_simulation.npz") as file:
        return dict(file)


@cache
def subarray() -> Subarray:
    """The 19 telescopes of the sample."""
    telescopes = full_simulation()["telescopes"]
    position = np.column_stack([telescopes[axis] for axis in "xyz"]).astype(float)
    of_type = np.array([CAMERAS.index(name) for name in telescopes["camera"]])
    types = tuple(telescope_type(name) for name in CAMERAS)
    return Subarray("La Palma", types, telescopes["tel_id"].astype(int), of_type, position, 2147.0, 28.76, -17.89)


def production(primary: str, **others: object) -> Production:
    given: dict[str, object] = {
        "zenith": 20.0,
        "azimuth": POINTING[primary],
        "energy_range": (0.03, 100.0),
        "index": -2.0,
        "viewcone": 10.0,
        "scatter_radius": 900.0,
        "min_telescopes": 2,
        "seed": 1,
    } | others
    return Production(primary=primary, subarray=subarray(), **given)  # type: ignore[arg-type]


def real(primary: str) -> Table:
    """Images of the sample, one row each."""
    events, images = full_simulation()[f"{primary}.events"], full_simulation()[f"{primary}.images"]
    telescope = images["tel_id"] - 1
    table = {name: images[name].astype(float) for name in FIELDS}
    table["energy"] = events["energy"][images["event"]]
    table["impact"] = _impact(events[images["event"]], subarray().position[telescope])
    return table | {"camera": subarray().tel_type[telescope]}


@cache
def simulator(primary: str) -> Simulator:
    return Simulator(production(primary))


def again(primary: str, repeats: int) -> Table:
    """Images of the showers of the sample, developed anew several times."""
    parts = []
    for repeat in range(repeats):
        for row, event in enumerate(full_simulation()[f"{primary}.events"]):
            seen, _ = simulator(primary).resimulate(
                event["energy"],
                np.radians(event["alt"]),
                np.radians(event["az"]),
                event["core_x"],
                event["core_y"],
                1_000_000 * repeat + row,
            )
            if sum(len(images[1]) for images in seen) >= 2:
                parts += [described(kind, *images[2:4], images[5], event["energy"]) for kind, images in enumerate(seen)]
    return joined(parts)


def thrown(primary: str, images: int, **others: object) -> Table:
    """As many images of new showers."""
    simulated = Simulator(production(primary, **others))
    parts: list[Table] = []
    start = 0
    while sum(len(part["energy"]) for part in parts) < images:
        block = simulated.block(1, start, start + 500)
        start += 500
        parts += [
            described(kind, part.charge, part.peak_time, part.impact, block.showers.energy[part.shower])
            for kind, part in enumerate(block.images)
        ]
    return joined(parts)


def described(kind: int, charge: np.ndarray, time: np.ndarray, impact: np.ndarray, energy: np.ndarray) -> Table:
    """Parameters of images of one type of telescope."""
    telescope = subarray().types[kind]
    found = image_parameters(
        SkyPixels.of(telescope.camera, telescope.effective_focal_length),
        charge,
        time,
        picture=telescope.picture_threshold,
        boundary=telescope.boundary_threshold,
    ).columns
    table = {name: found[f"hillas_{name}"] for name in FIELDS}
    full = np.full(len(charge), 1.0)
    return table | {"energy": full * energy, "impact": impact, "camera": (full * kind).astype(int)}


def joined(parts: list[Table]) -> Table:
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    good = np.isfinite(table["intensity"]) & (table["width"] > 0)
    return {name: column[good] for name, column in table.items()}


def chosen(table: Table, camera: str, **ranges: tuple[float, float]) -> np.ndarray:
    """Rows of a camera with columns in half-open ranges."""
    rows = table["camera"] == CAMERAS.index(camera)
    for name, (least, most) in ranges.items():
        rows &= (table[name] >= least) & (table[name] < most)
    return rows


def _impact(events: np.ndarray, position: np.ndarray) -> np.ndarray:
    alt, az = np.radians(events["alt"]), np.radians(events["az"])
    axis = np.column_stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)])
    core = np.column_stack([events["core_x"], events["core_y"], np.zeros(len(events))])
    return np.linalg.norm(np.cross(position - core, axis), axis=1)

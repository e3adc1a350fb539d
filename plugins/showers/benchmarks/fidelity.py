"""Medians of Hillas parameters beside full simulation, and how well gammas and protons are told apart.

    python plugins/showers/benchmarks/fidelity.py [images]

Showers of the sample in the tests' data are developed anew, three times; for the second table new showers are thrown
until there are so many images of gammas and of protons (default 8000). Takes some ten minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import itertools

from showers_full_simulation import CAMERAS
from showers_full_simulation import again
from showers_full_simulation import chosen
from showers_full_simulation import real
from showers_full_simulation import thrown
from test_showers_fidelity import halves
from test_showers_fidelity import hillas
from test_showers_fidelity import separation

ENERGIES = (0.05, 0.15, 0.5, 2.0, 30.0)
IMPACTS = (0.0, 80.0, 150.0, 250.0, 500.0)


def medians(primary: str) -> None:
    """Print a row for each bin with 25 images or more of full simulation, above 100 p.e."""
    theirs, ours = real(primary), again(primary, repeats=3)
    for camera in CAMERAS[::-1]:
        for energy in itertools.pairwise(ENERGIES):
            for impact in itertools.pairwise(IMPACTS):
                ranges = {"intensity": (100.0, np.inf), "energy": energy, "impact": impact}
                full, own = chosen(theirs, camera, **ranges), chosen(ours, camera, **ranges)
                if full.sum() < 25:
                    continue
                row = [primary, camera, "{:g}-{:g}".format(*energy), "{:g}-{:g}".format(*impact), str(full.sum())]
                for name, digits in (("intensity", 0), ("width", 3), ("length", 3)):
                    row += [f"{np.median(t[name][rows]):.{digits}f}" for t, rows in ((theirs, full), (ours, own))]
                print("| " + " | ".join(row) + " |", flush=True)


def separations(images: int) -> None:
    """Print how well forests tell gammas and protons apart."""
    ours = {
        "gamma": thrown("gamma", images, viewcone=8.0, scatter_radius=700.0),
        "proton": thrown("proton", images, viewcone=8.0, scatter_radius=700.0, energy_range=(0.06, 300.0)),
    }
    theirs = {primary: real(primary) for primary in ours}
    for camera in CAMERAS[::-1]:
        own, full = ([hillas(tables[p], camera) for p in ours] for tables in (ours, theirs))
        alone = [np.mean([separation(halves(s, k), halves(s, 1 - k)) for k in (0, 1)]) for s in (full, own)]
        across = [
            np.mean([separation(halves(a), halves(b), seed) for seed in (0, 1, 2)])
            for a, b in ((own, full), (full, own))
        ]
        values = [f"{value:.3f}" for value in (*alone, *across)]
        kept = (across[0] - 0.5) / (alone[0] - 0.5)
        print(f"| {camera} | " + " | ".join(values) + f" | {kept:.0%} |", flush=True)


def main() -> None:
    """Print both tables."""
    print("| primary | camera | TeV | m | images | size full | ours | width full | ours | length full | ours |")
    print("|" + "---|" * 11)
    medians("gamma")
    medians("proton")
    print("\n| camera | full, full | ours, ours | **ours, full** | full, ours | kept |")
    print("|" + "---|" * 6)
    separations(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)


if __name__ == "__main__":
    main()

"""Make the reference curves of LST-1, analysed with Hillas parameters and random forests, from lstchain 0.12.3.

    pip download lstchain==0.12.3 --no-deps
    unzip lstchain-0.12.3-py3-none-any.whl -d lstchain
    python tools/lst1_curves.py lstchain/lstchain/data src/gammalearn_irf/reference/curves

lstchain tabulates the effective area and the distribution of E_reco / E_true of simulated gammas, and the rate of
background events that LST-1 measured, with the cuts, by zenith angle. Nothing is fitted here.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from cta_curves import write
from pyirf.sensitivity import relative_sensitivity
from pyirf.spectral import CRAB_MAGIC_JHEAP2015
from scipy import stats

ZENITH = "16.08"
ENERGIES = (0.05, 32.0)
"""TeV: outside, tables rest on a handful of events."""
SIGMA = stats.norm.cdf([-1, 0, 1])
HOURS = 50.0
ALPHA = 0.2


def main(data: Path, folder: Path) -> None:
    """Write one set."""
    gammas, background = read(data, "0.70")
    tight = read(data, "0.40")
    energy, bias, width = migration(gammas)
    cuts = "70 % of gammas in gammaness and in direction"
    curves = [
        curve(
            "angular_resolution",
            "deg",
            "cut in theta that keeps 70 % of the gammas in a bin of E_reco, not above 0.32 deg",
            cuts,
            centers(background, "Ereco"),
            column(background, "Theta_cut_deg"),
        ),
        curve("energy_bias", "", "median of (E_reco - E_true) / E_true, by E_true", cuts, energy, bias),
        curve(
            "energy_resolution_median",
            "",
            "half of the distance between the quantiles 16 % and 84 % of (E_reco - E_true) / E_true, by E_true",
            cuts,
            energy,
            width,
        ),
        curve("effective_area", "m2", "after all cuts, by E_true", cuts, energy, column(gammas, "Aeff_m2")),
    ]
    for label, tables in (("70 %", (gammas, background)), ("40 %", tight)):
        energies, flux = sensitivity(*tables)
        definition = (
            f"E² times the flux that is seen in {HOURS:g} h, five bins a decade of E_reco: 5 sigma (Li & Ma 17,"
            f" alpha = {ALPHA}), 10 gammas, 5 % of the background; spectrum as of the Crab Nebula (MAGIC 2015)"
        )
        of_cuts = f"{label} of gammas in gammaness and in direction"
        curves.append(curve("sensitivity", "erg / (cm2 s)", definition, of_cuts, energies, flux))
    write(folder / "lst1_hillas_rf.json", {**ABOUT, "curves": curves})


ABOUT = {
    "schema": 1,
    "name": "LST-1 Hillas+RF",
    "version": "lstchain 0.12.3",
    "conditions": f"one telescope, zenith angle {ZENITH} deg, simulated gammas, measured background",
    "citation": (
        "derived from the performance tables LST1_gamma_irf and LST1_backg_irf of cta-lstchain 0.12.3, the"
        " cta-lstchain developers, https://github.com/cta-observatory/cta-lstchain; see also H. Abe et al. 2023, ApJ"
        " 956, 80"
    ),
    "licence": "BSD-3-Clause, Copyright (c) 2018, the cta-lstchain developers",
    "acknowledgement": "",
    "source": "https://pypi.org/project/lstchain/0.12.3/ lstchain/data",
}


def read(data: Path, efficiency: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Rows of gammas and of background at the zenith angle."""
    return tuple(  # type: ignore[return-value]
        [row for row in csv.DictReader(path.open(encoding="utf-8")) if row["ZD_deg"] == ZENITH]
        for path in (
            data / f"LST1_{kind}_irf_gheffi_{efficiency}_theffi_{efficiency}.csv" for kind in ("gamma", "backg")
        )
    )


def column(rows: list[dict[str, str]], name: str) -> Any:
    """A column as numbers."""
    return np.array([float(row[name]) for row in rows])


def centers(rows: list[dict[str, str]], energy: str) -> Any:
    """Geometric middles of the bins."""
    return np.sqrt(column(rows, f"{energy}_min_TeV") * column(rows, f"{energy}_max_TeV"))


def distribution(row: dict[str, str]) -> Any:
    """Of E_reco / E_true."""
    place, scale = float(row["emig_mu_loc"]), float(row["emig_mu_scale"])
    if row["emig_model"] == "moyal":
        return stats.moyal(place, scale)
    return stats.skewnorm(float(row["emig_mu_a"]), place, scale)


def migration(rows: list[dict[str, str]]) -> tuple[Any, Any, Any]:
    """Energies, median biases and half widths."""
    low, middle, high = np.array([distribution(row).ppf(SIGMA) for row in rows]).T
    return centers(rows, "Etrue"), middle - 1, (high - low) / 2


def sensitivity(gammas: list[dict[str, str]], background: list[dict[str, str]]) -> tuple[Any, Any]:
    """Energies, and E² times the flux that is seen."""
    edges = np.append(column(background, "Ereco_min_TeV"), float(background[-1]["Ereco_max_TeV"]))
    seconds = HOURS * 3600
    signal = seconds * sum(rates(row, edges) for row in gammas)
    noise = seconds * column(background, "BckgRate_per_second")
    relative = relative_sensitivity(signal + noise, noise / ALPHA, ALPHA)
    energy = np.sqrt(edges[:-1] * edges[1:])
    flux = CRAB_MAGIC_JHEAP2015(energy * u.TeV) * (energy * u.TeV) ** 2
    return energy, relative * flux.to_value("erg / (cm2 s)")


def rates(row: dict[str, str], edges: Any) -> Any:
    """Gammas of the Crab Nebula a second in each bin of reconstructed energy, of one bin of true energy."""
    fine = np.geomspace(float(row["Etrue_min_TeV"]), float(row["Etrue_max_TeV"]), 21)
    middle = np.sqrt(fine[1:] * fine[:-1])
    thrown = CRAB_MAGIC_JHEAP2015(middle * u.TeV) * np.diff(fine) * u.TeV * float(row["Aeff_m2"]) * u.m**2
    shares = [np.diff(distribution(row).cdf(edges / energy)) for energy in middle]
    return thrown.to_value("1 / s") @ np.array(shares)


def curve(quantity: str, unit: str, definition: str, cuts: str, energy: Any, value: Any) -> dict[str, object]:
    """One curve where the tables can be relied on."""
    kept = (energy > ENERGIES[0]) & (energy < ENERGIES[1]) & np.isfinite(value)
    return {
        "quantity": quantity,
        "definition": definition,
        "cuts": cuts,
        "unit": unit,
        "energy_unit": "TeV",
        "energy": [float(f"{e:.4g}") for e in energy[kept]],
        "value": [float(f"{v:.4g}") for v in value[kept]],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Sensitivity to a point source, and the cuts that make it best.

pyirf gives a sensitivity for any histogram. Here a bin has one only if enough simulated gammas and enough simulated
background events are in it: otherwise the tightest cut, which leaves no background by chance, would always look best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray
from pyirf.binning import create_histogram_table
from pyirf.sensitivity import calculate_sensitivity
from pyirf.sensitivity import estimate_background

from gammalearn_irf.computing.benchmarks import in_ring
from gammalearn_irf.computing.bins import Bins
from gammalearn_irf.computing.bins import middles
from gammalearn_irf.computing.cuts import Cuts
from gammalearn_irf.computing.cuts import best_of
from gammalearn_irf.computing.cuts import make_cuts
from gammalearn_irf.options import FEW
from gammalearn_irf.options import Options
from gammalearn_irf.spectra import SPECTRA

EFFICIENCIES = np.round(np.arange(0.1, 0.96, 0.05), 2)
"""Shares of gammas that cuts in gammaness are tried with."""
FALLBACK = 0.7
"""The share that is kept in bins where no cut gives a sensitivity."""


def sensitivity(gammas: QTable, background: QTable, cuts: Cuts, *, edges: Any, ring: Any, options: Options) -> QTable:
    """Least flux that is detected, in bins of reconstructed energy.

    Parameters
    ----------
    gammas, background : QTable
        With the ``weight`` of the observation time.
    cuts : Cuts
    edges : Quantity
    ring : Quantity, (2,)
        Gammas come from it, and background events are counted in it and scaled to the region of the source.

    Returns
    -------
    QTable
        ``relative_sensitivity`` in units of the source's spectrum and ``flux_sensitivity`` (E² dN/dE) are NaN in bins
        where ``reason`` tells what is missing.
    """
    signal = gammas[in_ring(gammas, ring) & cuts.passing(gammas)]
    noise = background[cuts.passing_gammaness(background)]
    noise = noise[in_ring(noise, ring, "reco_source_fov_offset")]
    on = create_histogram_table(signal, edges, "reco_energy")
    off = estimate_background(noise, edges, cuts.theta, options.alpha, *ring)
    with np.errstate(all="ignore"):
        found = calculate_sensitivity(on, off, alpha=options.alpha)
    counted = create_histogram_table(noise, edges, "reco_energy")["n"]
    table = QTable({f"reco_energy_{end}": edges[part] for end, part in (("low", np.s_[:-1]), ("high", np.s_[1:]))})
    table["n_gammas"], table["n_background"] = on["n"], counted
    table["expected_gammas"] = on["n_weighted"]
    table["expected_background"] = options.alpha * off["n_weighted"]
    table["reason"] = reasons(on["n"], counted, found["relative_sensitivity"])
    relative = np.where(table["reason"] == "", found["relative_sensitivity"], np.nan)
    energy = middles(edges)
    flux = (SPECTRA[options.gamma_spectrum][0](energy) * energy**2).to("erg / (cm2 s)")
    error = relative_error(signal, noise, edges)
    for name, values in (("relative_sensitivity", relative), ("flux_sensitivity", relative * flux)):
        table[name] = values
        table[f"{name}_error"] = error * values
    return table


def relative_error(gammas: QTable, background: QTable, edges: Any) -> NDArray[np.float64]:
    """Of a sensitivity that goes with the square root of the background, over the signal."""
    signal, noise = (effective_number(events, edges) for events in (gammas, background))
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(1 / signal + 0.25 / noise), dtype=np.float64)


def effective_number(events: QTable, edges: Any) -> NDArray[np.float64]:
    """Of events of equal weight that fluctuate as much, by reconstructed energy (Kish)."""
    energy, weight = events["reco_energy"], events["weight"]
    first, second = (np.histogram(energy, edges, weights=weight**power)[0] for power in (1, 2))
    number: NDArray[np.float64] = np.divide(first**2, second, out=np.zeros(len(first)), where=second > 0)
    return number


def reasons(gammas: NDArray[Any], background: NDArray[Any], relative: NDArray[Any]) -> NDArray[np.str_]:
    """Why bins have no sensitivity; empty where they have one."""
    few_gammas, few_background = gammas < FEW, background < FEW
    told = np.select(
        [few_gammas, few_background, ~np.isfinite(relative)],
        [f"fewer than {FEW} simulated gammas", f"fewer than {FEW} simulated background events", "no flux is enough"],
        default="",
    )
    return np.asarray(told, dtype=np.str_)


def best_cuts(gammas: QTable, background: QTable, bins: Bins, options: Options) -> Cuts:
    """In each bin of energy the cuts of the best sensitivity over the whole field.

    Of those are considered that leave a sensitivity in the most rings: a ring has less background than the field.
    """
    candidates = [
        make_cuts(gammas, bins.energy, gamma_efficiency=float(share), theta_efficiency=options.theta_efficiency)
        for share in EFFICIENCIES
    ]

    def relative(ring: Any) -> NDArray[np.float64]:
        shared = {"edges": bins.energy, "ring": ring, "options": options}
        tables = [sensitivity(gammas, background, cuts, **shared) for cuts in candidates]
        return np.array([table["relative_sensitivity"] for table in tables])

    whole = relative(bins.field)
    rings = sum(np.isfinite(relative(ring)).astype(int) for ring in bins.rings)
    whole = np.where((rings == np.max(rings, axis=0)) & np.isfinite(whole), whole, np.inf)
    fallback = int(np.argmin(np.abs(EFFICIENCIES - FALLBACK)))
    return best_of(candidates, np.where(np.isfinite(whole).any(axis=0), np.argmin(whole, axis=0), fallback))


__all__ = ["EFFICIENCIES", "FALLBACK", "best_cuts", "effective_number", "reasons", "relative_error", "sensitivity"]

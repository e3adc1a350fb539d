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
    table["relative_sensitivity"], table["flux_sensitivity"] = relative, relative * flux
    return table


def reasons(gammas: NDArray[Any], background: NDArray[Any], relative: NDArray[Any]) -> NDArray[np.str_]:
    """Why bins have no sensitivity; empty where they have one."""
    few_gammas, few_background = gammas < FEW, background < FEW
    told = np.select(
        [few_gammas, few_background, ~np.isfinite(relative)],
        [f"fewer than {FEW} simulated gammas", f"fewer than {FEW} simulated background events", "no flux is enough"],
        default="",
    )
    return np.asarray(told, dtype=np.str_)


def best_cuts(gammas: QTable, background: QTable, *, edges: Any, field: Any, options: Options) -> Cuts:
    """In each bin of energy the cuts of the best sensitivity, over the whole field."""
    candidates = [
        make_cuts(gammas, edges, gamma_efficiency=float(share), theta_efficiency=options.theta_efficiency)
        for share in EFFICIENCIES
    ]
    tables = [sensitivity(gammas, background, c, edges=edges, ring=field, options=options) for c in candidates]
    relative = np.array([table["relative_sensitivity"] for table in tables])
    fallback = int(np.argmin(np.abs(EFFICIENCIES - FALLBACK)))
    known = np.isfinite(relative).any(axis=0)
    best = np.argmin(np.where(np.isfinite(relative), relative, np.inf), axis=0)
    return best_of(candidates, np.where(known, best, fallback))


__all__ = ["EFFICIENCIES", "FALLBACK", "best_cuts", "reasons", "sensitivity"]

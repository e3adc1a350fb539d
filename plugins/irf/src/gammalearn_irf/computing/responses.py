"""Instrument response functions as FITS HDUs, full-enclosure: after the cut in gammaness, without one in theta."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import QTable
from pyirf.io import create_aeff2d_hdu
from pyirf.io import create_background_2d_hdu
from pyirf.io import create_energy_dispersion_hdu
from pyirf.io import create_psf_table_hdu
from pyirf.irf import background_2d
from pyirf.irf import energy_dispersion
from pyirf.irf import psf_table

from gammalearn_core import DataError
from gammalearn_irf.computing.benchmarks import area
from gammalearn_irf.computing.compute import Computed
from gammalearn_irf.reading.sample import Sample

MIGRATION = np.geomspace(0.2, 5, 41)
"""Edges of bins in reconstructed over true energy; wider where events are outside."""
PSF_BINS = 100


def responses(gammas: Sample, made: Computed) -> list[fits.BinTableHDU]:
    """HDUs of gammapy's names; without a background if there is none.

    Raises
    ------
    DataError
        Energies or directions were not predicted.
    """
    missing = [kind for kind in ("energy", "direction") if not gammas.knows(kind)]
    if missing:
        raise DataError(f"there are no predictions of {' and '.join(missing)}: response functions need them")
    energy, fov = made.bins.energy, made.bins.fov
    events = made.gammas[made.cuts.passing_gammaness(made.gammas)]
    areas = np.nan_to_num(area(events, gammas.thrown, energy, fov), nan=0 * u.m**2)
    migration = _migration_edges(events)
    dispersion = energy_dispersion(events, energy, fov, migration)
    rad = _psf_edges(events)
    psf = psf_table(events, energy, rad, fov)
    hdus = [
        # pyirf's default point_like=True makes gammapy ask for a RAD_MAX table that these do not have.
        create_aeff2d_hdu(areas, energy, fov, extname="EFFECTIVE AREA", point_like=False),
        create_energy_dispersion_hdu(dispersion, energy, migration, fov, extname="ENERGY DISPERSION", point_like=False),
        create_psf_table_hdu(psf, energy, rad, fov, extname="PSF"),
    ]
    if made.background is not None:
        hdus.append(_background(made, made.background))
    return hdus


def _background(made: Computed, background: QTable) -> fits.BinTableHDU:
    energy, fov = made.bins.energy, made.bins.fov
    events = background[made.cuts.passing_gammaness(background)]
    rate = background_2d(events, energy, fov, made.options.observation_time * u.h)
    return create_background_2d_hdu(rate, energy, fov, extname="BACKGROUND")


def _migration_edges(events: QTable) -> Any:
    """That hold all events: each response must be normalised."""
    ratio = (events["reco_energy"] / events["true_energy"]).to_value("")
    step = np.log(MIGRATION[1] / MIGRATION[0])
    below = max(0, int(np.ceil(np.log(MIGRATION[0] / ratio.min(initial=MIGRATION[0])) / step)))
    above = max(0, int(np.ceil(np.log(ratio.max(initial=MIGRATION[-1]) * (1 + 1e-9) / MIGRATION[-1]) / step)))
    return np.exp(np.log(MIGRATION[0]) + step * np.arange(-below, len(MIGRATION) + above))


def _psf_edges(events: QTable) -> Any:
    """Up to a whole number of half degrees that holds all events, finer where most of them are."""
    widest = events["theta"].to_value("deg").max(initial=0.0)
    end = max(0.5, np.ceil(2 * widest + 1e-9) / 2)
    return end * np.linspace(0, 1, PSF_BINS + 1) ** 2 * u.deg


__all__ = ["MIGRATION", "responses"]

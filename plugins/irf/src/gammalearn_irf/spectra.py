"""Spectra that simulated events are weighted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyirf import spectral
from pyirf.simulations import SimulatedEventsInfo

SPECTRA: dict[str, tuple[Callable[[Any], Any], str]] = {
    "crab_hegra": (spectral.CRAB_HEGRA, "Crab Nebula, power law: HEGRA, Aharonian et al. 2004, doi:10.1086/423931"),
    "crab_magic": (
        spectral.CRAB_MAGIC_JHEAP2015,
        "Crab Nebula, log parabola: MAGIC, Aleksić et al. 2015, doi:10.1016/j.jheap.2015.01.002",
    ),
    "dampe_p_he": (spectral.DAMPE_P_He_SPECTRUM, "protons and helium: DAMPE, flattened above 8 TeV, as in pyirf"),
    "irfdoc_electron": (
        spectral.IRFDOC_ELECTRON_SPECTRUM,
        "electrons and positrons: CTA prod3b IRF document, section 4.3.1, as in pyirf",
    ),
    "irfdoc_proton": (spectral.IRFDOC_PROTON_SPECTRUM, "protons: CTA prod3b IRF document, section 4.3.1, as in pyirf"),
    "pdg_all_particle": (
        spectral.PDG_ALL_PARTICLE,
        "all cosmic rays: Review of Particle Physics 2020, equation 30.2, as in pyirf",
    ),
}
"""By name: flux of an energy, and where it is from."""


def event_weights(
    true_energy: Any, thrown: SimulatedEventsInfo, *, spectrum: str, time: Any, ring: Any | None = None
) -> NDArray[np.float64]:
    """How many events of the spectrum one simulated event stands for.

    Parameters
    ----------
    true_energy : Quantity, (n,)
    thrown : SimulatedEventsInfo
    spectrum : str
        One of `SPECTRA`.
    time : Quantity
        That is observed.
    ring : Quantity, (2,), optional
        Inner and outer angle to the pointing of simulated diffuse gammas that together stand for a point source.
    """
    flux = spectral.PowerLaw.from_simulation(thrown, time)
    if ring is not None and thrown.viewcone_max > thrown.viewcone_min:
        flux = flux.integrate_cone(*ring)
    weights: NDArray[np.float64] = spectral.calculate_event_weights(true_energy, SPECTRA[spectrum][0], flux)
    return weights


__all__ = ["SPECTRA", "event_weights"]

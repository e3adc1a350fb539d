"""Resolutions and effective area by true energy, in each bin of the angle to the pointing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable
from astropy.table import vstack
from pyirf.benchmarks import angular_resolution
from pyirf.benchmarks import energy_bias_resolution
from pyirf.benchmarks.energy_bias_resolution import ONE_SIGMA_COVERAGE
from pyirf.benchmarks.energy_bias_resolution import energy_resolution_absolute_68
from pyirf.irf import effective_area_per_energy
from pyirf.irf import effective_area_per_energy_and_fov
from pyirf.simulations import SimulatedEventsInfo

from gammalearn_irf.computing.bins import Bins
from gammalearn_irf.computing.bins import is_diffuse
from gammalearn_irf.computing.bins import middles
from gammalearn_irf.computing.cuts import Mask
from gammalearn_irf.computing.errors import by_bin
from gammalearn_irf.computing.errors import quantile_error
from gammalearn_irf.computing.errors import share_error
from gammalearn_irf.computing.errors import width_error

R68 = "angular_resolution_68"


def in_ring(events: QTable, ring: Any, column: str = "true_source_fov_offset") -> Mask:
    """Events between the inner edge, included, and the outer edge."""
    mask: Mask = (events[column] >= ring[0]) & (events[column] < ring[1])
    return mask


def by_ring(bins: Bins, energy: str, make: Callable[[Any], QTable]) -> QTable:
    """The tables of all rings in one, with the geometric middles of the energy bins."""
    tables = []
    for ring in bins.rings:
        table = make(ring)
        table[f"{energy}_center"] = middles(bins.energy)
        table["fov_offset_low"], table["fov_offset_high"] = ring
        tables.append(table)
    return vstack(tables, metadata_conflicts="silent")


def energy_table(gammas: QTable, bins: Bins) -> QTable:
    """Median bias and both resolutions of gammas; NaN in bins without one, and widths of a single one."""

    def make(ring: Any) -> QTable:
        events = gammas[in_ring(gammas, ring)]
        table = energy_bias_resolution(events, bins.energy)
        absolute = energy_bias_resolution(events, bins.energy, resolution_function=energy_resolution_absolute_68)
        several = table["n_events"] > 1
        table["resolution"] = np.where(several, table["resolution"], np.nan)
        table["resolution_about_0"] = np.where(several, absolute["resolution"], np.nan)
        relative = (events["reco_energy"] / events["true_energy"]).to_value("") - 1
        given = events["true_energy"], bins.energy
        table["bias_error"] = by_bin(relative, *given, partial(quantile_error, share=0.5))
        table["resolution_error"] = by_bin(relative, *given, width_error)
        about_0 = partial(quantile_error, share=ONE_SIGMA_COVERAGE)
        table["resolution_about_0_error"] = by_bin(np.abs(relative), *given, about_0)
        return table

    return by_ring(bins, "true_energy", make)


def direction_table(gammas: QTable, bins: Bins) -> QTable:
    """Angle that contains 68.27 % of gammas; NaN in bins without one."""

    def make(ring: Any) -> QTable:
        events = gammas[in_ring(gammas, ring)]
        table = angular_resolution(events, bins.energy)
        table[R68] = table[R68].to("deg")
        error = partial(quantile_error, share=ONE_SIGMA_COVERAGE)
        found = by_bin(events["theta"].to_value("deg"), events["true_energy"], bins.energy, error)
        table[f"{R68}_error"] = found * u.deg
        return table

    return by_ring(bins, "true_energy", make)


def area_table(selections: dict[str, QTable], thrown: SimulatedEventsInfo, bins: Bins) -> QTable:
    """Effective area for gammas that are left, by name of the selection; NaN in bins without a simulated shower."""

    def make(ring: Any) -> QTable:
        table = QTable({"true_energy_low": bins.energy[:-1], "true_energy_high": bins.energy[1:]})
        table["n_simulated"] = _simulated(thrown, bins.energy, ring)
        for name, events in selections.items():
            chosen = events[in_ring(events, ring)]
            table[f"n_{name}"] = np.histogram(chosen["true_energy"], bins.energy)[0]
            table[f"area_{name}"] = area(events, thrown, bins.energy, ring)[:, 0]
            relative = share_error(table[f"n_{name}"], table["n_simulated"])
            table[f"area_{name}_error"] = relative * table[f"area_{name}"]
        return table

    return by_ring(bins, "true_energy", make)


def _simulated(thrown: SimulatedEventsInfo, energy: Any, ring: Any) -> Any:
    if is_diffuse(thrown):
        return thrown.calculate_n_showers_per_energy_and_fov(energy, ring)[:, 0]
    return thrown.calculate_n_showers_per_energy(energy)


def area(events: QTable, thrown: SimulatedEventsInfo, energy: Any, fov: Any) -> Any:
    """Effective area, (energies, angles to the pointing)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if is_diffuse(thrown):
            found = effective_area_per_energy_and_fov(events, thrown, energy, fov)
        else:
            found = effective_area_per_energy(events, thrown, energy)[:, np.newaxis]
    return np.where(np.isfinite(found), found, np.nan * u.m**2).to("m2")


__all__ = ["R68", "area", "area_table", "by_ring", "direction_table", "energy_table", "in_ring"]

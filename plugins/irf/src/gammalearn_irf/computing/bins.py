"""Bins of energy and of the angle to the pointing."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from attrs import frozen
from pyirf.binning import create_bins_per_decade
from pyirf.simulations import SimulatedEventsInfo

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_irf.options import Options
from gammalearn_irf.reading.sample import Sample

PER_DECADE = 5
TOLERANCE = 1.01
"""An edge this much outside what was simulated counts as inside: 0.1995 TeV for 0.2."""
FOV_STEP = 1.0
"""Width of bins of the angle to the pointing that is aimed at, deg."""


@frozen(kw_only=True, eq=False)
class Bins:
    """Edges, with their units."""

    energy: Any
    """True and reconstructed."""
    fov: Any
    """Angle to the pointing."""

    @property
    def rings(self) -> list[Any]:
        """Inner and outer edge of each bin of the angle to the pointing."""
        return [self.fov[number : number + 2] for number in range(len(self.fov) - 1)]

    @property
    def field(self) -> Any:
        """Inner and outer edge of all of them."""
        return self.fov[[0, -1]]


def make_bins(options: Options, gammas: Sample, background: Sequence[SimulatedEventsInfo]) -> Bins:
    """Bins that were chosen, or those that fit the simulation.

    Raises
    ------
    SettingsError
        Chosen bins reach to where nothing was simulated.
    """
    return Bins(energy=_energy(options, gammas.thrown), fov=_fov(options, gammas, background))


def _energy(options: Options, gammas: SimulatedEventsInfo) -> Any:
    if options.energy_bins is not None:
        low, high, count = options.energy_bins
        return create_bins_per_decade(low * u.TeV, high * u.TeV, int(count))
    limits = [limit.to_value("TeV") for limit in (gammas.energy_min, gammas.energy_max)]
    # The edges of CTA's tables, so that the middles of bins are 0.1, 0.158, 0.251, … TeV.
    first = np.ceil(np.log10(limits[0] / TOLERANCE) * PER_DECADE - 0.5)
    last = np.floor(np.log10(limits[1] * TOLERANCE) * PER_DECADE - 0.5)
    if last <= first:
        return u.Quantity(limits, u.TeV)
    return 10 ** ((np.arange(first, last + 1) + 0.5) / PER_DECADE) * u.TeV


def _fov(options: Options, gammas: Sample, background: Sequence[SimulatedEventsInfo]) -> Any:
    diffuse = [info for info in [gammas.thrown, *background] if is_diffuse(info)]
    low = max((info.viewcone_min.to_value("deg") for info in diffuse), default=0.0)
    high = min((info.viewcone_max.to_value("deg") for info in diffuse), default=np.inf)
    source = None if is_diffuse(gammas.thrown) else np.median(gammas.events["true_source_fov_offset"]).to_value("deg")
    if options.fov_bins is not None:
        problems = list(_unfit(options.fov_bins, low, high, source))
        if problems:
            raise SettingsError(problems)
        return np.array(options.fov_bins) * u.deg
    if source is not None:
        first = max(low, source - FOV_STEP / 2)
        return np.array([first, min(high, first + FOV_STEP)]) * u.deg
    return np.linspace(low, high, max(1, round((high - low) / FOV_STEP)) + 1) * u.deg


def _unfit(edges: Sequence[float], low: float, high: float, source: float | None) -> Iterator[Problem]:
    first, last = edges[0], edges[-1]
    if first < low / TOLERANCE or last > high * TOLERANCE:
        what = f"{first:g} to {last:g} deg is more than the {low:g} to {high:g} deg that showers were simulated in"
        yield Problem("fov_bins", what, "stay within them")
    if source is not None and not (len(edges) == 2 and first <= source < last):
        what = f"gammas come from one point, {source:.3g} deg off axis: there can be one bin only, with it inside"
        yield Problem("fov_bins", what)


def is_diffuse(info: SimulatedEventsInfo) -> bool:
    """Whether showers come from a cone of directions."""
    return bool(info.viewcone_max > info.viewcone_min)


def middles(edges: Any) -> Any:
    """Geometric middles of bins."""
    return np.sqrt(edges[:-1] * edges[1:])


__all__ = ["Bins", "is_diffuse", "make_bins", "middles"]

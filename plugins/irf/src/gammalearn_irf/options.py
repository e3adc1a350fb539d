"""`Options`: what users choose. Light, so that the command can tell what is wrong at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import pairwise

from attrs import field
from attrs import frozen

from gammalearn_core import Problem

SOURCES = ("crab_hegra", "crab_magic")
BACKGROUNDS = ("dampe_p_he", "irfdoc_proton", "pdg_all_particle")
FEW = 10
"""Bins with fewer simulated events have no cut and no sensitivity, and are drawn hollow."""


def _floats(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)


@frozen(kw_only=True)
class Options:
    """Nothing in it belongs to a site.

    Examples
    --------
    >>> [str(problem) for problem in Options(theta_efficiency=70).problems()]
    ['theta_efficiency: 70 is not above 0 and at most 1']
    """

    gamma_efficiency: float | None = None
    """Share of gammas that the cut in gammaness keeps in each bin; by default that with the best sensitivity."""
    theta_efficiency: float = 0.7
    """Share of the remaining gammas that the cut in theta keeps in each bin."""
    energy_bins: tuple[float, ...] | None = field(default=None, converter=_floats)
    """Lowest and highest energy (TeV) and bins a decade; by default 5 a decade, those of CTA that were simulated."""
    fov_bins: tuple[float, ...] | None = field(default=None, converter=_floats)
    """Edges in the angle to the pointing, deg; by default bins of about 1 deg up to where gammas were simulated."""
    observation_time: float = 50.0
    """Hours."""
    alpha: float = 0.2
    """Solid angle of the region with the source over that of the background regions."""
    gamma_spectrum: str = "crab_magic"
    """Of the source: one of ``SOURCES``."""
    proton_spectrum: str = "irfdoc_proton"
    """Of the background: one of ``BACKGROUNDS``."""

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong."""
        if self.gamma_efficiency is not None:
            yield from _share("gamma_efficiency", self.gamma_efficiency)
        yield from _share("theta_efficiency", self.theta_efficiency)
        yield from _positive("observation_time", self.observation_time)
        yield from _positive("alpha", self.alpha)
        yield from self._bins()
        for name, known in (("gamma_spectrum", SOURCES), ("proton_spectrum", BACKGROUNDS)):
            if getattr(self, name) not in known:
                yield Problem(name, f"{getattr(self, name)!r} is not known", f"one of {', '.join(known)}")

    def _bins(self) -> Iterator[Problem]:
        edges = self.fov_bins
        if edges is not None and not (len(edges) > 1 and edges[0] >= 0 and _ascend(edges) and edges[-1] <= 90):
            yield Problem("fov_bins", f"{list(edges)} are not two or more edges that ascend from 0 deg or more")
        bins = self.energy_bins
        if bins is None:
            return
        if len(bins) != 3 or not 0 < bins[0] < bins[1] < math.inf or bins[2] != int(bins[2]) or not 1 <= bins[2] <= 100:
            what = f"{list(bins)} is not a lowest energy, a higher one, and 1 to 100 bins a decade"
            yield Problem("energy_bins", what, "such as 0.02 200 5")


def _share(name: str, value: float) -> Iterator[Problem]:
    if not 0 < value <= 1:
        yield Problem(name, f"{value:g} is not above 0 and at most 1")


def _positive(name: str, value: float) -> Iterator[Problem]:
    if not 0 < value < math.inf:
        yield Problem(name, f"{value:g} is not a number above 0")


def _ascend(edges: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(edges))


__all__ = ["BACKGROUNDS", "FEW", "SOURCES", "Options"]

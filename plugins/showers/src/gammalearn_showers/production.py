"""`Production`: which showers are thrown, at which array."""

from __future__ import annotations

import attrs
import numpy as np

from gammalearn_showers.instrument import Subarray
from gammalearn_showers.primaries import PRIMARIES

ZENITH = np.nextafter(np.float32(np.pi / 2), np.float32(0))
"""Largest altitude in rad of single precision: pi / 2 would be rounded up, and astropy refuses to look behind."""


@attrs.frozen(eq=False)
class Production:
    """Showers of one primary, thrown at random on one array.

    Energies follow a power law; cores are uniform in a circle perpendicular to the axis of the field of view;
    directions are uniform in a cone around the pointing.

    Parameters
    ----------
    primary : {"gamma", "electron", "proton"}
        What hits the atmosphere.
    subarray : Subarray
        What sees it.
    zenith, azimuth : float
        Pointing, in deg; azimuth from north to east.
    energy_range : tuple of float
        Least and greatest energy, in TeV.
    index : float
        Of the power law of energies, such as -2.
    viewcone : float
        Half opening angle of the cone of directions, in deg; 0 is a point source.
    scatter_radius : float
        Of the circle of cores, in m.
    min_telescopes : int
        Telescopes that must trigger for the array to.
    seed : int
        With the number of a shower, it is all that its random numbers depend on.
    """

    primary: str = attrs.field(validator=attrs.validators.in_(PRIMARIES))
    subarray: Subarray
    zenith: float
    azimuth: float
    energy_range: tuple[float, float]
    index: float
    viewcone: float
    scatter_radius: float
    min_telescopes: int
    seed: int

    @property
    def primary_id(self) -> int:
        """Number of the primary."""
        return PRIMARIES[self.primary].number

    @property
    def pointing(self) -> tuple[np.float32, np.float32]:
        """Altitude and azimuth as files have them, in rad."""
        alt, az = np.radians([90.0 - self.zenith, self.azimuth]).astype(np.float32)
        return min(alt, ZENITH), az


__all__ = ["Production"]

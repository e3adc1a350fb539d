"""`offset`: where a direction is in the field of view."""

from __future__ import annotations

import numpy as np

from gammalearn_showers.production import Production


def offset(alt: float, az: float, production: Production) -> tuple[float, float]:
    """Angles from the pointing towards azimuth and altitude, in deg, as images show them (gnomonic).

    Parameters
    ----------
    alt, az : float
        In rad.
    production : Production
        Its pointing is the origin.
    """
    alt0, az0 = np.pi / 2 - np.radians(production.zenith), np.radians(production.azimuth)
    east = np.cos(alt) * np.sin(az - az0)
    north = np.sin(alt) * np.cos(alt0) - np.cos(alt) * np.sin(alt0) * np.cos(az - az0)
    along = np.sin(alt) * np.sin(alt0) + np.cos(alt) * np.cos(alt0) * np.cos(az - az0)
    return float(np.degrees(east / along)), float(np.degrees(north / along))


__all__ = ["offset"]

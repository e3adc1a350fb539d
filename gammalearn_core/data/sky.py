"""Directions on the sky relative to a pointing.

The frame is that of ctapipe's ``NominalFrame`` and ``TelescopeFrame`` (an astropy ``SkyOffsetFrame`` about the
pointing): ``fov_lon`` grows with azimuth and ``fov_lat`` with altitude, both are spherical coordinates, in degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

Degrees = NDArray[np.float64]


def to_offset(
    alt: ArrayLike, az: ArrayLike, pointing_alt: ArrayLike, pointing_az: ArrayLike
) -> tuple[Degrees, Degrees]:
    """``(fov_lon, fov_lat)`` of a direction, deg, with ``fov_lon`` from -180 to 180."""
    alt, az, alt0, az0 = (np.radians(np.asarray(a, dtype=np.float64)) for a in (alt, az, pointing_alt, pointing_az))
    turn = az - az0
    x = np.cos(alt) * np.cos(turn) * np.cos(alt0) + np.sin(alt) * np.sin(alt0)
    y = np.cos(alt) * np.sin(turn)
    z = np.sin(alt) * np.cos(alt0) - np.cos(alt) * np.cos(turn) * np.sin(alt0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def from_offset(
    lon: ArrayLike, lat: ArrayLike, pointing_alt: ArrayLike, pointing_az: ArrayLike
) -> tuple[Degrees, Degrees]:
    """``(alt, az)`` of an offset, deg, with the azimuth from 0 to 360."""
    lon, lat, alt0, az0 = (np.radians(np.asarray(a, dtype=np.float64)) for a in (lon, lat, pointing_alt, pointing_az))
    x = np.cos(lat) * np.cos(lon) * np.cos(alt0) - np.sin(lat) * np.sin(alt0)
    y = np.cos(lat) * np.sin(lon)
    z = np.cos(lat) * np.cos(lon) * np.sin(alt0) + np.sin(lat) * np.cos(alt0)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(az0 + np.arctan2(y, x)) % 360.0


def separation(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Degrees:
    """Angle between two directions, deg, exact at any distance (Vincenty 1975, doi:10.1179/sre.1975.23.176.88)."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(a, dtype=np.float64)) for a in (lon1, lat1, lon2, lat2))
    turn = lon2 - lon1
    across = np.hypot(
        np.cos(lat2) * np.sin(turn), np.cos(lat1) * np.sin(lat2) - np.sin(lat1) * np.cos(lat2) * np.cos(turn)
    )
    along = np.sin(lat1) * np.sin(lat2) + np.cos(lat1) * np.cos(lat2) * np.cos(turn)
    angle: Degrees = np.degrees(np.arctan2(across, along))
    return angle


__all__ = ["from_offset", "separation", "to_offset"]

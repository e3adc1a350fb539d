"""Cameras and images for the page: whole numbers that are drawn as polygons where the pixels are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.sky import to_offset

SCALE = 10_000
"""The radius of a camera in the page."""
_LEVELS = 255
_CORNERS = {"hexagonal": 6, "square": 4, "irregular": 12}


def drawn_camera(geometry: CameraGeometry) -> dict[str, Any]:
    """Places and shapes of pixels.

    Returns
    -------
    dict
        ``x``, ``y``: whole numbers, the radius of the camera is `SCALE`; ``shapes``: corners of each shape, seen from
        the middle of a pixel; ``shape``: number of the shape of each pixel.

    Examples
    --------
    >>> camera = CameraGeometry(name="two", x=[-0.5, 0.5], y=[0, 0], area=[1, 1], focal_length=10)
    >>> drawn_camera(camera)["x"], drawn_camera(camera)["shape"]
    ([-4641, 4641], [0, 0])
    """
    unit = SCALE / _radius(geometry)
    sizes, shape = np.unique(np.round(np.sqrt(geometry.area / np.median(geometry.area)), 2), return_inverse=True)
    corners = _corners(geometry) * unit
    return {
        "name": geometry.name,
        "x": _whole(geometry.x * unit),
        "y": _whole(geometry.y * unit),
        "shapes": [[_whole(corner) for corner in corners * size] for size in sizes],
        "shape": shape.reshape(-1).tolist(),
    }


def drawn_charges(charges: NDArray[np.float32], valid: NDArray[np.bool_]) -> list[int | None]:
    """Charges in 255 steps from 0 to the brightest pixel; None where the file has no value.

    Examples
    --------
    >>> drawn_charges(np.array([-1.0, 2.0, 4.0, 0.0], dtype=np.float32), np.array([True, True, True, False]))
    [0, 128, 255, None]
    """
    brightest = max(float(charges[valid].max(initial=0.0)), 1e-9)
    levels = np.rint(np.clip(charges / brightest, 0, 1) * _LEVELS).astype(int)
    return [level if known else None for level, known in zip(levels.tolist(), valid.tolist(), strict=True)]


def place_in_camera(
    geometry: CameraGeometry, alt: float, az: float, pointing_alt: float, pointing_az: float
) -> list[int] | None:
    """Where a direction is in the drawn camera; None if it is not in it, or not known."""
    lon, lat = to_offset(*(np.array([angle], dtype=np.float64) for angle in (alt, az, pointing_alt, pointing_az)))
    place = geometry.focal_length * np.radians(np.concatenate([lat, lon])) * SCALE / _radius(geometry)
    if not np.isfinite(place).all() or np.abs(place).max() > SCALE * 1.05:
        return None
    return _whole(place)


def _radius(geometry: CameraGeometry) -> float:
    corner = float(np.hypot(*_corners(geometry).T).max())
    return float(np.hypot(geometry.x, geometry.y).max()) + corner


def _corners(geometry: CameraGeometry) -> NDArray[np.float64]:
    """Corners of a pixel of the usual size, seen from its middle, m: (n, 2)."""
    n = _CORNERS[geometry.kind]
    area = float(np.median(geometry.area))
    # A polygon of n corners at distance r covers n / 2 · r² · sin(2π / n).
    radius = np.sqrt(2 * area / (n * np.sin(2 * np.pi / n)))
    if geometry.kind != "irregular":
        # Pixels that touch: corners are half a step from the neighbours' directions.
        radius = min(radius, geometry.pitch / 2 / np.cos(np.pi / n))
    angles = _direction(geometry, n) + 2 * np.pi * (np.arange(n) + 0.5) / n
    corners: NDArray[np.float64] = np.column_stack([np.cos(angles), np.sin(angles)]) * radius
    return corners


def _direction(geometry: CameraGeometry, n: int) -> float:
    """Angle of the way to a neighbour, rad."""
    start, indices = geometry.neighbours
    for pixel in np.flatnonzero(np.diff(start))[:1]:
        other = indices[start[pixel]]
        return float(np.arctan2(geometry.y[other] - geometry.y[pixel], geometry.x[other] - geometry.x[pixel]))
    return 0.0


def _whole(values: NDArray[np.float64]) -> list[int]:
    return [int(v) for v in np.rint(values)]


__all__ = ["SCALE", "drawn_camera", "drawn_charges", "place_in_camera"]

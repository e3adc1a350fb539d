"""`pixel_outlines`: corners of pixels on the sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.instrument import Camera
from gammalearn_showers.instrument import TelescopeType


def pixel_outlines(kind: TelescopeType) -> NDArray[np.float64]:
    """Corners of all pixels, (pixels, 6 or 4, 2), in deg: fov_lon to the right, fov_lat upwards."""
    camera = kind.camera
    count = 6 if camera.hexagonal else 4
    across = camera.width if camera.hexagonal else float(np.sqrt(np.median(camera.area)))
    # Corners lie between the directions of the neighbours.
    angles = edge_angle(camera) + np.pi / count * (1 + 2 * np.arange(count))
    reach = across / 2 / np.cos(np.pi / count)
    x = camera.x[:, None] + reach * np.cos(angles)
    y = camera.y[:, None] + reach * np.sin(angles)
    corners: NDArray[np.float64] = np.stack([y, x], axis=-1) * float(np.degrees(1 / kind.effective_focal_length))
    return corners


def edge_angle(camera: Camera) -> float:
    """Direction from a pixel's centre to the middle of an edge, in rad, in the camera's x and y."""
    turns = 6 if camera.hexagonal else 4
    pixel, place = np.nonzero(camera.neighbours >= 0)
    z = camera.x + 1j * camera.y
    step = z[camera.neighbours[pixel, place]] - z[pixel]
    return float(np.angle(np.sum((step / np.abs(step)) ** turns)) / turns)


__all__ = ["edge_angle", "pixel_outlines"]

"""Areas that pixels, as polygons, share with the cells of a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gammalearn_core.builtin.transforms.mapping.grid import Grid
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.lattice import Lattice

_CHUNK = 2_000_000
"""Pairs of an edge and a corner that are computed at once, which bounds the memory."""
_NOTHING = 1e-12
"""Share of a pixel below which an overlap is rounding, and slope below which an edge is vertical."""


def rebinning(geometry: CameraGeometry, grid: Grid) -> csr_array:
    """Area, m², that a pixel shares with a cell, (cells, pixels).

    Pixels are the cells of the lattice around their centres: hexagons or squares that touch, whatever the area that
    the file gives. What sticks out of the grid counts for the cells at its edge.
    """
    outline = pixel_outline(geometry.lattice)
    points = np.column_stack([geometry.x, geometry.y])
    reach = float(np.abs(outline).max())
    first = np.floor((points - reach - grid.low) / grid.step).astype(np.int64)
    wide = int(np.ceil(2 * reach / grid.step)) + 1
    # Corners of the cells around each pixel, from its centre.
    corners = grid.low + (first[:, None] + np.arange(wide + 1)[:, None]) * grid.step - points[:, None]
    areas = np.concatenate([_overlaps(outline, part) for part in _parts(corners, len(outline))])
    pixel, row, column = np.nonzero(areas > _NOTHING * polygon_area(outline))
    cells = [np.clip(first[pixel, i] + step, 0, grid.n - 1) for i, step in ((0, column), (1, row))]
    shape = (grid.n**2, geometry.n_pixels)
    return csr_array((areas[pixel, row, column], (cells[1] * grid.n + cells[0], pixel)), shape=shape)


def pixel_outline(lattice: Lattice) -> NDArray[np.float64]:
    """Corners of a pixel, from its centre, anticlockwise, (6 or 4, 2), m.

    Raises
    ------
    ValueError
        The lattice is irregular.
    """
    if lattice.kind == "irregular":
        raise ValueError("pixels that are on no lattice have no outline")
    n = 6 if lattice.kind == "hexagonal" else 4
    angle = np.radians(lattice.angle) + np.pi * (2 * np.arange(n) + 1) / n
    radius = lattice.pitch / 2 / np.cos(np.pi / n)
    outline: NDArray[np.float64] = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return outline


def polygon_area(corners: NDArray[np.float64]) -> float:
    """Area of an anticlockwise polygon with these corners, (n, 2)."""
    x, y = corners.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _parts(corners: NDArray[np.float64], edges: int) -> list[NDArray[np.float64]]:
    each = max(1, _CHUNK // (edges * corners.shape[1] ** 2))
    return [corners[i : i + each] for i in range(0, len(corners), each)]


def _overlaps(outline: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of one polygon in each cell between x and y of ``corners``, (n, k, 2); (n, k - 1, k - 1), rows along y."""
    x, y = corners[:, None, :, 0], corners[:, :, None, 1]
    below = np.zeros((len(corners), corners.shape[1], corners.shape[1]))
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        below -= _under_edge(start, end, x=x, y=y)
    areas: NDArray[np.float64] = np.diff(np.diff(below, axis=1), axis=2)
    return areas


def _under_edge(
    start: NDArray[np.float64], end: NDArray[np.float64], *, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Integral over dx, along the part of an edge that is left of ``x``, of how far the edge is below ``y``, negative.

    Summed over the edges of an anticlockwise polygon (Green's theorem), it is minus the area left of ``x`` and below
    ``y``.
    """
    run, rise = end - start
    if abs(run) < _NOTHING * abs(rise):
        return np.zeros(np.broadcast_shapes(x.shape, y.shape))
    first, last = np.minimum(start[0], x), np.minimum(end[0], x)
    ends = [start[1] + rise * np.clip((at - start[0]) / run, 0, 1) - y for at in (first, last)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    crossing = low**2 / np.where(low < high, 2 * (low - high), 1)
    mean = np.where(high <= 0, (low + high) / 2, np.where(low >= 0, 0, crossing))
    under: NDArray[np.float64] = (last - first) * mean
    return under


__all__ = ["pixel_outline", "polygon_area", "rebinning"]

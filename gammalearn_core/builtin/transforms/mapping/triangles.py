"""Triangles between pixel centres, and the cells that are over the camera."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.tri import Triangulation
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_core.builtin.transforms.mapping.grid import Grid
from gammalearn_core.data.geometry import CameraGeometry

LONGEST = 2.0
"""Side of a triangle, in units of the pitch, beyond which it is outside the camera."""


class Inside(NamedTuple):
    """Cells in triangles, and where they are there."""

    cell: NDArray[np.int64]
    """(m,)"""
    corners: NDArray[np.int64]
    """Pixels at the triangle's corners, (m, 3)."""
    weights: NDArray[np.float64]
    """Barycentric coordinates, which sum to 1, (m, 3)."""


class Edge(NamedTuple):
    """Cells in no triangle that are near a pixel, and that pixel."""

    cell: NDArray[np.int64]
    """(m,)"""
    pixel: NDArray[np.int64]
    """(m,)"""


def locate(geometry: CameraGeometry, grid: Grid, *, reach: float = 0.0) -> tuple[Inside, Edge]:
    """Cells in triangles, and those at the edge; the others are outside the camera.

    Triangles with a side beyond `LONGEST` are outside the camera too. A cell in none is at the edge if it is within
    half its diagonal, or ``reach`` (m), of a pixel.
    """
    points, cells = np.column_stack([geometry.x, geometry.y]), grid.cells
    inside = _in_triangles(points, cells, longest=LONGEST * geometry.pitch)
    left = np.setdiff1d(np.arange(len(cells)), inside.cell)
    distance, pixel = cKDTree(points).query(cells[left])
    near = distance <= max(reach, grid.step / np.sqrt(2))
    return inside, Edge(left[near], pixel[near].astype(np.int64))


def _in_triangles(points: NDArray[np.float64], cells: NDArray[np.float64], *, longest: float) -> Inside:
    # Not scipy's find_simplex, which solves a linear system for each triangle with a threaded LAPACK: up to 30 s here.
    triangulation = Triangulation(points[:, 0], points[:, 1])
    triangles: NDArray[np.int64] = np.asarray(triangulation.triangles, dtype=np.int64)
    corners = points[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    triangulation.set_mask(sides.max(axis=1) > longest)
    found = np.asarray(triangulation.get_trifinder()(cells[:, 0], cells[:, 1]))
    cell = np.flatnonzero(found >= 0)
    away = corners[found[cell]] - cells[cell, None]
    areas = _cross(np.roll(away, -1, axis=1), np.roll(away, -2, axis=1))
    return Inside(cell, triangles[found[cell]], areas / areas.sum(axis=1, keepdims=True))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


__all__ = ["LONGEST", "Edge", "Inside", "locate"]

"""Weights of pixels in cells: the nearest pixel's, linear in triangles, or cubic in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from gammalearn_core.builtin.transforms.mapping.grid import Grid
from gammalearn_core.builtin.transforms.mapping.triangles import LONGEST
from gammalearn_core.builtin.transforms.mapping.triangles import Edge
from gammalearn_core.builtin.transforms.mapping.triangles import Inside
from gammalearn_core.builtin.transforms.mapping.triangles import locate
from gammalearn_core.data.geometry import CameraGeometry

_CORNER = {"hexagonal": 3**-0.5, "square": 2**-0.5, "irregular": 2**-0.5}
"""Distance from the centre of a pixel to its corners, in units of the pitch."""


def nearest(geometry: CameraGeometry, grid: Grid) -> csr_array:
    """1 for the pixel that is nearest to a cell's centre, (cells, pixels)."""
    inside, edge = locate(geometry, grid, reach=_CORNER[geometry.kind] * geometry.pitch)
    cell = np.concatenate([inside.cell, edge.cell])
    _, pixel = cKDTree(np.column_stack([geometry.x, geometry.y])).query(grid.cells[cell])
    return _sparse(cell, pixel, np.ones(len(cell)), shape=_shape(geometry, grid))


def bilinear(geometry: CameraGeometry, grid: Grid) -> csr_array:
    """Barycentric coordinates in the triangle of three pixels that a cell's centre is in, (cells, pixels).

    Cells at the edge, in no triangle, have the value of the nearest pixel.
    """
    inside, edge = locate(geometry, grid)
    shape = _shape(geometry, grid)
    return _of_corners(inside, inside.weights, shape=shape) + _of_nearest(edge, shape=shape)


def bicubic(geometry: CameraGeometry, grid: Grid) -> csr_array:
    """A cubic in each triangle, with the values of its three pixels and the gradients there, (cells, pixels).

    A gradient is the one that fits a pixel's neighbours best. The surface is continuous, smooth at the pixels, and
    exact for images that are linear in x and y; weights may be negative. Cells at the edge, in no triangle, have the
    value of the nearest pixel.

    Notes
    -----
    The cubic is the nine-parameter Bernstein-Bézier triangle whose middle coefficient makes it exact for quadratic
    functions: Farin, "Triangular Bernstein-Bézier patches", Computer Aided Geometric Design 3 (1986) 83.
    """
    inside, edge = locate(geometry, grid)
    shape = _shape(geometry, grid)
    values, slopes = _cubic(inside, np.column_stack([geometry.x, geometry.y]))
    surface = _of_corners(inside, values, shape=shape) + _of_nearest(edge, shape=shape)
    for axis, gradient in enumerate(_gradients(geometry)):
        surface = surface + _of_corners(inside, slopes[:, :, axis], shape=shape) @ gradient
    return surface


def _cubic(inside: Inside, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of the values at the corners, (m, 3), and of the gradients there, (m, 3, 2)."""
    near = inside.weights
    middle = 6 * near.prod(axis=1, keepdims=True)
    values = near**3 + 3 * near**2 * (1 - near) + middle / 3
    slopes = np.zeros((*near.shape, 2))
    for turn in (1, 2):
        side = points[np.roll(inside.corners, -turn, axis=1)] - points[inside.corners]
        weight = 3 * near**2 * np.roll(near, -turn, axis=1) + middle / 4
        slopes += weight[:, :, None] * side / 3
    return values, slopes


def _gradients(geometry: CameraGeometry) -> tuple[csr_array, csr_array]:
    """Derivatives along x and along y at each pixel, of the plane through it that fits its neighbours best.

    Neighbours count with the inverse square of their distance.
    """
    points = np.column_stack([geometry.x, geometry.y])
    n = len(points)
    pixel, other = _neighbours(geometry, points)
    away = points[other] - points[pixel]
    pulls = away / np.sum(away**2, axis=1, keepdims=True)
    moments = np.zeros((n, 2, 2))
    np.add.at(moments, pixel, away[:, :, None] * pulls[:, None, :])
    # Not the inverse: where all neighbours are in one line, the gradient across it is taken as 0.
    parts = np.einsum("nij,nj->ni", np.linalg.pinv(moments, hermitian=True)[pixel], pulls)
    both = np.concatenate([pixel, pixel]), np.concatenate([other, pixel])
    along_x, along_y = (_sparse(*both, np.concatenate([part, -part]), shape=(n, n)) for part in parts.T)
    return along_x, along_y


def _neighbours(geometry: CameraGeometry, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixel and neighbour of each pair, both ways; on no lattice all within the longest side of a triangle."""
    if geometry.kind == "irregular":
        pairs = cKDTree(points).query_pairs(LONGEST * geometry.pitch, output_type="ndarray").T
        return np.concatenate([pairs[0], pairs[1]]), np.concatenate([pairs[1], pairs[0]])
    start, other = geometry.neighbours
    return np.repeat(np.arange(len(points)), np.diff(start)), other


def _of_corners(inside: Inside, weights: NDArray[np.float64], *, shape: tuple[int, int]) -> csr_array:
    return _sparse(np.repeat(inside.cell, 3), inside.corners.reshape(-1), weights.reshape(-1), shape=shape)


def _of_nearest(edge: Edge, *, shape: tuple[int, int]) -> csr_array:
    return _sparse(edge.cell, edge.pixel, np.ones(len(edge.cell)), shape=shape)


def _shape(geometry: CameraGeometry, grid: Grid) -> tuple[int, int]:
    return grid.n**2, geometry.n_pixels


def _sparse(
    row: NDArray[np.int64], column: NDArray[np.int64], values: NDArray[np.float64], *, shape: tuple[int, int]
) -> csr_array:
    return csr_array((values, (row, column)), shape=shape)


__all__ = ["bicubic", "bilinear", "nearest"]

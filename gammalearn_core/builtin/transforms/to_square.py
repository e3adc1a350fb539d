"""Bilinear mapping of camera pixels to a square grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from matplotlib.tri import Triangulation
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Generator
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.specs import InputSpec


class ToSquare:
    """Interpolates images on a square grid over the camera, linearly in the triangles between pixel centres.

    Charges are multiplied by one factor for the camera, so that a flat image keeps its sum. That of one pixel alone
    changes by some per cent, and more at the edge, because the grid cells between pixel centres are not equally many.
    Cells at the edge, in no triangle but nearly over a pixel, have its value; outside the camera the grid is 0.

    Parameters
    ----------
    size : int, optional
        Rows and columns of the grid; by default the cells are as large as the pixels.
    conserve : sequence of str
        Channels that hold charge, whose sum is kept; others, such as times, are only interpolated.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        size: int | None = None,
        conserve: list[str] | tuple[str, ...] = ("image",),
    ) -> None:
        if size is not None and size < 2:
            raise ValueError(f"size must be at least 2, got {size}")
        for key, camera in inputs.cameras.items():
            if not camera.on_pixels:
                raise ValueError(f"the images of {key} are on a grid already")
            missing = [c for c in conserve if c not in camera.channels]
            if missing and tuple(conserve) != ("image",):
                raise ValueError(f"conserve: the images of {key} have no channel {missing[0]!r}")
        self.conserve = tuple(conserve)
        self._weights: dict[str, Tensor] = {}
        self._gain: dict[str, float] = {}
        shapes = {}
        for key, camera in inputs.cameras.items():
            matrix, gain, n = _interpolation(camera.geometry, size)
            self._weights[key], self._gain[key] = matrix, gain
            shapes[key] = {"shape": (n, n)}
        self.outputs = inputs.with_cameras(shapes)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return replace(batch, images={key: self._mapped(key, group) for key, group in batch.images.items()})

    def _mapped(self, key: str, group: Images) -> Images:
        if self._weights[key].device != group.pixels.device:
            self._weights[key] = self._weights[key].to(group.pixels.device)
        n, channels, pixels = group.pixels.shape
        flat = torch.sparse.mm(self._weights[key], group.pixels.reshape(n * channels, pixels).T).T
        rows, columns = self.outputs.cameras[key].shape
        grid = flat.reshape(n, channels, rows, columns).contiguous()
        gain = [self._gain[key] if name in self.conserve else 1.0 for name in group.channels]
        return replace(group, pixels=grid * grid.new_tensor(gain).view(1, -1, 1, 1))


def _interpolation(geometry: CameraGeometry, size: int | None) -> tuple[Tensor, float, int]:
    """Sparse matrix (cells, pixels) of barycentric weights, factor of the charge, and cells along a side."""
    points = np.column_stack([geometry.x, geometry.y])
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max()) + geometry.pitch
    n = size or int(np.ceil(extent / np.sqrt(np.median(geometry.area))))
    step = extent / n
    axis = (np.arange(n) + 0.5) * step - extent / 2
    centre = (low + high) / 2
    # Rows go along y and columns along x, as images are drawn.
    cells = np.stack(np.meshgrid(axis + centre[0], axis + centre[1]), axis=-1).reshape(-1, 2)
    parts = _barycentric(points, cells, reach=2 * geometry.pitch)
    edge = _edge(points, cells, parts[0], reach=step / np.sqrt(2))
    rows, columns, values = (np.concatenate(pair) for pair in zip(parts, edge, strict=True))
    matrix = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack([rows, columns])),
        torch.from_numpy(values.astype(np.float32)),
        (n * n, len(points)),
        check_invariants=True,
    ).coalesce()
    return matrix, len(points) / float(values.sum()), n


Parts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Cell, pixel and weight of each contribution."""


def _barycentric(points: NDArray[np.float64], cells: NDArray[np.float64], *, reach: float) -> Parts:
    """Linear interpolation. Triangles with a side beyond ``reach`` are outside the camera."""
    # Not scipy's find_simplex, which solves a linear system for each triangle with a threaded LAPACK: up to 30 s here.
    triangulation = Triangulation(points[:, 0], points[:, 1])
    triangles: NDArray[np.int64] = np.asarray(triangulation.triangles, dtype=np.int64)
    corners = points[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    triangulation.set_mask(sides.max(axis=1) > reach)
    found = np.asarray(triangulation.get_trifinder()(cells[:, 0], cells[:, 1]))
    inside = np.flatnonzero(found >= 0)
    away = corners[found[inside]] - cells[inside, None]
    areas = _cross(np.roll(away, -1, axis=1), np.roll(away, -2, axis=1))
    weights = areas / areas.sum(axis=1, keepdims=True)
    return np.repeat(inside, 3), triangles[found[inside]].reshape(-1), weights.reshape(-1)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _edge(points: NDArray[np.float64], cells: NDArray[np.float64], done: NDArray[np.int64], *, reach: float) -> Parts:
    """The nearest pixel, if it is within ``reach``, for cells that are in no triangle."""
    left = np.setdiff1d(np.arange(len(cells)), done)
    distance, pixel = cKDTree(points).query(cells[left])
    near = distance <= reach
    return left[near], pixel[near].astype(np.int64), np.ones(int(near.sum()))


__all__ = ["ToSquare"]

"""The square grid over a camera."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.geometry import CameraGeometry


@frozen(eq=False)
class Grid:
    """Square cells over a camera and half a pitch around it.

    Rows go along y and columns along x of the camera frame.

    Examples
    --------
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> Grid.over(camera, 4).step
    0.5
    """

    low: NDArray[np.float64]
    """x and y of the corner where rows and columns begin, m."""
    step: float
    """Side of a cell, m."""
    n: int
    """Rows, and columns."""

    @classmethod
    def over(cls, geometry: CameraGeometry, n: int) -> Grid:
        """The grid of ``n`` rows and columns."""
        low, high = _corners(geometry)
        side = _side(geometry)
        return cls((low + high) / 2 - side / 2, side / n, n)

    @property
    def cells(self) -> NDArray[np.float64]:
        """Centres of the cells, row by row, (n * n, 2), m."""
        x, y = (self.low[i] + (np.arange(self.n) + 0.5) * self.step for i in (0, 1))
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def cells_like_pixels(geometry: CameraGeometry, finer: int = 1) -> int:
    """Rows of a grid whose cells are at most as large as the pixels, or ``finer`` times smaller on a side."""
    return int(np.ceil(finer * _side(geometry) / np.sqrt(np.median(geometry.area))))


def _corners(geometry: CameraGeometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.column_stack([geometry.x, geometry.y])
    return points.min(axis=0), points.max(axis=0)


def _side(geometry: CameraGeometry) -> float:
    low, high = _corners(geometry)
    return float((high - low).max()) + geometry.pitch


__all__ = ["Grid", "cells_like_pixels"]

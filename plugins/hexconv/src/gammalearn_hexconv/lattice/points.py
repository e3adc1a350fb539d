"""Which row has the pixel at a point of the lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_hexconv.lattice.taps import Steps

Points = NDArray[np.int64]


def checked(axial: object) -> Points:
    """Lattice coordinates, (n, 2) and read-only.

    Raises
    ------
    ValueError
        There are no points, they are not pairs, or two are the same.
    """
    points = np.asarray(axial).astype(np.int64)
    points.setflags(write=False)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"expected axial coordinates of the shape (n_pixels, 2), got {points.shape}")
    if len(np.unique(points, axis=0)) < len(points):
        raise ValueError("two pixels have the same axial coordinates")
    return points


def rows_at(points: Points, wanted: Points) -> NDArray[np.int32]:
    """Row of ``points`` that each of ``wanted``, (..., 2), is in; -1 where there is none."""
    low = np.minimum(points.min(axis=0), wanted.reshape(-1, 2).min(axis=0))
    high = np.maximum(points.max(axis=0), wanted.reshape(-1, 2).max(axis=0))
    rows = np.full(high - low + 1, -1, dtype=np.int32)
    rows[tuple((points - low).T)] = np.arange(len(points))
    q, r = np.moveaxis(wanted - low, -1, 0)
    return np.ascontiguousarray(rows[q, r])


def around(points: Points, centres: Points, steps: Steps) -> NDArray[np.int32]:
    """Row of the point at each of the steps from each centre, (len(centres), len(steps)); -1 where there is none."""
    return rows_at(points, centres[:, None] + steps)


__all__ = ["Points", "around", "checked", "rows_at"]

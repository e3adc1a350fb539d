"""Coordinates from a neighbour table alone, walked from pixel to pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_hexconv.lattice.points import Points
from gammalearn_hexconv.lattice.points import around
from gammalearn_hexconv.lattice.taps import LatticeKind
from gammalearn_hexconv.lattice.taps import Steps
from gammalearn_hexconv.lattice.taps import hexagon
from gammalearn_hexconv.lattice.taps import square


def walked(table: NDArray[np.int32]) -> tuple[LatticeKind, Points] | None:
    """Kind and coordinates of the lattice whose table this is; None if it is that of none.

    A lattice is found if its pixels hang together, each sees itself at the tap in the middle, and all that are next to
    each other see each other.
    """
    kinds: dict[int, tuple[LatticeKind, Steps]] = {7: ("hexagonal", hexagon(1)), 9: ("square", square(1))}
    if table.shape[1] not in kinds:
        return None
    kind, steps = kinds[table.shape[1]]
    points = _placed(table, steps)
    if points is None or not np.array_equal(around(points, points, steps), table):
        return None
    return kind, points


def _placed(table: NDArray[np.int32], steps: Steps) -> Points | None:
    points = np.zeros((len(table), 2), dtype=np.int64)
    known = np.zeros(len(table), dtype=bool)
    known[0] = True
    front = np.array([0])
    while len(front):
        seen = table[front]
        row, tap = np.nonzero((seen >= 0) & ~known[seen])
        pixels, first = np.unique(seen[row, tap], return_index=True)
        points[pixels] = points[front[row[first]]] + steps[tap[first]]
        known[pixels] = True
        front = pixels
    if not known.all() or len(np.unique(points, axis=0)) < len(points):
        return None
    placed: Points = points - points.min(axis=0)
    return placed


__all__ = ["walked"]

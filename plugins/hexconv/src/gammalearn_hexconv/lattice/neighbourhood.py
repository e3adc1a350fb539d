"""Neighbours of pixels that are on no lattice, such as those of two sizes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from gammalearn_hexconv.lattice.taps import Steps
from gammalearn_hexconv.lattice.taps import hexagon
from gammalearn_hexconv.lattice.taps import square

Positions = NDArray[np.float64]

_REACH = 1.4
"""Largest distance of neighbours, in units of the mean of their distances to the nearest pixel."""
_BASES = {6: np.array([1, np.exp(1j * np.pi / 3)]), 8: np.array([1, 1j])}


def neighbour_table(places: Positions) -> NDArray[np.int32]:
    """Row of each pixel's neighbours, each at the tap that points nearest to where it is; -1 where there is none.

    There are seven taps, as of a hexagonal kernel, or nine, as of a square one, if a pixel has more than six
    neighbours. The taps stand at the angle at which they fit best. Neighbours are pixels whose distance is up to 1.4
    times the mean of their own distances to the nearest pixel; the nearest eight if there are more.

    Parameters
    ----------
    places : array of float, (n, 2)

    Returns
    -------
    array of int32, (n, 7) or (n, 9)
        The pixel itself is in the middle column.
    """
    around = _neighbours(places)
    fold = 6 if max(map(len, around)) <= 6 else 8
    steps = hexagon(1) if fold == 6 else square(1)
    middle = len(steps) // 2
    z = places @ np.array([1, 1j])
    directions = _directions(steps, fold, _orientation(z, around, fold))
    table = np.full((len(places), len(steps)), -1, dtype=np.int32)
    table[:, middle] = np.arange(len(places))
    for pixel, rows in enumerate(around):
        # By angle, so that of equally good ways the same is taken in whatever order the pixels are.
        found = rows[np.argsort(np.angle(z[rows] - z[pixel]))]
        steps_to = z[found] - z[pixel]
        off = np.abs(np.angle(steps_to[:, None] / directions[None])) ** 2
        which, tap = linear_sum_assignment(off)
        table[pixel, np.delete(np.arange(len(steps)), middle)[tap]] = found[which]
    return table


def independent_pixels(table: NDArray[np.int32], places: Positions) -> NDArray[np.int64]:
    """Pixels none of which sees another, so that every pixel sees one or is one.

    They are taken and listed from left to right, and from below to above, so that which they are does not depend on
    the order of the pixels.
    """
    taken = []
    free = np.ones(len(table), dtype=bool)
    for pixel in np.lexsort((places[:, 1], places[:, 0])):
        if free[pixel]:
            taken.append(pixel)
            seen = table[pixel]
            free[seen[seen >= 0]] = False
    return np.array(taken, dtype=np.int64)


def _neighbours(places: Positions) -> list[NDArray[np.int64]]:
    if len(places) < 2:
        return [np.zeros(0, dtype=np.int64)] * len(places)
    tree = cKDTree(places)
    own = tree.query(places, k=2)[0][:, 1]
    pairs = tree.query_pairs(_REACH * own.max(), output_type="ndarray").astype(np.int64)
    apart = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
    near = apart <= _REACH * own[pairs].mean(axis=1)
    pairs, apart = np.concatenate([pairs[near], pairs[near, ::-1]]), np.tile(apart[near], 2)
    pairs = pairs[np.lexsort((pairs[:, 1], apart, pairs[:, 0]))]
    start = np.searchsorted(pairs[:, 0], np.arange(len(places) + 1))
    return [pairs[low:high, 1][:8] for low, high in pairwise(start)]


def _orientation(z: NDArray[np.complex128], around: list[NDArray[np.int64]], fold: int) -> float:
    edges = np.concatenate([z[found] - z[pixel] for pixel, found in enumerate(around)])
    fold = 6 if fold == 6 else 4
    total = ((edges / np.abs(edges)) ** fold).sum()
    # From -15 to 45 degrees as the core's lattices, whose axes rounding must not change.
    return float((np.angle(total) / fold + np.pi / 12) % (2 * np.pi / fold) - np.pi / 12)


def _directions(steps: Steps, fold: int, angle: float) -> NDArray[np.complex128]:
    directions = np.delete(steps, len(steps) // 2, axis=0) @ _BASES[fold] * np.exp(1j * angle)
    return np.asarray(directions / np.abs(directions))


__all__ = ["Positions", "independent_pixels", "neighbour_table"]

"""Steps from a pixel to those that a kernel sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.int64]
LatticeKind = Literal["hexagonal", "square"]
Kernel = Literal["neighbours", "rhombus"]


def hexagon(radius: int) -> Steps:
    """Axial steps (q, r) of at most ``radius`` pixels: 7, 19, 37 for a radius of 1, 2, 3.

    With i = q and j = -r this is the row-major order of the steps (i, j) with abs(i - j) <= radius, which is the order
    of the weights of IndexedConv on an index matrix with rows i and columns j. The pixel itself is in the middle.

    Returns
    -------
    array of int64, (1 + 3 * radius * (radius + 1), 2)

    Examples
    --------
    >>> hexagon(1).tolist()
    [[-1, 1], [-1, 0], [0, 1], [0, 0], [0, -1], [1, 0], [1, -1]]
    """
    return _box(range(-radius, radius + 1), lambda i, j: abs(i - j) <= radius)


def square(radius: int) -> Steps:
    """Steps (q, r) within a square of 2 * radius + 1 pixels a side, in the row-major order of i = q and j = -r.

    Returns
    -------
    array of int64, ((2 * radius + 1) ** 2, 2)
    """
    return _box(range(-radius, radius + 1), lambda i, j: True)


def rhombus() -> Steps:
    """Steps (q, r) of two by two pixels of an index matrix, of which the pixel itself is the first.

    Returns
    -------
    array of int64, (4, 2)
    """
    return _box(range(2), lambda i, j: True)


def steps(kind: LatticeKind, radius: int, kernel: Kernel) -> Steps:
    """Steps of a kernel on a lattice of this kind."""
    if kernel == "rhombus":
        return rhombus()
    return hexagon(radius) if kind == "hexagonal" else square(radius)


def _box(side: range, inside: Callable[[int, int], bool]) -> Steps:
    found = np.array([(i, -j) for i in side for j in side if inside(i, j)], dtype=np.int64)
    found.setflags(write=False)
    return found


TAPS = hexagon(1)
"""`hexagon` of radius 1."""

__all__ = ["TAPS", "Kernel", "LatticeKind", "Steps", "hexagon", "rhombus", "square", "steps"]

"""Points that the outputs of a strided kernel are at."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_hexconv.lattice.index_matrix import Frame
from gammalearn_hexconv.lattice.index_matrix import matrix_places
from gammalearn_hexconv.lattice.points import Points
from gammalearn_hexconv.lattice.points import rows_at
from gammalearn_hexconv.lattice.taps import TAPS
from gammalearn_hexconv.lattice.taps import Kernel
from gammalearn_hexconv.lattice.taps import LatticeKind
from gammalearn_hexconv.lattice.taps import Steps
from gammalearn_hexconv.lattice.taps import steps

Stride = int | Literal["sqrt7"]

_CHIRALITIES = (np.array([(2, 1), (-1, 3)]), np.array([(3, -1), (1, 2)]))
"""Axial steps from a module of seven pixels to the next, of the two lattices of modules."""


@frozen(eq=False)
class Outputs:
    """Where outputs are."""

    centres: Points
    """On the input's lattice, (n_out, 2)."""
    axial: Points
    """On the output's lattice, (n_out, 2)."""
    frame: Frame | None = None
    """The output's index matrix, if it is not the smallest one."""


def outputs(points: Points, kind: LatticeKind, stride: Stride, kernel: Kernel) -> Outputs:
    """Where the outputs of a strided kernel are, none of the pixels being left out.

    Raises
    ------
    ValueError
        Modules of seven pixels are asked for on a square lattice, or for two by two pixels.
    """
    if stride != "sqrt7":
        return _strided(points, stride, steps(kind, stride // 2, kernel))
    if kind == "square" or kernel == "rhombus":
        raise ValueError("the stride 'sqrt7' is for kernels of neighbours on hexagonal lattices only")
    return _modules(points)


def compatible_outputs(points: Points, frame: Frame, stride: Stride, kernel: Kernel) -> Outputs:
    """Where IndexedConv has outputs: occupied pixels, multiples of the stride from the corner of its index matrix.

    They are in raster order. Two by two pixels must be within the matrix.
    """
    if stride == "sqrt7":
        raise ValueError("IndexedConv has no stride 'sqrt7': leave indexedconv_compat out")
    rows, columns = (size - (kernel == "rhombus") for size in frame.shape)
    i, j = matrix_places(points, frame.corner)
    kept = np.flatnonzero((i % stride == 0) & (j % stride == 0) & (i < rows) & (j < columns))
    order = kept[np.lexsort((j[kept], i[kept]))]
    axial = np.column_stack([i[order] // stride, -(j[order] // stride)])
    return Outputs(
        points[order], axial, Frame(np.zeros(2, dtype=np.int64), (-(-rows // stride), -(-columns // stride)))
    )


def _strided(points: Points, stride: int, reach: Steps) -> Outputs:
    """Multiples of the stride from which one of the steps leads to an occupied point, in the order of q, then r."""
    near = (points[:, None] - reach).reshape(-1, 2)
    centres = np.unique(near[(near % stride == 0).all(axis=1)], axis=0)
    return Outputs(centres, centres // stride)


def _modules(points: Points) -> Outputs:
    """Middles of modules of seven pixels that tile the plane, as far as a pixel of theirs is occupied.

    Of the fourteen ways to tile, that with most complete modules; the first one of several.
    """
    ways = [_tiled(points, basis, offset) for basis in _CHIRALITIES for offset in TAPS]
    whole = [int((rows_at(points, way.centres[:, None] + TAPS) >= 0).all(axis=1).sum()) for way in ways]
    return ways[int(np.argmax(whole))]


def _tiled(points: Points, basis: NDArray[np.int64], offset: NDArray[np.int64]) -> Outputs:
    near = (points[:, None] - TAPS - offset).reshape(-1, 2)
    # The inverse of the basis is this over the determinant, which is 7.
    scaled = near @ np.array([(basis[1, 1], -basis[0, 1]), (-basis[1, 0], basis[0, 0])])
    axial = np.unique(scaled[(scaled % 7 == 0).all(axis=1)] // 7, axis=0)
    return Outputs(axial @ basis + offset, axial)


__all__ = ["Outputs", "Stride", "compatible_outputs", "outputs"]

"""Cells of about equal size that any camera is divided into."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_hexconv.lattice.checking import check_whole
from gammalearn_hexconv.lattice.hexlattice import HexLattice
from gammalearn_hexconv.lattice.taps import LatticeKind
from gammalearn_hexconv.lattice.taps import hexagon

_HEXAGONAL = np.array([(1, 0), (0.5, 0.75**0.5)])


@frozen(eq=False)
class Cells:
    """The pixels of each cell."""

    lattice: HexLattice
    """Where the cells are."""
    order: NDArray[np.int64]
    """Pixels of the first cell, then those of the second, and so on, (n_pixels,)."""
    sizes: tuple[int, ...]
    """Pixels of each cell; a camera with holes may have cells without any."""


def cells(lattice: HexLattice, n_cells: int) -> Cells:
    """Divide a camera into cells.

    Parameters
    ----------
    lattice : HexLattice
        The pixels. Hexagonal and irregular ones are divided into a hexagon of cells as large as the camera, square ones
        into a square.
    n_cells : int
        1, 7, 19, 37 and so on for a hexagon, 1, 4, 9 and so on for a square.

    Raises
    ------
    ValueError
        There is no hexagon or square of so many cells, or the positions of the pixels are not known.
    """
    check_whole(output_size=n_cells)
    places = lattice.positions
    if places is None:
        raise ValueError("a lattice from a neighbour table alone has no cells: give positions to `from_neighbours`")
    kind: LatticeKind = "square" if lattice.kind == "square" else "hexagonal"
    axial, which = (_square if kind == "square" else _hexagonal)(places, n_cells)
    sizes = np.bincount(which, minlength=n_cells)
    return Cells(HexLattice(axial, kind=kind), np.argsort(which, kind="stable"), tuple(sizes.tolist()))


def _hexagonal(places: NDArray[np.float64], n_cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    radius = round((np.sqrt(12 * n_cells - 3) - 3) / 6)
    if 1 + 3 * radius * (radius + 1) != n_cells:
        raise ValueError(f"output_size must be 1, 7, 19, 37 or so, the cells of a hexagon, got {n_cells}")
    centred = places - (places.min(axis=0) + places.max(axis=0)) / 2
    pitch = float(np.hypot(*centred.T).max()) / (radius + 0.5) or 1.0
    axial = hexagon(radius)
    # To a billionth, so that which of two equally near cells is taken does not depend on rounding.
    _, which = cKDTree(axial @ _HEXAGONAL).query(np.round(centred / pitch, 9) + 1e-6)
    return axial, np.asarray(which, dtype=np.int64)


def _square(places: NDArray[np.float64], n_cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    side = round(np.sqrt(n_cells))
    if side**2 != n_cells:
        raise ValueError(f"output_size must be 1, 4, 9, 16 or so, the cells of a square, got {n_cells}")
    low = places.min(axis=0)
    column, row = ((places - low) * side // (places.max(axis=0) - low + 1)).astype(np.int64).T
    axial = np.array([(q, r) for q in range(side) for r in range(side)])
    return axial, np.asarray(column * side + row)


__all__ = ["Cells", "cells"]

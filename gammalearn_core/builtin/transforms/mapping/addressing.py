"""Cells that pixels have by their place on the lattice, whatever the camera frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gammalearn_core.data.lattice import Lattice

_BLOCK = 2
"""Rows, and columns, of the cells of a pixel in `oversampling`."""


class Places(NamedTuple):
    """Rows and columns of the cells of each pixel, (n_pixels, cells of a pixel), from 0."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Rows, and columns, of the smallest square grid that holds them."""
        return int(max(self.row.max(), self.column.max())) + 1

    def on_grid(self, n: int) -> csr_array:
        """1 for the pixel of a cell, (cells, pixels); the camera is in the middle of ``n`` rows and columns."""
        row, column = (place + (n - 1 - int(place.max())) // 2 for place in self)
        pixels, each = row.shape
        pixel = np.repeat(np.arange(pixels), each)
        return csr_array((np.ones(len(pixel)), ((row * n + column).reshape(-1), pixel)), shape=(n * n, pixels))


def axial(lattice: Lattice) -> Places:
    """The lattice's coordinates: columns go along its first axis, rows along the second.

    The axes of a hexagonal lattice are 60 degrees apart, so that the image is sheared.
    """
    column, row = _coordinates(lattice).T
    return _from_zero(row, column)


def shifting(lattice: Lattice) -> Places:
    """A cell for each pixel, and every other line of pixels moved back by half a pixel.

    Lines are rows or columns (`lines_are_rows`). On square lattices nothing is moved.
    """
    if lattice.kind == "square":
        return axial(lattice)
    line, along = _lines(lattice)
    return _laid(lattice, line, along + line // 2)


def oversampling(lattice: Lattice) -> Places:
    """Two by two cells for each pixel; on hexagonal lattices every other line is moved by one cell, half a pixel.

    Lines are rows or columns (`lines_are_rows`).
    """
    line, along = _lines(lattice)
    across, step = (part.reshape(-1) for part in np.mgrid[:_BLOCK, :_BLOCK])
    moved = _BLOCK * along + (line if lattice.kind == "hexagonal" else 0)
    return _laid(lattice, _BLOCK * line[:, None] + across, moved[:, None] + step)


def lines_are_rows(lattice: Lattice) -> bool:
    """Whether lines of touching pixels become rows of the grid; else they become columns.

    They become what makes the turn of the grid from the camera frame smaller, which is 15 degrees at most if pixels
    are hexagons.
    """
    return lattice.kind == "square" or lattice.angle < 15


def _lines(lattice: Lattice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of each pixel's line, from 0, and its place along it."""
    first, second = _coordinates(lattice).T
    line, along = (second, first) if lines_are_rows(lattice) else (first, second)
    return line - line.min(), along


def _laid(lattice: Lattice, line: NDArray[np.int64], along: NDArray[np.int64]) -> Places:
    return _from_zero(line, along) if lines_are_rows(lattice) else _from_zero(along, line)


def _from_zero(row: NDArray[np.int64], column: NDArray[np.int64]) -> Places:
    row, column = (place.reshape(len(place), -1) for place in (row, column))
    return Places(row - row.min(), column - column.min())


def _coordinates(lattice: Lattice) -> NDArray[np.int64]:
    if lattice.axial is None:
        raise ValueError("pixels that are on no lattice have no coordinates there")
    return lattice.axial


__all__ = ["Places", "axial", "lines_are_rows", "oversampling", "shifting"]

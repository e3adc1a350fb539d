"""Index matrices, as IndexedConv uses them: the number of the pixel at each row and column."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_hexconv.lattice.points import Points


@frozen(eq=False)
class Frame:
    """Where an index matrix lies on the lattice."""

    corner: NDArray[np.int64]
    """Axial coordinates of the first row and column, (2,)."""
    shape: tuple[int, int]
    """Rows and columns."""


def around_points(points: Points) -> Frame:
    """The smallest index matrix that has all points."""
    (q, r), (last_q, first_r) = (points[:, 0].min(), points[:, 1].max()), (points[:, 0].max(), points[:, 1].min())
    return Frame(np.array([q, r]), (int(last_q - q) + 1, int(r - first_r) + 1))


def from_matrix(matrix: object) -> tuple[Points, Frame]:
    """Axial coordinates of the pixels, in the order of their numbers.

    Raises
    ------
    ValueError
        Not every number from 0 is there once.
    """
    numbers = np.asarray(matrix)
    numbers = numbers.reshape(numbers.shape[-2:]) if numbers.ndim > 1 and numbers.size else numbers
    if numbers.ndim != 2:
        raise ValueError(f"expected an index matrix of the shape (rows, columns), got {numbers.shape}")
    i, j = np.nonzero(numbers >= 0)
    found = numbers[i, j].astype(np.int64)
    _check(found)
    order = np.argsort(found)
    frame = Frame(np.zeros(2, dtype=np.int64), (numbers.shape[0], numbers.shape[1]))
    return np.column_stack([i[order], -j[order]]), frame


def to_matrix(points: Points, frame: Frame) -> NDArray[np.int64]:
    """Number of the pixel at each row and column of the frame; -1 where there is none."""
    matrix = np.full(frame.shape, -1, dtype=np.int64)
    matrix[matrix_places(points, frame.corner)] = np.arange(len(points))
    return matrix


def matrix_places(points: Points, corner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of each point in an index matrix with this corner."""
    return points[:, 0] - corner[0], corner[1] - points[:, 1]


def _check(found: NDArray[np.int64]) -> None:
    if not len(found):
        raise ValueError("the index matrix has no pixels, all of it is below 0")
    count = np.bincount(found)
    wrong = np.flatnonzero(count != 1)
    if len(wrong):
        what = "is not there" if count[wrong[0]] == 0 else f"is there {count[wrong[0]]} times"
        raise ValueError(
            f"an index matrix must have every pixel from 0 to {len(count) - 1} once, but pixel {wrong[0]} {what}. "
            "IndexedConv's create_index_matrix loses pixels where rows and columns are not as many: "
            "`HexLattice.index_matrix` does not"
        )


__all__ = ["Frame", "around_points", "from_matrix", "matrix_places", "to_matrix"]

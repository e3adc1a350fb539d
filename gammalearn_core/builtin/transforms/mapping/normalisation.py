"""What a mapping keeps: the charge of each pixel, or the values of other channels."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray
from scipy.sparse import csr_array

_LEAST = 1e-3
"""Sum of a pixel's weights, in units of the median pixel's, below which it is on no cell."""
_CANCELLED = 0.1
"""Sum of a pixel's weights, in units of their absolute values, below which it is the noise of a difference."""


@frozen(eq=False, slots=False)
class Mapping:
    """Weights of pixels in the cells of a square grid, and their sums.

    A cell's charge is ``weights @ (charge * per_pixel)``, in which the charge of each pixel is what it was. A cell's
    value in other channels is ``(weights @ value) * per_cell``, a mean of pixels, and 0 outside the camera.
    """

    weights: csr_array = field(repr=False)
    """(cells, pixels), row by row."""
    n: int
    """Rows, and columns."""

    @cached_property
    def lost(self) -> NDArray[np.int64]:
        """Pixels that are on no cell, or whose weights cancel each other."""
        sums: NDArray[np.float64] = self.weights.sum(axis=0)
        sizes: NDArray[np.float64] = abs(self.weights).sum(axis=0)
        return np.flatnonzero((sums <= _LEAST * np.median(sums)) | (sums < _CANCELLED * sizes))

    @property
    def per_pixel(self) -> NDArray[np.float64]:
        """Factors that make the weights of each pixel sum to 1, (pixels,)."""
        factors: NDArray[np.float64] = 1 / self.weights.sum(axis=0)
        return factors

    @property
    def per_cell(self) -> NDArray[np.float64]:
        """Factors that make the weights in each cell sum to 1, or 0 where there are none, (cells,)."""
        sums: NDArray[np.float64] = self.weights.sum(axis=1)
        return np.divide(1, sums, out=np.zeros(len(sums)), where=sums > 0)


__all__ = ["Mapping"]

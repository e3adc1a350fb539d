"""`IrregularPixels`: pixels on no lattice, of which only the neighbours are known."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.neighbourhood import Positions
from gammalearn_hexconv.lattice.neighbourhood import independent_pixels
from gammalearn_hexconv.lattice.neighbourhood import neighbour_table
from gammalearn_hexconv.lattice.taps import Kernel
from gammalearn_hexconv.table import NeighbourTable


@frozen(eq=False)
class IrregularPixels:
    """Pixels and their neighbours."""

    neighbours: NDArray[np.int32]
    """Row of the pixel at each tap, (n_pixels, n_taps); -1 where there is none."""
    positions: Positions | None
    """Places, (n_pixels, 2), of any unit; None if they are not known."""

    @classmethod
    def at(cls, positions: Positions) -> IrregularPixels:
        """Find the neighbours of pixels at these places."""
        return cls(neighbour_table(positions), positions)

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.neighbours)

    def content(self) -> bytes:
        """What tells them from others."""
        return np.ascontiguousarray(self.neighbours, dtype="<i4").tobytes()

    def outputs(
        self, stride: Stride, kernel: Kernel, indexedconv_compat: bool
    ) -> tuple[IrregularPixels, NDArray[np.int64]]:
        """Give the pixels that outputs are on, and which of these pixels they are, (n_out,).

        Raises
        ------
        ValueError
            Neighbours alone do not tell where such outputs are.
        """
        if indexedconv_compat or kernel != "neighbours" or stride not in (1, 2):
            raise ValueError("irregular pixels have kernels of neighbours and the strides 1 and 2 only")
        if stride == 1:
            return self, np.arange(self.n_pixels)
        if self.positions is None:
            raise ValueError(
                "a lattice from a neighbour table alone cannot be coarsened: give positions to `from_neighbours`"
            )
        pixels = independent_pixels(self.neighbours, self.positions)
        return IrregularPixels.at(self.positions[pixels]), pixels

    def table(
        self, centres: NDArray[np.int64], radius: int, stride: Stride, dilation: int, kernel: Kernel
    ) -> NeighbourTable:
        """Give the pixels that a kernel sees from each of these pixels.

        Raises
        ------
        ValueError
            Neighbours alone do not tell what a larger kernel sees.
        """
        if (radius, dilation) != (1, 1):
            raise ValueError("irregular pixels have kernels of radius 1 and dilation 1 only")
        return NeighbourTable(self.neighbours[centres], self.n_pixels)


__all__ = ["IrregularPixels"]

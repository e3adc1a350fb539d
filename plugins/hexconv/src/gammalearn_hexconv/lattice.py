"""`HexLattice`: which pixel is the neighbour of which."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gammalearn_core.api import CameraGeometry

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from numpy.typing import NDArray

TAPS = np.array([(-1, 1), (-1, 0), (0, 1), (0, 0), (0, -1), (1, 0), (1, -1)])
"""Axial steps (q, r) from a pixel to those that a kernel sees, in the order of a kernel's weights.

With i = q and j = -r this is the row-major order of the steps (i, j) with abs(i - j) <= 1, which is the order of the
weights of IndexedConv on an index matrix with rows i and columns j. The pixel itself is the fourth.
"""
TAPS.setflags(write=False)


class HexLattice:
    """Points of a hexagonal lattice, in the order in which images list them.

    Parameters
    ----------
    axial : array_like of int, (n_pixels, 2)
        Axial coordinates (q, r), in any order. The neighbours of a point are at (1, 0), (0, 1), (-1, 1) and opposite.

    Raises
    ------
    ValueError
        There are no points, they are not pairs, or two are the same.

    Examples
    --------
    >>> lattice = HexLattice([(0, 0), (1, 0), (0, 1)])
    >>> lattice.neighbours[:, 0].tolist()
    [-1, -1, 2, 0, -1, 1, -1]
    """

    def __init__(self, axial: ArrayLike) -> None:
        self.axial: NDArray[np.int64] = np.array(axial, dtype=np.int64)
        self.axial.setflags(write=False)
        if self.axial.ndim != 2 or self.axial.shape[1] != 2 or not len(self.axial):
            raise ValueError(f"expected axial coordinates of the shape (n_pixels, 2), got {self.axial.shape}")
        if len(np.unique(self.axial, axis=0)) < len(self.axial):
            raise ValueError("two pixels have the same axial coordinates")

    @classmethod
    def from_camera(cls, geometry: CameraGeometry) -> HexLattice:
        """Take the lattice of a camera, with the pixels in the camera's order.

        Raises
        ------
        ValueError
            The pixels are not on a hexagonal lattice.
        """
        if geometry.kind != "hexagonal" or geometry.axial is None:
            raise ValueError(f"camera {geometry.name!r} must have a hexagonal lattice of pixels, it is {geometry.kind}")
        return cls(geometry.axial)

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.axial)

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """Row of the pixel at each of `TAPS` from each pixel, (7, n_pixels); -1 where there is none."""
        return self._around(self.axial)

    def coarsen(self) -> tuple[HexLattice, NDArray[np.int64]]:
        """Give the lattice of twice the pitch, and the pixels around each of its points.

        Its points have even coordinates here and are occupied or next to an occupied pixel, so that every pixel is
        seen by at least one of them. They are listed in the order of q, then r.

        Returns
        -------
        lattice : HexLattice
            The coarse lattice, with half the coordinates.
        table : array of int64, (7, lattice.n_pixels)
            Row of the pixel of this lattice at each of `TAPS`; -1 where there is none.
        """
        near = (self.axial + TAPS[:, None]).reshape(-1, 2)
        centres = np.unique(near[(near % 2 == 0).all(axis=1)], axis=0)
        return HexLattice(centres // 2), self._around(centres)

    def _around(self, centres: NDArray[np.int64]) -> NDArray[np.int64]:
        wanted = centres + TAPS[:, None]
        low = np.minimum(self.axial.min(axis=0), wanted.min(axis=(0, 1)))
        high = np.maximum(self.axial.max(axis=0), wanted.max(axis=(0, 1)))
        rows = np.full(high - low + 1, -1, dtype=np.int64)
        rows[tuple((self.axial - low).T)] = np.arange(self.n_pixels)
        q, r = np.moveaxis(wanted - low, -1, 0)
        return np.asarray(rows[q, r])


__all__ = ["TAPS", "HexLattice"]

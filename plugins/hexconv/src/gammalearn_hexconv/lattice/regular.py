"""`RegularPixels`: pixels on a hexagonal or square lattice, and the kernels on them."""

from __future__ import annotations

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.coarsening import compatible_outputs
from gammalearn_hexconv.lattice.coarsening import outputs
from gammalearn_hexconv.lattice.index_matrix import Frame
from gammalearn_hexconv.lattice.index_matrix import around_points
from gammalearn_hexconv.lattice.points import Points
from gammalearn_hexconv.lattice.points import around
from gammalearn_hexconv.lattice.points import checked
from gammalearn_hexconv.lattice.taps import Kernel
from gammalearn_hexconv.lattice.taps import LatticeKind
from gammalearn_hexconv.lattice.taps import steps
from gammalearn_hexconv.table import NeighbourTable
from gammalearn_hexconv.table import Stencil

_BASES = {"hexagonal": np.array([(1, 0), (0.5, 0.75**0.5)]), "square": np.eye(2)}
"""Places of the points (1, 0) and (0, 1), in units of the pitch."""


@frozen(eq=False)
class RegularPixels:
    """Pixels on a lattice."""

    kind: LatticeKind
    axial: Points = field(converter=checked)
    given_frame: Frame | None = None
    """Where their index matrix lies, if it is not the smallest one."""

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.axial)

    @property
    def frame(self) -> Frame:
        """Where their index matrix lies."""
        return around_points(self.axial) if self.given_frame is None else self.given_frame

    @property
    def positions(self) -> NDArray[np.float64]:
        """Places, (n_pixels, 2), in units of the pitch."""
        return np.asarray(self.axial @ _BASES[self.kind])

    def content(self) -> bytes:
        """What tells them from others."""
        frame = self.frame
        return np.concatenate([self.axial.ravel(), frame.corner, frame.shape]).astype("<i8").tobytes()

    def outputs(
        self, stride: Stride, kernel: Kernel, indexedconv_compat: bool
    ) -> tuple[RegularPixels, NDArray[np.int64]]:
        """Give the pixels that outputs are on, and where these are on this lattice, (n_out, 2)."""
        if indexedconv_compat:
            found = compatible_outputs(self.axial, self.frame, stride, kernel)
        elif stride == 1:
            return self, self.axial
        else:
            found = outputs(self.axial, self.kind, stride, kernel)
        return RegularPixels(self.kind, found.axial, found.frame), found.centres

    def table(
        self, centres: NDArray[np.int64], radius: int, stride: Stride, dilation: int, kernel: Kernel
    ) -> NeighbourTable:
        """Give the pixels that a kernel sees from each of the places."""
        tap_steps = steps(self.kind, radius, kernel)
        stencil = None
        if stride != "sqrt7":
            stencil = Stencil(self.kind, self.axial, centres, tap_steps, stride, dilation)
        return NeighbourTable(around(self.axial, centres, tap_steps * dilation), self.n_pixels, stencil=stencil)


__all__ = ["RegularPixels"]

"""`HexLattice`: the pixels that convolutions and poolings are on."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING
from typing import Literal

import numpy as np

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import find_lattice
from gammalearn_hexconv.lattice.checking import check_stride
from gammalearn_hexconv.lattice.checking import check_whole
from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.index_matrix import from_matrix
from gammalearn_hexconv.lattice.index_matrix import to_matrix
from gammalearn_hexconv.lattice.irregular import IrregularPixels
from gammalearn_hexconv.lattice.regular import RegularPixels
from gammalearn_hexconv.lattice.taps import Kernel
from gammalearn_hexconv.lattice.taps import LatticeKind
from gammalearn_hexconv.lattice.walking import walked
from gammalearn_hexconv.table import NeighbourTable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from numpy.typing import NDArray

Kind = Literal["hexagonal", "square", "irregular"]


class HexLattice:
    """Pixels and their places on a lattice, in the order in which images list them.

    Lattices are immutable. They are equal if their kind, coordinates and order are, and can be the keys of a dict.

    Parameters
    ----------
    axial : array_like of int, (n_pixels, 2)
        Axial coordinates (q, r), in any order. The neighbours of a point are at (1, 0), (0, 1), (-1, 1) and opposite.
    kind : {"hexagonal", "square"}
        With ``square``, the coordinates are column and row, and a point has eight neighbours.

    Raises
    ------
    ValueError
        There are no points, they are not pairs, or two are the same.

    Examples
    --------
    >>> lattice = HexLattice([(0, 0), (1, 0), (0, 1)])
    >>> lattice.table().rows[0].tolist()
    [-1, -1, 2, 0, -1, 1, -1]
    >>> lattice.coarsen(2).n_pixels
    3
    """

    def __init__(self, axial: ArrayLike, *, kind: LatticeKind = "hexagonal") -> None:
        if kind not in ("hexagonal", "square"):
            raise ValueError(f"kind must be 'hexagonal' or 'square', got {kind!r}")
        self._set(RegularPixels(kind, axial))

    def _set(self, pixels: RegularPixels | IrregularPixels) -> HexLattice:
        self._pixels = pixels
        self._tables: dict[tuple[object, ...], NeighbourTable] = {}
        self._coarse: dict[tuple[object, ...], tuple[HexLattice, NDArray[np.int64]]] = {}
        return self

    @classmethod
    def _of(cls, pixels: RegularPixels | IrregularPixels) -> HexLattice:
        return cls.__new__(cls)._set(pixels)

    @classmethod
    def from_camera(cls, geometry: CameraGeometry) -> HexLattice:
        """Take the pixels of a camera, in the camera's order.

        A camera whose pixels are on no lattice becomes irregular: `from_positions` says what its neighbours are.
        """
        if geometry.kind == "irregular" or geometry.axial is None:
            return cls._of(IrregularPixels.at(np.column_stack([geometry.x, geometry.y])))
        return cls(geometry.axial, kind=geometry.kind)

    @classmethod
    def from_positions(cls, x: ArrayLike, y: ArrayLike) -> HexLattice:
        """Find the lattice of pixels at these positions, (n_pixels,) and of any unit; irregular if they are on none.

        An irregular pixel's neighbours are those whose distance is up to 1.4 times the mean of the two pixels'
        distances to the nearest pixel. Each is at the tap that points nearest to it, of seven taps, or of nine if a
        pixel has more than six neighbours.
        """
        places = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if places[0].ndim != 1 or places[0].shape != places[1].shape or not places[0].size:
            raise ValueError(f"x and y must be of the shape (n_pixels,), got {places[0].shape} and {places[1].shape}")
        if not np.isfinite(places).all():
            raise ValueError("positions of pixels must be finite numbers")
        found = find_lattice(*places)
        if found.kind == "irregular" or found.axial is None:
            return cls._of(IrregularPixels.at(np.column_stack(places)))
        return cls(found.axial, kind=found.kind)

    @classmethod
    def from_index_matrix(cls, matrix: ArrayLike, *, kind: LatticeKind = "hexagonal") -> HexLattice:
        """Take the pixels of an index matrix of IndexedConv as it is, (rows, columns) or (1, 1, rows, columns).

        The pixel at row i and column j has the axial coordinates (i, -j). Pixels are in the order of their numbers.

        Raises
        ------
        ValueError
            Not every number from 0 is there once.
        """
        return cls._of(RegularPixels(kind, *from_matrix(matrix)))

    @classmethod
    def from_neighbours(cls, table: ArrayLike, *, x: ArrayLike | None = None, y: ArrayLike | None = None) -> HexLattice:
        """Take which pixels each pixel sees, (n_pixels, n_taps), -1 for none.

        With seven or nine taps it is tried whether the table is that of a hexagonal or square lattice, with taps in the
        order of `taps.hexagon` or `taps.square`. If it is, so is the lattice; if not, it is irregular.

        Parameters
        ----------
        table : array_like of int, (n_pixels, n_taps)
            The indices of IndexedConv, which are ``(n_taps, n_pixels)``, must be transposed.
        x, y : array_like of float, (n_pixels,), optional
            Positions: needed to coarsen an irregular lattice.
        """
        given = np.asarray(table)
        rows = NeighbourTable(given, len(given)).rows
        if (found := walked(rows)) is not None:
            kind, axial = found
            return cls(axial, kind=kind)
        places = None if x is None or y is None else np.column_stack([x, y]).astype(np.float64)
        if places is not None and len(places) != len(rows):
            raise ValueError(f"the table has {len(rows)} pixels, but there are positions of {len(places)}")
        return cls._of(IrregularPixels(rows, places))

    @property
    def kind(self) -> Kind:
        """``hexagonal``, ``square`` or ``irregular``."""
        return "irregular" if isinstance(self._pixels, IrregularPixels) else self._pixels.kind

    @property
    def axial(self) -> NDArray[np.int64] | None:
        """Coordinates (q, r), (n_pixels, 2); None if the pixels are irregular."""
        return None if isinstance(self._pixels, IrregularPixels) else self._pixels.axial

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return self._pixels.n_pixels

    @cached_property
    def positions(self) -> NDArray[np.float64] | None:
        """Places of the pixels, (n_pixels, 2), in units of the pitch on a lattice; None if they are not known."""
        return self._pixels.positions

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stand for kind, coordinates and order."""
        return hashlib.sha256(self.kind.encode() + self._pixels.content()).hexdigest()[:16]

    def index_matrix(self) -> NDArray[np.int64]:
        """Number of the pixel at row i = q and column j = -r of the smallest box, (rows, columns); -1 for none.

        A lattice from an index matrix gives that matrix again.

        Raises
        ------
        ValueError
            The pixels are irregular.
        """
        if isinstance(self._pixels, IrregularPixels):
            raise ValueError("irregular pixels have no index matrix, they are on no lattice")
        return to_matrix(self._pixels.axial, self._pixels.frame)

    def coarsen(
        self, stride: Stride = 2, *, kernel: Kernel = "neighbours", indexedconv_compat: bool = False
    ) -> HexLattice:
        """Give the lattice that the outputs of a strided kernel are on; the same object each time.

        Parameters
        ----------
        stride : int or "sqrt7"
            A number gives the points whose coordinates are multiples of it, as far as a pixel is at most
            ``stride // 2`` steps away, in the order of q, then r; ``"sqrt7"`` gives the middles of modules of seven
            pixels, laid so that as many as possible are complete. 1 gives the lattice itself.
        kernel : {"neighbours", "rhombus"}
            With ``rhombus``, the points from which one of two by two pixels is there.
        indexedconv_compat : bool
            Whether to take what IndexedConv takes: occupied pixels on multiples of the stride from the corner of the
            index matrix, row by row, also with a stride of 1.

        Raises
        ------
        ValueError
            There is no such lattice.
        """
        return self._strided(stride, kernel, indexedconv_compat)[0]

    def table(
        self,
        radius: int = 1,
        stride: Stride = 1,
        dilation: int = 1,
        *,
        kernel: Kernel = "neighbours",
        indexedconv_compat: bool = False,
    ) -> NeighbourTable:
        """Give the pixels that each output of a kernel sees; the same object each time.

        Parameters
        ----------
        radius : int
            Pixels from the middle of the kernel to its rim.
        stride : int or "sqrt7"
            As for `coarsen`, whose points the outputs are at.
        dilation : int
            Pixels from one tap to the next.
        kernel : {"neighbours", "rhombus"}
            All pixels up to the radius, or two by two, whatever the radius.
        indexedconv_compat : bool
            Whether outputs are those of IndexedConv, as for `coarsen`.

        Raises
        ------
        ValueError
            A number is not whole and above 0, or the pixels are irregular and have no such kernel.
        """
        check_whole(radius=radius, dilation=dilation)
        key = radius, stride, dilation, kernel, indexedconv_compat
        if key not in self._tables:
            _, centres = self._strided(stride, kernel, indexedconv_compat)
            self._tables[key] = self._pixels.table(centres, radius, stride, dilation, kernel)
        return self._tables[key]

    def _strided(self, stride: Stride, kernel: Kernel, compat: bool) -> tuple[HexLattice, NDArray[np.int64]]:
        check_stride(stride, kernel)
        key = stride, kernel, compat
        if key not in self._coarse:
            pixels, centres = self._pixels.outputs(stride, kernel, compat)
            self._coarse[key] = self if pixels is self._pixels else HexLattice._of(pixels), centres
        return self._coarse[key]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, HexLattice) and self.fingerprint == other.fingerprint)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<HexLattice of {self.n_pixels} {self.kind} pixels, {self.fingerprint}>"

    def __deepcopy__(self, memo: object) -> HexLattice:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return HexLattice._of, (self._pixels,)


__all__ = ["HexLattice", "Kind"]

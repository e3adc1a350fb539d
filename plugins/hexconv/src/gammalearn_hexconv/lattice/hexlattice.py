"""`HexLattice`: the pixels that convolutions and poolings are on."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING
from typing import Literal

import numpy as np

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import find_lattice
from gammalearn_hexconv.lattice import index_matrix
from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.coarsening import compatible_outputs
from gammalearn_hexconv.lattice.coarsening import outputs
from gammalearn_hexconv.lattice.index_matrix import Frame
from gammalearn_hexconv.lattice.irregular import independent_pixels
from gammalearn_hexconv.lattice.irregular import neighbour_table
from gammalearn_hexconv.lattice.points import around
from gammalearn_hexconv.lattice.points import checked
from gammalearn_hexconv.lattice.taps import Kernel
from gammalearn_hexconv.lattice.taps import LatticeKind
from gammalearn_hexconv.lattice.taps import steps
from gammalearn_hexconv.lattice.walking import walked
from gammalearn_hexconv.table import NeighbourTable
from gammalearn_hexconv.table import Stencil

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from numpy.typing import NDArray

Kind = Literal["hexagonal", "square", "irregular"]

_BASES = {"hexagonal": np.array([(1, 0), (0.5, 0.75**0.5)]), "square": np.eye(2)}
"""Places of the points (1, 0) and (0, 1), in units of the pitch."""


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

    kind: Kind
    axial: NDArray[np.int64] | None
    """Coordinates (q, r), (n_pixels, 2); None if the pixels are irregular."""

    def __init__(self, axial: ArrayLike, *, kind: LatticeKind = "hexagonal") -> None:
        if kind not in _BASES:
            raise ValueError(f"kind must be 'hexagonal' or 'square', got {kind!r}")
        self._set(kind, checked(axial))

    def _set(
        self,
        kind: Kind,
        axial: NDArray[np.int64] | None,
        frame: Frame | None = None,
        neighbours: NDArray[np.int32] | None = None,
        places: NDArray[np.float64] | None = None,
    ) -> HexLattice:
        self.kind, self.axial = kind, axial
        self._frame = index_matrix.around_points(axial) if axial is not None and frame is None else frame
        self._neighbours = np.zeros((0, 0), dtype=np.int32) if neighbours is None else neighbours
        self._places = places
        self._tables: dict[tuple[object, ...], NeighbourTable] = {}
        self._coarse: dict[tuple[object, ...], tuple[HexLattice, NDArray[np.int64]]] = {}
        return self

    @classmethod
    def from_camera(cls, geometry: CameraGeometry) -> HexLattice:
        """Take the pixels of a camera, in the camera's order.

        A camera whose pixels are on no lattice becomes irregular: `from_positions` says what its neighbours are.
        """
        if geometry.kind == "irregular" or geometry.axial is None:
            return cls._irregular(geometry.x, geometry.y)
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
            return cls._irregular(*places)
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
        axial, frame = index_matrix.from_matrix(matrix)
        return cls.__new__(cls)._set(kind, checked(axial), frame)

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
            return cls(axial, kind="square" if kind == "square" else "hexagonal")
        places = None if x is None or y is None else np.column_stack([x, y]).astype(np.float64)
        if places is not None and len(places) != len(rows):
            raise ValueError(f"the table has {len(rows)} pixels, but there are positions of {len(places)}")
        return cls.__new__(cls)._set("irregular", None, None, rows, places)

    @classmethod
    def _irregular(cls, x: ArrayLike, y: ArrayLike) -> HexLattice:
        places = np.column_stack([x, y]).astype(np.float64)
        return cls.__new__(cls)._set("irregular", None, None, neighbour_table(places), places)

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self._neighbours if self.axial is None else self.axial)

    @cached_property
    def positions(self) -> NDArray[np.float64] | None:
        """Places of the pixels, (n_pixels, 2), in units of the pitch on a lattice; None if they are not known."""
        return self._places if self.axial is None else self.axial @ _BASES[self.kind]

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stand for kind, coordinates and order."""
        digest = hashlib.sha256(self.kind.encode())
        if self.axial is None or self._frame is None:
            digest.update(np.ascontiguousarray(self._neighbours, dtype="<i4").tobytes())
        else:
            frame = [*self._frame.corner, *self._frame.shape]
            digest.update(np.concatenate([self.axial.ravel(), frame]).astype("<i8").tobytes())
        return digest.hexdigest()[:16]

    def index_matrix(self) -> NDArray[np.int64]:
        """Number of the pixel at row i = q and column j = -r of the smallest box, (rows, columns); -1 for none.

        A lattice from an index matrix gives that matrix again.

        Raises
        ------
        ValueError
            The pixels are irregular.
        """
        if self.axial is None or self._frame is None:
            raise ValueError("irregular pixels have no index matrix, they are on no lattice")
        return index_matrix.to_matrix(self.axial, self._frame)

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
        if stride == 1 and not indexedconv_compat:
            return self
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
            self._tables[key] = self._table(radius, stride, dilation, kernel, indexedconv_compat)
        return self._tables[key]

    def _table(self, radius: int, stride: Stride, dilation: int, kernel: Kernel, compat: bool) -> NeighbourTable:
        _, centres = self._strided(stride, kernel, compat)
        if self.axial is None:
            if (radius, dilation) != (1, 1):
                raise ValueError("irregular pixels have kernels of radius 1 and dilation 1 only")
            return NeighbourTable(self._neighbours[centres], self.n_pixels)
        tap_steps = steps(self._lattice_kind, radius, kernel)
        rows = around(self.axial, centres, tap_steps * dilation)
        stencil = None
        if stride != "sqrt7":
            stencil = Stencil(self._lattice_kind, self.axial, centres, tap_steps, stride, dilation)
        return NeighbourTable(rows, self.n_pixels, stencil=stencil)

    @property
    def _lattice_kind(self) -> LatticeKind:
        return "square" if self.kind == "square" else "hexagonal"

    def _strided(self, stride: Stride, kernel: Kernel, compat: bool) -> tuple[HexLattice, NDArray[np.int64]]:
        _check_stride(stride, kernel)
        key = stride, kernel, compat
        if key not in self._coarse:
            self._coarse[key] = self._outputs(stride, kernel, compat)
        return self._coarse[key]

    def _outputs(self, stride: Stride, kernel: Kernel, compat: bool) -> tuple[HexLattice, NDArray[np.int64]]:
        if self.axial is None or self._frame is None:
            return self._irregular_outputs(stride, kernel, compat)
        if stride == 1 and not compat:
            return self, self.axial
        if compat:
            found = compatible_outputs(self.axial, self._frame, stride, kernel)
        else:
            found = outputs(self.axial, self._lattice_kind, stride, kernel)
        coarse = HexLattice.__new__(HexLattice)._set(self.kind, checked(found.axial), found.frame)
        return coarse, found.centres

    def _irregular_outputs(self, stride: Stride, kernel: Kernel, compat: bool) -> tuple[HexLattice, NDArray[np.int64]]:
        if compat or kernel != "neighbours" or stride not in (1, 2):
            raise ValueError("irregular pixels have kernels of neighbours and the strides 1 and 2 only")
        if stride == 1:
            return self, np.arange(self.n_pixels)
        if self._places is None:
            raise ValueError(
                "a lattice from a neighbour table alone cannot be coarsened: give positions to `from_neighbours`"
            )
        pixels = independent_pixels(self._neighbours)
        return HexLattice._irregular(*self._places[pixels].T), pixels

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, HexLattice) and self.fingerprint == other.fingerprint)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<HexLattice of {self.n_pixels} {self.kind} pixels, {self.fingerprint}>"

    def __deepcopy__(self, memo: object) -> HexLattice:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.kind, self.axial, self._frame, self._neighbours, self._places)


def _again(*values: object) -> HexLattice:
    return HexLattice.__new__(HexLattice)._set(*values)  # type: ignore[arg-type]


def _check_stride(stride: Stride, kernel: Kernel) -> None:
    if stride != "sqrt7":
        if isinstance(stride, str):
            raise ValueError(f"stride must be a whole number above 0 or 'sqrt7', got {stride!r}")
        check_whole(stride=stride)
    if kernel not in ("neighbours", "rhombus"):
        raise ValueError(f"kernel must be 'neighbours' or 'rhombus', got {kernel!r}")


def check_whole(**values: int) -> None:
    """Refuse numbers that are not whole and above 0.

    Raises
    ------
    ValueError
        With the name of the first such number.
    """
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number above 0, got {value!r}")


__all__ = ["HexLattice", "Kind", "check_whole"]

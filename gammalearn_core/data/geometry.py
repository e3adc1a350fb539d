"""`CameraGeometry`: the pixels of a camera."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from attrs import define
from attrs import field
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.data.lattice import Kind
from gammalearn_core.data.lattice import Lattice
from gammalearn_core.data.lattice import find_lattice
from gammalearn_core.data.lattice import neighbours
from gammalearn_core.data.lattice import symmetry

_SAME = 0.02
"""Positions that differ by less, in units of the pitch, are the same."""
_SAME_SCALE = 0.1
"""Focal lengths that differ by less, relatively, are the same: files give an effective or an equivalent one."""


def _positions(values: ArrayLike) -> NDArray[np.float64]:
    array = np.ascontiguousarray(values, dtype=np.float64)
    array.setflags(write=False)
    return array


@define(eq=False, kw_only=True, slots=False)
class CameraGeometry:
    """Pixels of a camera, in the order in which images list them.

    Two geometries are *the same* (`same_as`) if they have as many pixels, these are at the same places within 2 % of
    the pitch, and the focal lengths agree within 10 %. Names never decide: productions give one camera many names,
    one name to cameras that are mounted at different angles, and the same pixels to telescopes whose images have
    another scale on the sky.

    Parameters
    ----------
    name : str
        A label.
    x, y : array_like of float, (n_pixels,)
        Positions in the camera frame, whose axes point along altitude (x) and azimuth (y), m.
    area : array_like of float, (n_pixels,)
        Pixel areas, m².
    focal_length : float
        Effective focal length, or the equivalent one where a file has no other, m.
    aliases : tuple of str
        Other names that files use.

    Examples
    --------
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> camera.n_pixels, camera.kind, camera.symmetry
    (3, 'hexagonal', 120)
    """

    name: str
    x: NDArray[np.float64] = field(converter=_positions, repr=False)
    y: NDArray[np.float64] = field(converter=_positions, repr=False)
    area: NDArray[np.float64] = field(converter=_positions, repr=False)
    focal_length: float
    aliases: tuple[str, ...] = ()

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.x)

    @cached_property
    def lattice(self) -> Lattice:
        """The lattice that the pixels are on."""
        return find_lattice(self.x, self.y)

    @property
    def kind(self) -> Kind:
        """``hexagonal``, ``square`` or ``irregular``."""
        return self.lattice.kind

    @property
    def axial(self) -> NDArray[np.int64] | None:
        """Lattice coordinates, (n_pixels, 2); None if there is no lattice."""
        return self.lattice.axial

    @property
    def pitch(self) -> float:
        """Distance between neighbouring pixels, m."""
        return self.lattice.pitch

    @cached_property
    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Neighbours in CSR form: those of pixel ``i`` are ``indices[start[i]:start[i + 1]]``."""
        return neighbours(self.lattice, self.x, self.y)

    @cached_property
    def symmetry(self) -> int:
        """Smallest rotation that maps the camera's outline to itself, deg; 360 if there is none."""
        return symmetry(self.lattice)

    def same_as(self, other: CameraGeometry) -> bool:
        """Whether images of the two cameras can be mixed."""
        if self.n_pixels != other.n_pixels:
            return False
        if abs(self.focal_length / other.focal_length - 1) > _SAME_SCALE:
            return False
        if self.x is other.x and self.y is other.y:
            return True
        apart = float(np.hypot(self.x - other.x, self.y - other.y).max(initial=0.0))
        return apart == 0 or apart <= _SAME * min(self.pitch, other.pitch)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stand for the positions, rounded to a tenth of a millimetre.

        A label, not a test: positions that differ by less may round differently.
        """
        rounded = np.rint(np.column_stack([self.x, self.y]) * 1e4).astype("<i8")
        return hashlib.sha256(rounded.tobytes()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, from which `from_dict` makes the geometry again."""
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "focal_length": self.focal_length,
            "x": self.x.tolist(),
            "y": self.y.tolist(),
            "area": self.area.tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CameraGeometry:
        """The geometry that `to_dict` described."""
        return cls(**{**values, "aliases": tuple(values["aliases"])})


def merge_same(geometries: Iterable[CameraGeometry]) -> tuple[list[CameraGeometry], list[int]]:
    """Different geometries among these, and for each of these which it is.

    A merged geometry has its most frequent name; the other names become aliases.
    """
    distinct: list[CameraGeometry] = []
    names: list[list[str]] = []
    which: list[int] = []
    for geometry in geometries:
        index = next((i for i, d in enumerate(distinct) if d.same_as(geometry)), len(distinct))
        if index == len(distinct):
            distinct.append(geometry)
            names.append([])
        names[index] += [geometry.name, *geometry.aliases]
        which.append(index)
    for geometry, given in zip(distinct, names, strict=True):
        ranked = sorted(set(given), key=lambda n: (-given.count(n), n))
        geometry.name, geometry.aliases = ranked[0], tuple(ranked[1:])
    return distinct, which


__all__ = ["CameraGeometry", "merge_same"]

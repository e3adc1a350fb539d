"""The rotations and reflections that map a camera to itself, as permutations of its pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.geometry import CameraGeometry

_TOLERANCE = 0.1
"""Largest distance of a turned pixel from the one that it becomes, in units of the pitch."""


@frozen(eq=False)
class Symmetry:
    """One way in which a camera is turned into itself.

    Attributes
    ----------
    source : array of int, (n_pixels,)
        The pixel that each pixel's content comes from: ``turned = image[source]``.
    matrix : array of float, (2, 2)
        What the turn does to positions ``(x, y)`` in the camera frame.
    """

    source: NDArray[np.int64] = field(repr=False)
    matrix: NDArray[np.float64]


def symmetries(geometry: CameraGeometry, *, reflections: bool = False) -> list[Symmetry]:
    """The symmetries of a camera's outline about the centre of its frame, the identity first.

    Pixels go to pixels by their lattice coordinates alone, so nothing is interpolated.

    Parameters
    ----------
    geometry : CameraGeometry
        Without a lattice only the identity is found.
    reflections : bool
        Whether mirror images count.

    Raises
    ------
    ValueError
        The outline is symmetric, but about another point than the camera frame's centre, or the pixels are not where
        the lattice has them.

    Examples
    --------
    >>> three = CameraGeometry(
    ...     name="three", x=[-0.5, 0.5, 0], y=[-0.2887, -0.2887, 0.5774], area=[1, 1, 1], focal_length=28
    ... )
    >>> [turn.source.tolist() for turn in symmetries(three)]
    [[0, 1, 2], [2, 0, 1], [1, 2, 0]]
    """
    if geometry.axial is None:
        identity = np.arange(geometry.n_pixels, dtype=np.int64)
        return [Symmetry(identity, np.eye(2))]
    found = []
    for on_lattice, matrix in _candidates(geometry, reflections=reflections):
        target = _targets(geometry.axial, geometry.axial @ on_lattice.T)
        if target is not None:
            _check_positions(geometry, target, matrix)
            found.append(Symmetry(np.argsort(target), matrix))
    return found


def _candidates(
    geometry: CameraGeometry, *, reflections: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Rotations and reflections of the lattice: for lattice coordinates and for positions."""
    hexagonal = geometry.kind == "hexagonal"
    step = 60 if hexagonal else 90
    turn = np.array([(0, -1), (1, 1)] if hexagonal else [(0, -1), (1, 0)])
    # Exchanging the two lattice coordinates is a reflection at the line half way between the two axes.
    mirrors = [(np.eye(2, dtype=np.int64), np.eye(2))]
    if reflections:
        mirrors.append((np.array([(0, 1), (1, 0)]), _reflection(geometry.lattice.angle + step / 2)))
    for on_lattice, matrix in mirrors:
        for number in range(360 // step):
            yield np.linalg.matrix_power(turn, number) @ on_lattice, _rotation(number * step) @ matrix


def _rotation(degrees: float) -> NDArray[np.float64]:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([(cos, -sin), (sin, cos)])


def _reflection(degrees: float) -> NDArray[np.float64]:
    """At the line through the centre in this direction."""
    return _rotation(2 * degrees) @ np.diag([1.0, -1.0])


def _targets(points: NDArray[np.int64], turned: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The pixel that each pixel is turned to; None if some would leave the camera."""
    here, there = points - points.min(axis=0), turned - turned.min(axis=0)
    if (here.max(axis=0) != there.max(axis=0)).any():
        return None
    lookup = np.full(here.max(axis=0) + 1, -1, dtype=np.int64)
    lookup[tuple(here.T)] = np.arange(len(points))
    target: NDArray[np.int64] = lookup[tuple(there.T)]
    return None if (target < 0).any() else target


def _check_positions(geometry: CameraGeometry, target: NDArray[np.int64], matrix: NDArray[np.float64]) -> None:
    positions = np.column_stack([geometry.x, geometry.y])
    away = float(np.linalg.norm(positions @ matrix.T - positions[target], axis=1).max()) / geometry.pitch
    if away > _TOLERANCE:
        raise ValueError(
            f"{geometry.name} has a symmetric outline, but a pixel that is turned about the centre of the camera frame"
            f" comes to lie {away:.2f} pitches beside a pixel: images and directions would not be turned alike"
        )


__all__ = ["Symmetry", "symmetries"]

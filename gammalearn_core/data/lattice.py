"""The lattice of a camera, found from the positions of its pixels alone.

Names and rotation angles in files contradict each other (the same camera is listed with three rotations, square
pixels as hexagons), so nothing but positions is used.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Kind = Literal["hexagonal", "square", "irregular"]
Positions = NDArray[np.float64]

_HEX_DIRECTIONS = np.array([(1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)])
"""Axial steps to the six neighbours, anticlockwise."""
_TOLERANCE = 0.2
"""Largest distance of a pixel from its lattice point, in units of the pitch."""


@frozen(eq=False)
class Lattice:
    """Where the pixels are on a lattice.

    Examples
    --------
    >>> lattice = find_lattice(np.array([0.0, 1.0, 0.5]), np.array([0.0, 0.0, 0.75**0.5]))
    >>> lattice.kind, lattice.axial.tolist()
    ('hexagonal', [[0, 0], [1, 0], [0, 1]])
    """

    kind: Kind
    pitch: float
    """Median distance to the nearest pixel, m."""
    axial: NDArray[np.int64] | None = field(repr=False)
    """(n_pixels, 2): axial coordinates (hexagonal) or column and row (square), from 0; None if irregular."""
    angle: float = 0.0
    """Direction of the first axis, deg."""


def find_lattice(x: Positions, y: Positions) -> Lattice:
    """The lattice of pixels at ``x``, ``y`` (m).

    Hexagonal and square lattices are told apart by the directions to the nearest pixels; gaps between modules are
    allowed on square lattices. Anything else is ``irregular``, which is not an error.
    """
    points = np.column_stack([x, y]).astype(np.float64)
    if len(points) < 3:
        return Lattice("irregular", float("nan"), None)
    distances, _ = cKDTree(points).query(points, k=2)
    pitch = float(np.median(distances[:, 1]))
    if not np.isfinite(pitch) or pitch <= 0:
        return Lattice("irregular", pitch, None)
    edges = _edges(points, 1.2 * pitch)
    theta = np.arctan2(edges[:, 1], edges[:, 0])
    six, four = (np.mean(np.exp(1j * n * theta)) for n in (6, 4))
    if abs(six) > abs(four):
        # From -15 to 45 degrees, because real cameras stand at 0 or 30, where rounding must not change the axes.
        return _hexagonal(points, pitch, edges, float((np.angle(six) / 6 + np.pi / 12) % (np.pi / 3) - np.pi / 12))
    return _square(points, pitch, float(np.angle(four) / 4))


def _edges(points: Positions, reach: float) -> Positions:
    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray")
    edges: Positions = points[pairs[:, 1]] - points[pairs[:, 0]]
    return edges


def _hexagonal(points: Positions, pitch: float, edges: Positions, angle: float) -> Lattice:
    turn = np.array([angle, angle + np.pi / 3])
    # Not the pitch, which is too small where pixels are out of place: it is that of the nearest of six.
    basis = np.median(np.hypot(edges[:, 0], edges[:, 1])) * np.column_stack([np.cos(turn), np.sin(turn)])
    start = points[np.argmin(np.sum((points - points.mean(axis=0)) ** 2, axis=1))]
    axial = np.zeros((len(points), 2), dtype=np.int64)
    for _ in range(4):
        axial = _round_axial((points - start) @ np.linalg.inv(basis))
        design = np.column_stack([np.ones(len(points)), axial])
        solution, *_ = np.linalg.lstsq(design, points, rcond=None)
        start, basis = solution[0], solution[1:]
    residual = np.abs(points - (start + axial @ basis)).max() / pitch
    if residual > _TOLERANCE or _repeated(axial):
        return Lattice("irregular", pitch, None)
    return Lattice(
        "hexagonal", pitch, axial - axial.min(axis=0), float(np.degrees(np.arctan2(basis[0, 1], basis[0, 0])))
    )


def _round_axial(fractional: Positions) -> NDArray[np.int64]:
    """Nearest lattice points: cube coordinates, the largest rounding error repaired."""
    cube = np.column_stack([fractional, -fractional.sum(axis=1)])
    rounded = np.rint(cube)
    worst = np.abs(rounded - cube).argmax(axis=1)
    rows = np.arange(len(cube))
    rounded[rows, worst] -= rounded.sum(axis=1)
    axial: NDArray[np.int64] = rounded[:, :2].astype(np.int64)
    return axial


def _square(points: Positions, pitch: float, angle: float) -> Lattice:
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    grid = np.column_stack([_ranks(turned[:, 0], pitch), _ranks(turned[:, 1], pitch)])
    if _repeated(grid):
        return Lattice("irregular", pitch, None)
    return Lattice("square", pitch, grid, float(np.degrees(angle)))


def _ranks(values: NDArray[np.float64], pitch: float) -> NDArray[np.int64]:
    """Number of the row that each pixel is in, gaps between modules not counted."""
    order = np.argsort(values, kind="stable")
    steps = np.diff(values[order]) > 0.5 * pitch
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.concatenate([[0], np.cumsum(steps)])
    return ranks


def _repeated(axial: NDArray[np.int64]) -> bool:
    return len(np.unique(axial, axis=0)) < len(axial)


def neighbours(lattice: Lattice, x: Positions, y: Positions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours of each pixel in CSR form: those of pixel ``i`` are ``indices[start[i]:start[i + 1]]``.

    On a lattice these are the pixels one step away; on irregular cameras all within 1.4 times the pitch.
    """
    if lattice.axial is None:
        pairs = cKDTree(np.column_stack([x, y])).query_pairs(1.4 * lattice.pitch, output_type="ndarray")
    else:
        steps = _HEX_DIRECTIONS[:3] if lattice.kind == "hexagonal" else np.array([(1, 0), (0, 1)])
        pairs = _lattice_pairs(lattice.axial, steps)
    both = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int64)
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    start = np.concatenate([[0], np.cumsum(np.bincount(both[:, 0], minlength=len(x)))]).astype(np.int64)
    return start, both[:, 1]


def _lattice_pairs(axial: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    size = axial.max(axis=0) + 3
    lookup = np.full(size, -1, dtype=np.int64)
    lookup[axial[:, 0] + 1, axial[:, 1] + 1] = np.arange(len(axial))
    pairs = []
    for q, r in steps:
        other = lookup[axial[:, 0] + 1 + q, axial[:, 1] + 1 + r]
        here = np.flatnonzero(other >= 0)
        pairs.append(np.column_stack([here, other[here]]))
    return np.concatenate(pairs)


def symmetry(lattice: Lattice) -> int:
    """Smallest rotation about the camera's centre that maps its outline to itself, in degrees; 360 if there is none.

    Pixels may change places; only the set of occupied lattice points counts.
    """
    if lattice.axial is None:
        return 360
    step, turns = (60, (60, 120, 180)) if lattice.kind == "hexagonal" else (90, (90, 180))
    for degrees in turns:
        if _maps_to_itself(lattice, degrees // step):
            return degrees
    return 360


def _maps_to_itself(lattice: Lattice, turns: int) -> bool:
    assert lattice.axial is not None
    points = lattice.axial
    turned = points
    for _ in range(turns):
        q, r = turned[:, 0], turned[:, 1]
        turned = np.column_stack([-r, q + r]) if lattice.kind == "hexagonal" else np.column_stack([-r, q])
    here, there = (np.unique(p - p.min(axis=0), axis=0) for p in (points, turned))
    return here.shape == there.shape and bool((here == there).all())


__all__ = ["Kind", "Lattice", "find_lattice", "neighbours", "symmetry"]

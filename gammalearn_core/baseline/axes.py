"""Where and whence a shower came, from the axes of its images in several telescopes.

As ctapipe's ``HillasReconstructor``: each axis spans a plane with the telescope; the direction is the mean of the lines
in which two planes cut each other, weighted by the product of the weights of both images, so that cuts at a small angle
weigh little. The impact point is the point nearest to the axes in the plane across the pointing, carried to the ground
along the pointing. The maximum of the shower is the point nearest to the lines from the telescopes to the centres of
gravity of their images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import to_offset

Floats = NDArray[np.float64]
_STEP = 0.1
"""Second point of an axis, deg from the centre of gravity."""
_PARALLEL = 1e12
"""Condition of the equations from which on lines are parallel."""


@frozen(kw_only=True, eq=False)
class Axes:
    """Axes of images, one row an image.

    Attributes
    ----------
    event : array of int, (n,)
        Number of the event, from 0 on; images of an event need not stand together.
    lon, lat : array of float, (n,)
        Centre of gravity in the telescope frame, deg.
    psi : array of float, (n,)
        Angle of the major axis from ``lon``, deg.
    pointing_alt, pointing_az : array of float, (n,)
        Where the telescope points to, deg.
    position : array of float, (n, 3)
        Of the telescope in the ground frame, m.
    weight : array of float, (n,)
    """

    event: NDArray[np.int64]
    lon: Floats
    lat: Floats
    psi: Floats
    pointing_alt: Floats
    pointing_az: Floats
    position: Floats
    weight: Floats

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Images that have an axis and a weight."""
        known = np.isfinite(self.lon) & np.isfinite(self.lat) & np.isfinite(self.psi)
        return known & np.isfinite(self.weight) & (self.weight > 0)


@frozen(kw_only=True, eq=False)
class Geometry:
    """What axes tell of events, NaN where fewer than two images have one: deg and m, (n_events,).

    ``height`` is that of the shower's maximum, above the origin of the ground frame.
    """

    alt: Floats
    az: Floats
    core_x: Floats
    core_y: Floats
    height: Floats

    def distances(self, axes: Axes) -> Floats:
        """Of each image's telescope from its event's shower axis, m."""
        way = unit_vectors(self.alt[axes.event], self.az[axes.event])
        core = np.column_stack([self.core_x, self.core_y, np.zeros(len(self.core_x))])[axes.event]
        return np.asarray(np.linalg.norm(np.cross(axes.position - core, way), axis=1))


def intersect(axes: Axes, pointing_alt: ArrayLike, pointing_az: ArrayLike) -> Geometry:
    """Direction and impact point of each event; the pointing of the array, deg, is one of each event."""
    alt0, az0 = (np.asarray(a, dtype=np.float64) for a in (pointing_alt, pointing_az))
    n = len(alt0)
    direction, core, height = np.full((n, 3), np.nan), np.full((n, 2), np.nan), np.full(n, np.nan)
    normals, slopes, tilted = _planes(axes), _slopes(axes, alt0, az0), _tilted(axes, alt0, az0)
    centres = unit_vectors(*_ends(axes)[0])
    for events, images in _by_multiplicity(axes, n):
        direction[events] = _direction(normals[images], axes.weight[images])
        core[events] = _nearest(slopes[images], tilted[images], axes.weight[images])
        height[events] = _height(centres[images], axes.position[images], axes.weight[images])
    x, y = _on_ground(core, alt0, az0)
    return Geometry(
        alt=np.degrees(np.arcsin(np.clip(direction[:, 2], -1, 1))),
        az=np.degrees(-np.arctan2(direction[:, 1], direction[:, 0])) % 360,
        core_x=x,
        core_y=y,
        height=height,
    )


def unit_vectors(alt: ArrayLike, az: ArrayLike) -> Floats:
    """Directions, deg, in the ground frame: x to the north, y to the west, z up, (n, 3)."""
    alt, az = np.radians(np.asarray(alt, dtype=np.float64)), np.radians(np.asarray(az, dtype=np.float64))
    return np.column_stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)])


def _by_multiplicity(axes: Axes, n: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Events with as many usable images each, two at least, and these images: (k,) and (k, multiplicity)."""
    images = np.flatnonzero(axes.usable)
    images = images[np.argsort(axes.event[images], kind="stable")]
    counts = np.bincount(axes.event[images], minlength=n)
    starts = np.concatenate([[0], np.cumsum(counts)])
    for multiplicity in np.unique(counts[counts > 1]):
        events = np.flatnonzero(counts == multiplicity)
        yield events, images[starts[events][:, None] + np.arange(multiplicity)]


def _ends(axes: Axes) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Altitude and azimuth of two points of each axis, deg."""
    psi, pointing = np.radians(axes.psi), (axes.pointing_alt, axes.pointing_az)
    second = axes.lon + _STEP * np.cos(psi), axes.lat + _STEP * np.sin(psi)
    return from_offset(axes.lon, axes.lat, *pointing), from_offset(*second, *pointing)


def _planes(axes: Axes) -> Floats:
    """Normals of the planes of axes and telescopes; as in ctapipe they are not of unit length, but equally long."""
    one, two = (unit_vectors(*end) for end in _ends(axes))
    return np.asarray(np.cross(one, two))


def _direction(normals: Floats, weight: Floats) -> Floats:
    """Weighted mean of the lines that planes have in common, (k, 3)."""
    first, second = np.triu_indices(weight.shape[1], 1)
    lines = np.cross(normals[:, first], normals[:, second])
    lines *= np.where(lines[..., 2:] < 0, -1.0, 1.0)
    mean = ((weight[:, first] * weight[:, second])[..., None] * lines).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def _slopes(axes: Axes, alt0: Floats, az0: Floats) -> Floats:
    """Directions of the axes across the pointing of the array: x with altitude, y with azimuth, (n, 2)."""
    pointing = alt0[axes.event], az0[axes.event]
    (lon1, lat1), (lon2, lat2) = (to_offset(*end, *pointing) for end in _ends(axes))
    way = np.column_stack([lat2 - lat1, lon2 - lon1])
    with np.errstate(invalid="ignore"):
        return np.asarray(way / np.linalg.norm(way, axis=1, keepdims=True))


def _across(alt0: Floats, az0: Floats) -> tuple[Floats, Floats]:
    """The two axes of the plane across a pointing, in the ground frame, (n, 3) each."""
    alt, az = np.radians(alt0), np.radians(az0)
    x = np.column_stack([np.sin(alt) * np.cos(az), -np.sin(alt) * np.sin(az), -np.cos(alt)])
    y = np.column_stack([np.sin(az), np.cos(az), np.zeros(len(az))])
    return x, y


def _tilted(axes: Axes, alt0: Floats, az0: Floats) -> Floats:
    """Places of the telescopes in the plane across the pointing, m, (n, 2)."""
    x, y = _across(alt0[axes.event], az0[axes.event])
    return np.column_stack([(axes.position * x).sum(axis=1), (axes.position * y).sum(axis=1)])


def _nearest(slopes: Floats, places: Floats, weight: Floats) -> Floats:
    """The point with the least weighted squares of distances from lines, (k, 2)."""
    across = np.stack([-slopes[..., 1], slopes[..., 0]], axis=-1)
    matrix = np.einsum("km,kmi,kmj->kij", weight, across, across)
    wanted = np.einsum("km,kmi,kmj,kmj->ki", weight, across, across, places)
    determinant = matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] ** 2
    x = matrix[:, 1, 1] * wanted[:, 0] - matrix[:, 0, 1] * wanted[:, 1]
    y = matrix[:, 0, 0] * wanted[:, 1] - matrix[:, 0, 1] * wanted[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.column_stack([x, y]) / determinant[:, None]
    return np.where(np.isfinite(found), found, np.nan)


def _height(ways: Floats, places: Floats, weight: Floats) -> Floats:
    """Height of the point with the least weighted squares of distances from lines in space, (k,); NaN of parallels."""
    across = np.eye(3) - ways[..., :, None] * ways[..., None, :]
    matrix = np.einsum("km,kmij->kij", weight, across)
    wanted = np.einsum("km,kmij,kmj->ki", weight, across, places)
    solvable = np.linalg.cond(matrix) < _PARALLEL
    height = np.full(len(ways), np.nan)
    height[solvable] = np.linalg.solve(matrix[solvable], wanted[solvable][..., None])[:, 2, 0]
    return height


def _on_ground(core: Floats, alt0: Floats, az0: Floats) -> tuple[Floats, Floats]:
    """Points of the plane across the pointing, carried to the ground along it, m."""
    x, y = _across(alt0, az0)
    place = core[:, :1] * x + core[:, 1:] * y
    way = unit_vectors(alt0, az0)
    landed = place - way * (place[:, 2:] / way[:, 2:])
    return landed[:, 0], landed[:, 1]


__all__ = ["Axes", "Geometry", "intersect", "unit_vectors"]

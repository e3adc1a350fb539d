"""Parameters of cleaned images, for a whole batch at once, with ctapipe's names and definitions.

Everything is in the telescope frame and in degrees: ``fov_lon`` grows with azimuth and ``fov_lat`` with altitude, and
``psi`` is the angle of the major axis from ``fov_lon``, between -90 and 90.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gammalearn_core.data.geometry import CameraGeometry

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_ROUND = 1e-14
"""Eigenvalues below this, relative to the larger one, are those of a line."""


@frozen(eq=False)
class Pixels:
    """A camera's pixels on the sky.

    Attributes
    ----------
    lon, lat : array of float, (n_pixels,)
        Places, deg.
    width : array of float, (n_pixels,)
        Diameters of the inscribed circles, deg.
    edges : array of int, (n_edges, 2)
        Pairs of neighbours, each once.
    borders : tuple of two arrays of bool, (n_pixels,)
        The outermost ring, and the two outermost rings.
    """

    lon: Floats
    lat: Floats
    width: Floats
    edges: NDArray[np.int64]
    borders: tuple[Mask, Mask]

    @classmethod
    def of(cls, camera: CameraGeometry) -> Pixels:
        """Those of a camera, whose frame has x along altitude and y along azimuth."""
        scale = np.degrees(1 / camera.focal_length)
        shape = 2 / np.sqrt(2 * np.sqrt(3)) if camera.kind == "hexagonal" else 1.0
        start, indices = camera.neighbours
        pairs = np.column_stack([np.repeat(np.arange(camera.n_pixels), np.diff(start)), indices])
        counts = np.diff(start)
        outermost = counts < counts.max(initial=0)
        second = outermost.copy()
        second[pairs[outermost[pairs[:, 1]], 0]] = True
        return cls(
            lon=camera.y * scale,
            lat=camera.x * scale,
            width=shape * np.sqrt(camera.area) * scale,
            edges=pairs[pairs[:, 0] < pairs[:, 1]],
            borders=(outermost, second),
        )


def parameters(
    pixels: Pixels, charge: NDArray[np.float32], mask: Mask, time: Floats | None = None
) -> dict[str, Floats]:
    """Parameters of images, by name; NaN where nothing was left by the cleaning.

    Parameters
    ----------
    pixels : Pixels
    charge : array of float, (n, n_pixels)
        Photoelectrons.
    mask : array of bool, (n, n_pixels)
        Pixels that the cleaning has kept.
    time : array of float, (n, n_pixels), optional
        Peak times, ns; without them there is no ``timing_slope`` and no ``timing_deviation``.
    """
    image = np.where(mask, charge, 0.0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = dict(_moments(pixels, image))
        along, across = _turned(pixels, found)
        found |= _shape(found, image, along)
        found |= _leakage(pixels, image, mask)
        found |= _concentration(pixels, image, found, along, across)
        if time is not None:
            found |= _timing(along, image, mask, np.asarray(time, dtype=np.float64))
    found["morphology_n_pixels"] = mask.sum(axis=1).astype(np.float64)
    found["morphology_n_islands"] = islands(pixels, mask)
    empty = ~(found["hillas_intensity"] > 0)
    return {name: np.where(empty, np.nan, value) for name, value in found.items()}


def _moments(pixels: Pixels, image: Floats) -> Iterator[tuple[str, Floats]]:
    """Centre of gravity and principal axes; an image on a line has width 0, one pixel has no axis (NaN)."""
    size = image.sum(axis=1)
    weight = image / size[:, None]
    lon, lat = weight @ pixels.lon, weight @ pixels.lat
    d_lon, d_lat = pixels.lon - lon[:, None], pixels.lat - lat[:, None]
    a, b, c = (np.einsum("ip,ip,ip->i", weight, one, two) for one, two in _pairs(d_lon, d_lat))
    middle, half = (a + c) / 2, np.hypot((a - c) / 2, b)
    large, small = middle + half, middle - half
    length = np.sqrt(np.where(large > 0, large, 0))
    yield "hillas_intensity", size
    yield "hillas_fov_lon", lon
    yield "hillas_fov_lat", lat
    yield "hillas_r", np.hypot(lon, lat)
    yield "hillas_length", length
    yield "hillas_width", np.sqrt(np.where(small > _ROUND * large, small, 0))
    yield "hillas_psi", np.where(length > 0, _folded(np.degrees(np.arctan2(2 * b, a - c) / 2)), np.nan)


def _pairs(one: Floats, two: Floats) -> tuple[tuple[Floats, Floats], ...]:
    return (one, one), (one, two), (two, two)


def _folded(psi: Floats) -> Floats:
    """An axis has no end: -90 is 90."""
    return np.where(psi <= -90, psi + 180, psi)


def _turned(pixels: Pixels, found: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Places of the pixels along and across the major axis, from the centre of gravity, deg, (n, n_pixels)."""
    psi = np.radians(found["hillas_psi"])[:, None]
    d_lon = pixels.lon - found["hillas_fov_lon"][:, None]
    d_lat = pixels.lat - found["hillas_fov_lat"][:, None]
    return d_lon * np.cos(psi) + d_lat * np.sin(psi), d_lat * np.cos(psi) - d_lon * np.sin(psi)


def _shape(found: dict[str, Floats], image: Floats, along: Floats) -> dict[str, Floats]:
    size, length = found["hillas_intensity"], found["hillas_length"]
    third, fourth = (np.einsum("ip,ip->i", image, along**power) / size for power in (3, 4))
    return {"hillas_skewness": third / length**3, "hillas_kurtosis": fourth / length**4}


def _leakage(pixels: Pixels, image: Floats, mask: Mask) -> dict[str, Floats]:
    found = {}
    for rings, border in enumerate(pixels.borders, start=1):
        found[f"leakage_intensity_width_{rings}"] = image[:, border].sum(axis=1) / image.sum(axis=1)
        found[f"leakage_pixels_width_{rings}"] = mask[:, border].sum(axis=1) / mask.sum(axis=1)
    return found


def _concentration(
    pixels: Pixels, image: Floats, found: dict[str, Floats], along: Floats, across: Floats
) -> dict[str, Floats]:
    size = found["hillas_intensity"]
    length, width = found["hillas_length"][:, None], found["hillas_width"][:, None]
    d_lon = pixels.lon - found["hillas_fov_lon"][:, None]
    d_lat = pixels.lat - found["hillas_fov_lat"][:, None]
    near = d_lon**2 + d_lat**2 < pixels.width**2
    core = (along / length) ** 2 + (across / width) ** 2 <= 1
    return {
        "concentration_cog": (image * near).sum(axis=1) / size,
        "concentration_core": np.where(width[:, 0] > 0, (image * core).sum(axis=1) / size, 0.0),
        "concentration_pixel": image.max(axis=1, initial=0) / size,
    }


def _timing(along: Floats, image: Floats, mask: Mask, time: Floats) -> dict[str, Floats]:
    """The line through the peak times along the axis, by least squares with the square root of the charge as weight.

    ctapipe fits the same line by least trimmed squares from random starts, which no two fits give alike.
    """
    weight = np.sqrt(np.clip(image, 0, None)) * np.isfinite(time)
    time = np.where(np.isfinite(time), time, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    mean_x, mean_t = ((weight * of).sum(axis=1, keepdims=True) / total for of in (along, time))
    x, t = along - mean_x, time - mean_t
    slope = (weight * x * t).sum(axis=1) / (weight * x**2).sum(axis=1)
    rest = np.where(mask, t - slope[:, None] * x, 0.0)
    return {"timing_slope": slope, "timing_deviation": np.sqrt((rest**2).sum(axis=1) / mask.sum(axis=1))}


def islands(pixels: Pixels, mask: Mask) -> Floats:
    """Connected groups of pixels in each mask, (n,)."""
    n, n_pixels = mask.shape
    image, edge = np.nonzero(mask[:, pixels.edges[:, 0]] & mask[:, pixels.edges[:, 1]])
    ends = pixels.edges[edge] + image[:, None] * n_pixels
    graph = coo_matrix((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(mask.size, mask.size))
    labels = connected_components(graph, directed=False)[1].reshape(n, n_pixels)
    rows, columns = np.nonzero(mask)
    found = np.unique(np.column_stack([rows, labels[rows, columns]]), axis=0)[:, 0]
    return np.bincount(found, minlength=n).astype(np.float64)


__all__ = ["Pixels", "islands", "parameters"]

"""`square_mapping`: one of the seven mappings, and the grid that it needs."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from typing import Literal

from scipy.sparse import csr_array

from gammalearn_core.builtin.transforms.mapping.addressing import Places
from gammalearn_core.builtin.transforms.mapping.addressing import axial
from gammalearn_core.builtin.transforms.mapping.addressing import oversampling
from gammalearn_core.builtin.transforms.mapping.addressing import shifting
from gammalearn_core.builtin.transforms.mapping.grid import Grid
from gammalearn_core.builtin.transforms.mapping.grid import cells_like_pixels
from gammalearn_core.builtin.transforms.mapping.interpolation import bicubic
from gammalearn_core.builtin.transforms.mapping.interpolation import bilinear
from gammalearn_core.builtin.transforms.mapping.interpolation import nearest
from gammalearn_core.builtin.transforms.mapping.normalisation import Mapping
from gammalearn_core.builtin.transforms.mapping.polygons import rebinning
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.lattice import Lattice

Method = Literal["oversampling", "rebinning", "nearest", "bilinear", "bicubic", "shifting", "axial"]

_ON_FRAME: Table[str, Callable[[CameraGeometry, Grid], csr_array]] = {
    "rebinning": rebinning,
    "nearest": nearest,
    "bilinear": bilinear,
    "bicubic": bicubic,
}
"""Methods whose grid is one over the camera frame, of any size."""
_ON_LATTICE: Table[str, Callable[[Lattice], Places]] = {
    "oversampling": oversampling,
    "shifting": shifting,
    "axial": axial,
}
"""Methods whose grid follows from the lattice."""
METHODS = (*_ON_FRAME, *_ON_LATTICE)
_FINER = {"nearest": 2}
"""Cells on the side of a pixel, if there are more than one: the charge of pixels with one and two differs by half."""
_FINEST = 8
"""Factor by which cells are smaller than pixels at most, on a side, in search of a grid on which every pixel is."""


def square_mapping(geometry: CameraGeometry, *, method: str, size: int | None, key: str) -> Mapping:
    """The mapping of a camera to a square grid of ``size`` rows, or of as many as the method needs.

    Parameters
    ----------
    geometry : CameraGeometry
    method : str
        One of `METHODS`.
    size : int, optional
        Rows, and columns. By default cells are as large as pixels (``nearest``: half as large on a side), or as small
        as it takes for every pixel to be on one; methods that follow the lattice have the rows that it has.
    key : str
        What messages call the camera.

    Raises
    ------
    ValueError
        A pixel would be on no cell; the message says what ``size`` is enough. Or the method needs a lattice and the
        pixels are on none.
    """
    if not geometry.pitch > 0:
        raise ValueError(f"{key} has fewer than three pixels, or most of them at one place: there is nothing to map")
    if geometry.kind == "irregular" and (method in _ON_LATTICE or method == "rebinning"):
        others = ", ".join(m for m in _ON_FRAME if m != "rebinning")
        raise ValueError(f"method={method!r} needs a lattice of pixels, but {key} is irregular: take one of {others}")
    if method in _ON_LATTICE:
        return _on_lattice(_ON_LATTICE[method](geometry.lattice), size, what=f"method={method!r} of {key}")
    return _on_frame(geometry, method, size, key=key)


def _on_lattice(places: Places, size: int | None, *, what: str) -> Mapping:
    n = size or places.n
    if n < places.n:
        raise ValueError(f"{what} needs size={places.n} or more, got {n}")
    return Mapping(places.on_grid(n), n)


def _on_frame(geometry: CameraGeometry, method: str, size: int | None, *, key: str) -> Mapping:
    def mapping(n: int) -> Mapping:
        return Mapping(_ON_FRAME[method](geometry, Grid.over(geometry, n)), n)

    usual = cells_like_pixels(geometry, _FINER.get(method, 1))
    found = mapping(size or usual)
    if not len(found.lost):
        return found
    enough = _finer(found, mapping, finest=_FINEST * usual)
    if size is None and enough is not None:
        return enough
    lost = f"{len(found.lost)} of the {geometry.n_pixels} pixels of {key} are too far from the cells of {found.n} rows"
    if enough is None:
        raise ValueError(f"{lost}, and of any finer grid: are two at the same place?")
    other = "" if geometry.kind == "irregular" else ", and method='rebinning' keeps every pixel on any grid"
    raise ValueError(f"{lost}: size={enough.n} is enough{other}")


def _finer(lossy: Mapping, mapping: Callable[[int], Mapping], *, finest: int) -> Mapping | None:
    """A mapping to a finer grid on which every pixel is, found by bisection: about the coarsest; None if none is."""
    low, high = lossy.n, mapping(2 * lossy.n)
    while len(high.lost):
        if high.n >= finest:
            return None
        low, high = high.n, mapping(2 * high.n)
    while high.n - low > 1:
        middle = mapping((low + high.n) // 2)
        low, high = (middle.n, high) if len(middle.lost) else (low, middle)
    return high


__all__ = ["METHODS", "Method", "square_mapping"]

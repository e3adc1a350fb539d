"""`PixelLookup`: a fine grid over a camera, with the pixel that each of its cells lies in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FINENESS = 16
"""Cells along a pixel.

A pixel of 16 x 16 cells has its area to 1 %, and 3 % of its photons, those within 0.04 pixels of an edge, fall to
its neighbour. With 8 cells areas would scatter by 2 %, which images show as a fixed pattern.
"""


class PixelLookup(NamedTuple):
    """Pixel at a place of the camera: ``table[int((x + half_width) / pitch), int((y + half_width) / pitch)]``.

    The outermost cells are -1. Who looks up a place outside of the table must test for it.

    Parameters
    ----------
    table : array of int32, (n, n)
        Number of the pixel, or -1 where there is none; the first axis is x.
    pitch : float
        Side of a cell, in m.
    half_width : float
        Half the side of the table, in m.
    """

    table: NDArray[np.int32]
    pitch: float
    half_width: float

    def find(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int32]:
        """Pixels at these places (m), -1 outside of all; anywhere is allowed."""
        i, j = (np.clip((v + self.half_width) / self.pitch, 0, len(self.table) - 1).astype(int) for v in (x, y))
        found: NDArray[np.int32] = self.table[i, j]
        return found


def pixel_lookup(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    side: float,
    edges: NDArray[np.float64],
    fineness: int = FINENESS,
) -> PixelLookup:
    """Table of pixels that are equal polygons.

    Parameters
    ----------
    x, y : array of float64, (pixels,)
        Centres, in m.
    side : float
        Distance of opposite edges, in m.
    edges : array of float64, (edges / 2, 2)
        Unit vectors from the centre to half of the edges; the others are opposite.
    fineness : int
        Cells along `side`.

    Returns
    -------
    PixelLookup
        Where polygons overlap, the nearest pixel.
    """
    pitch = side / fineness
    reach = int(np.ceil(0.6 * fineness)) + 1
    cells = 2 * (int(np.ceil(max(np.abs(x).max(), np.abs(y).max()) / pitch)) + reach + 1)
    half_width = cells * pitch / 2
    near = np.arange(-reach, reach + 1)
    column = (np.floor((x + half_width) / pitch).astype(np.int64)[:, None] + near).astype(np.int32)
    row = (np.floor((y + half_width) / pitch).astype(np.int64)[:, None] + near).astype(np.int32)
    off_x = (column + 0.5) * pitch - half_width - x[:, None]
    off_y = (row + 0.5) * pitch - half_width - y[:, None]
    gauge = np.zeros((len(x), len(near), len(near)))
    for u, v in edges:
        np.maximum(gauge, np.abs(u * off_x[:, :, None] + v * off_y[:, None, :]), out=gauge)
    pixel, i, j = np.nonzero(gauge <= side / 2 * (1 + 1e-3))
    flat = column[pixel, i].astype(np.int64) * cells + row[pixel, j]
    distance = gauge[pixel, i, j]
    table = np.full(cells * cells, -1, dtype=np.int32)
    farthest_first = np.argsort(-distance)
    table[flat[farthest_first]] = pixel[farthest_first]
    return PixelLookup(table.reshape(cells, cells), pitch, half_width)


__all__ = ["FINENESS", "PixelLookup", "pixel_lookup"]

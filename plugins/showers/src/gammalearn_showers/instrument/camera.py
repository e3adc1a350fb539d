"""`Camera`: where the pixels are, which touch, and which pixel a photon falls into."""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_showers.instrument.lookup import PixelLookup
from gammalearn_showers.instrument.lookup import pixel_lookup


@attrs.frozen(eq=False, slots=False)
class Camera:
    """Pixels of a camera, in ctapipe's camera frame of ``cam_rotation`` 0: x looks to larger altitude, y to azimuth.

    Parameters
    ----------
    name : str
        Such as ``"NectarCam"``.
    x, y : array of float64, (pixels,)
        Pixel centres in m; the number of a pixel is its place here.
    area : array of float64, (pixels,)
        Pixel areas in m2.
    shape : {"hexagon", "square"}
        Shape of all pixels.
    pixel_rotation : float
        Rotation of the pixels' outline in deg, as in ctapipe: 0 is a hexagon with a corner on top, or an upright
        square.

    Examples
    --------
    >>> from gammalearn_showers.instrument.cameras import camera
    >>> nectarcam = camera("NectarCam")
    >>> nectarcam.n_pixels, round(nectarcam.width, 3)
    (1855, 0.05)
    >>> int((nectarcam.neighbours >= 0).all(axis=1).sum())
    1687
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    shape: str
    pixel_rotation: float

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.x)

    @property
    def hexagonal(self) -> bool:
        """Whether pixels are hexagons."""
        return self.shape == "hexagon"

    @cached_property
    def width(self) -> float:
        """Distance between the centres of two pixels that touch, in m: of hexagons also that of opposite edges."""
        distance = cKDTree(self._xy).query(self._xy, k=7 if self.hexagonal else 5)[0][:, 1:]
        return float(np.median(distance[distance < 1.1 * distance.min()]))

    @cached_property
    def radius(self) -> float:
        """Distance of the farthest pixel's centre from the middle, in m."""
        return float(np.hypot(self.x, self.y).max())

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Pixels that share an edge with each pixel, (pixels, 6 or 4), filled with -1.

        Pixels on both sides of a gap between modules are neighbours too. In square cameras they are up to 1.30 pixels
        away (CHEC), and diagonal pixels as little as 1.40, so that these are told apart by the sum of the steps along
        both edges, as in ctapipe.
        """
        most, norm, reach = (6, 2, 1.4) if self.hexagonal else (4, 1, 1.5)
        distance, pixel = cKDTree(self._xy).query(self._xy, k=most + 1, p=norm, distance_upper_bound=reach * self.width)
        return np.where(np.isfinite(distance), pixel, -1)[:, 1:].astype(np.int32)

    @cached_property
    def lookup(self) -> PixelLookup:
        """Which pixel is where, for the simulator; -1 in gaps and beyond the edge.

        Hexagons are as wide as the lattice is (light guides leave no gaps), squares as large as `area`.
        """
        side = self.width if self.hexagonal else float(np.sqrt(np.median(self.area)))
        return pixel_lookup(self.x, self.y, side=side, edges=self._edges)

    @property
    def _edges(self) -> NDArray[np.float64]:
        """Directions from a pixel's centre to half of its edges, (3 or 2, 2); the other edges are opposite."""
        # The rotation in files of hexagonal cameras is not to be relied on; where the neighbours are is.
        turns = 6 if self.hexagonal else 4
        pixel, place = np.nonzero(self.neighbours >= 0)
        step = (self.x + 1j * self.y)[self.neighbours[pixel, place]] - (self.x + 1j * self.y)[pixel]
        first = np.angle(np.sum((step / np.abs(step)) ** turns)) / turns
        angles = first + 2 * np.pi / turns * np.arange(turns // 2)
        return np.column_stack([np.cos(angles), np.sin(angles)])

    @property
    def _xy(self) -> NDArray[np.float64]:
        return np.column_stack([self.x, self.y])


__all__ = ["Camera"]

"""`SkyPixels`: the pixels of a camera as angles on the sky, as image parameters are measured."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.instrument import Camera


@attrs.frozen(eq=False)
class SkyPixels:
    """Pixels in ctapipe's ``TelescopeFrame``: angles from the pointing, in the small-angle approximation.

    Parameters
    ----------
    lon, lat : array of float64, (pixels,)
        Towards azimuth and altitude, in deg.
    area : array of float64, (pixels,)
        In deg2.
    width : array of float64, (pixels,)
        Diameter of the circle inside a hexagon, or edge of a square, in deg.
    neighbours : array of int32, (pixels, 6 or 4)
        Pixels that share an edge, filled with -1.
    border : array of uint8, (pixels,)
        1 for pixels at the edge of the camera (they have fewer neighbours than others), 2 for those that touch one,
        3 for those that are both.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    area: NDArray[np.float64]
    width: NDArray[np.float64]
    neighbours: NDArray[np.int32]
    border: NDArray[np.uint8]

    @classmethod
    def of(cls, camera: Camera, focal_length: float) -> SkyPixels:
        """The pixels of a camera behind optics of this focal length, in m."""
        scale = np.degrees(1 / focal_length)
        area = camera.area * scale**2
        return cls(
            lon=camera.y * scale,
            lat=camera.x * scale,
            area=area,
            width=np.sqrt(area * (2 / np.sqrt(3))) if camera.hexagonal else np.sqrt(area),
            neighbours=np.ascontiguousarray(camera.neighbours, dtype=np.int32),
            border=_border(camera.neighbours),
        )


def _border(neighbours: NDArray[np.int32]) -> NDArray[np.uint8]:
    there = neighbours >= 0
    count = there.sum(axis=1)
    first = count < count.max()
    second = (first[neighbours] & there).any(axis=1)
    return np.asarray(first + 2 * second, dtype=np.uint8)


__all__ = ["SkyPixels"]

"""How much of an image is at the edge of the camera, so that some of it is probably beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled


@compiled
def leakage(charge: NDArray[np.float64], border: NDArray[np.uint8], out: NDArray[np.float64]) -> None:
    """What part of an image is at the edge of the camera.

    Parameters
    ----------
    charge : array of float64, (n,)
        In p.e.
    border : array of uint8, (n,)
        As in `SkyPixels`.
    out : array of float64, (4,)
        Set to the parts of pixels in the outermost and in the second ring of pixels, then to those of charge.
    """
    out[:] = 0.0
    total = 0.0
    for i in range(len(charge)):
        total += charge[i]
        if border[i] & 1:
            out[0] += 1
            out[2] += charge[i]
        if border[i] & 2:
            out[1] += 1
            out[3] += charge[i]
    out[:2] /= len(charge)
    out[2:] /= total


__all__ = ["leakage"]

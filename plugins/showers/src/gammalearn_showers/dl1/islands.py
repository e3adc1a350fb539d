"""Groups of pixels that touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled

SMALL = 2
LARGE = 50


@compiled
def islands(
    chosen: NDArray[np.int64], mask: NDArray[np.bool_], neighbours: NDArray[np.int32], out: NDArray[np.int64]
) -> None:
    """Count pixels, and groups of pixels that touch.

    Parameters
    ----------
    chosen : array of int64, (n,)
        Pixels of the image.
    mask : array of bool, (pixels,)
        True for these.
    neighbours : array of int32, (pixels, k)
        Filled with -1.
    out : array of int64, (5,)
        Set to pixels, islands, and islands of at most 2, of 3 to 50 and of more than 50 pixels.
    """
    out[:] = 0
    out[0] = len(chosen)
    seen = np.zeros(len(mask), dtype=np.bool_)
    waiting = np.empty(len(chosen), dtype=np.int64)
    for start in chosen:
        if seen[start]:
            continue
        seen[start] = True
        waiting[0] = start
        end = 1
        done = 0
        while done < end:
            for other in neighbours[waiting[done]]:
                if other >= 0 and mask[other] and not seen[other]:
                    seen[other] = True
                    waiting[end] = other
                    end += 1
            done += 1
        out[1] += 1
        out[2 if end <= SMALL else 4 if end > LARGE else 3] += 1


__all__ = ["islands"]

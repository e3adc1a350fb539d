"""Which pixels of an image are taken for signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled

MIN_PICTURE_NEIGHBOURS = 2
"""Neighbours above the picture threshold that a picture pixel needs (the default of ctapipe-process)."""


@compiled
def clean(
    image: NDArray[np.float32],
    neighbours: NDArray[np.int32],
    picture: np.float32,
    boundary: np.float32,
    mask: NDArray[np.bool_],
) -> None:
    """Mark the pixels that survive ctapipe's ``tailcuts_clean`` with two picture neighbours, isolated ones dropped.

    A pixel is in the picture if it and two of its neighbours reach the picture threshold. Pixels that reach the
    boundary threshold survive beside one in the picture; those in the picture survive beside one that reaches the
    boundary threshold.

    Parameters
    ----------
    image : array of float32, (pixels,)
        In p.e.
    neighbours : array of int32, (pixels, n)
        Filled with -1.
    picture, boundary : float32
        Thresholds, in p.e.; as float32, so that a value equal to one is judged as ctapipe does.
    mask : array of bool, (pixels,)
        Set to the result.
    """
    inside = np.zeros(len(image), dtype=np.bool_)
    for pixel in range(len(image)):
        mask[pixel] = False
        if image[pixel] >= picture:
            count = 0
            for other in neighbours[pixel]:
                if other >= 0 and image[other] >= picture:
                    count += 1
            inside[pixel] = count >= MIN_PICTURE_NEIGHBOURS
    for pixel in range(len(image)):
        if not inside[pixel]:
            continue
        for other in neighbours[pixel]:
            if other >= 0 and image[other] >= boundary:
                mask[pixel] = True
                mask[other] = True


__all__ = ["MIN_PICTURE_NEIGHBOURS", "clean"]

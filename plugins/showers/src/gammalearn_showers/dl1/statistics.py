"""Moments of the values of pixels, wherever these are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled


@compiled
def statistics(values: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Set `out` to maximum, minimum, mean, standard deviation, skewness and excess kurtosis; NaN if all are equal."""
    out[:] = np.nan
    total = 0.0
    out[0] = values[0]
    out[1] = values[0]
    for value in values:
        total += value
        out[0] = max(out[0], value)
        out[1] = min(out[1], value)
    out[2] = total / len(values)
    second = 0.0
    for value in values:
        second += (value - out[2]) ** 2
    out[3] = math.sqrt(second / len(values))
    if out[3] == 0:
        return
    third = 0.0
    fourth = 0.0
    for value in values:
        pull = (value - out[2]) / out[3]
        third += pull**3
        fourth += pull**4
    out[4] = third / len(values)
    out[5] = fourth / len(values) - 3


__all__ = ["statistics"]

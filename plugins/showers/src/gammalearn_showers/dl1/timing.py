"""How the light arrives along an image: a straight line through the pulse times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled

SAMPLES = 5
KEPT = 0.85
MOST_STEPS = 20
CONVERGED = 1e-12
SINGULAR = 2 * 2.220446049250313e-16


@compiled
def timing(along: NDArray[np.float64], time: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """A robust line through pulse times: ctapipe's least trimmed squares.

    Five fits, each from two pixels, refine their line with the 85 % of pixels nearest to it until the squares no
    longer change; the least squares win. ctapipe draws the two pixels at random from one sequence for all images,
    here they depend on the number of pixels alone, so that an image always has the same result.

    Parameters
    ----------
    along : array of float64, (n,)
        Position along the major axis, in deg.
    time : array of float64, (n,)
        Of the pulse, in ns.
    out : array of float64, (3,)
        Set to intercept (ns), root mean square deviation of all pixels (ns) and slope (ns/deg); NaN if there are too
        few pixels.
    """
    out[:] = np.nan
    best = np.inf
    state = np.uint64(88172645463325252)
    for _ in range(SAMPLES):
        state = _next(state)
        first = int(state % np.uint64(len(along)))
        state = _next(state)
        second = int(state % np.uint64(len(along) - 1))
        second += second >= first
        slope, intercept, error = _refine(along, time, first, second)
        if error < best:
            best = error
            out[0] = intercept
            out[2] = slope
    squares = 0.0
    for i in range(len(along)):
        squares += (time[i] - along[i] * out[2] - out[0]) ** 2
    out[1] = math.sqrt(squares / len(along))


@compiled
def _next(state: np.uint64) -> np.uint64:
    """Marsaglia's 64 bit xorshift."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    state ^= state << np.uint64(17)
    return state


@compiled
def _refine(
    along: NDArray[np.float64], time: NDArray[np.float64], first: int, second: int
) -> tuple[float, float, float]:
    """Slope, intercept and sum of squares from a start with two pixels; NaN if it breaks down."""
    kept = np.zeros(len(along), dtype=np.bool_)
    kept[first] = True
    kept[second] = True
    slope, intercept = _line(along, time, kept)
    error = _squares(along, time, kept, slope, intercept)
    residual = np.empty(len(along))
    for _ in range(MOST_STEPS):
        if math.isnan(slope):
            break
        for i in range(len(along)):
            residual[i] = (time[i] - along[i] * slope - intercept) ** 2
        _keep_smallest(residual, int(KEPT * len(along)), kept)
        slope, intercept = _line(along, time, kept)
        last = error
        error = _squares(along, time, kept, slope, intercept)
        if abs(last - error) < CONVERGED:
            break
    return slope, intercept, error


@compiled
def _line(along: NDArray[np.float64], time: NDArray[np.float64], kept: NDArray[np.bool_]) -> tuple[float, float]:
    n = 0
    x = 0.0
    y = 0.0
    xx = 0.0
    xy = 0.0
    for i in range(len(along)):
        if kept[i]:
            n += 1
            x += along[i]
            y += time[i]
            xx += along[i] * along[i]
            xy += along[i] * time[i]
    determinant = n * xx - x * x
    if determinant < SINGULAR:
        return np.nan, np.nan
    return (n * xy - x * y) / determinant, (xx * y - x * xy) / determinant


@compiled
def _squares(
    along: NDArray[np.float64], time: NDArray[np.float64], kept: NDArray[np.bool_], slope: float, intercept: float
) -> float:
    total = 0.0
    for i in range(len(along)):
        if kept[i]:
            total += (time[i] - along[i] * slope - intercept) ** 2
    return total


@compiled
def _keep_smallest(values: NDArray[np.float64], count: int, kept: NDArray[np.bool_]) -> None:
    """Mark the ``count`` smallest values; of equal ones, those that come first."""
    kept[:] = False
    if count == 0:
        return
    limit = np.partition(values, count - 1)[count - 1]
    left = count
    for i in range(len(values)):
        if values[i] < limit:
            kept[i] = True
            left -= 1
    for i in range(len(values)):
        if left > 0 and values[i] == limit:
            kept[i] = True
            left -= 1


__all__ = ["timing"]

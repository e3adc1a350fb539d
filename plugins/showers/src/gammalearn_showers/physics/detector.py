"""The camera: night sky, electronics, arrival times, trigger.

A pixel's charge is a Poisson number of photo-electrons of the shower and the night sky, each of which fluctuates, plus
electronic noise; the mean of the night sky is subtracted. Light that is spread in time by more than the pixel's
integration window is lost in part. A pixel's time is the mean of the shower's photo-electrons with the spread of the
extraction, or anywhere in the window where the night sky prevails. A telescope triggers on the charge of a pixel and
its two brightest neighbours.
"""

from __future__ import annotations

from math import erf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled

SEEDS = 0.3
"""No noise is drawn, and nothing triggers, where three pixels have less than this part of the threshold."""
TRIGGER_PLACE = 0.4
"""Place of the trigger in the read-out window."""
PULSE = 1.2
"""Standard deviation of the pulse of one photo-electron, in ns."""


class Electronics(NamedTuple):
    """A camera, as the compiled code wants it; see `TelescopeType`."""

    neighbours: NDArray[np.int32]
    nsb: float
    noise: float
    resolution: float
    threshold: float
    window: float
    integration: float


@compiled
def _patch(charge: NDArray[np.float32], pixel: int, neighbours: NDArray[np.int32]) -> tuple[float, int, int]:
    """Charge of a pixel and its two brightest neighbours, and which those are."""
    best, second, best_at, second_at = 0.0, 0.0, -1, -1
    for j in range(neighbours.shape[1]):
        other = neighbours[pixel, j]
        if other < 0:
            continue
        value = charge[other]
        if value > best:
            best, second, best_at, second_at = value, best, other, best_at
        elif value > second:
            second, second_at = value, other
    return max(charge[pixel], 0.0) + best + second, best_at, second_at


@compiled
def read_out(
    rng: np.random.Generator,
    true: NDArray[np.int32],
    times: NDArray[np.float64],
    electronics: Electronics,
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
) -> bool:
    """Fill `charge` (p.e.) and `peak_time` (ns) from photo-electrons and sums of their times; did it trigger?"""
    seen = False
    for p in range(len(true)):
        charge[p] = true[p]
    for p in range(len(true)):
        if true[p] > 0 and _patch(charge, p, electronics.neighbours)[0] > SEEDS * electronics.threshold:
            seen = True
            break
    if not seen:
        return False
    for p in range(len(true)):
        number = rng.poisson(electronics.nsb)
        if true[p] > 0:
            number += int(true[p] * _integrated(true[p], times[p], electronics.integration) + rng.random())
        spread = np.sqrt(electronics.resolution**2 * number + electronics.noise**2)
        charge[p] = number + spread * rng.standard_normal() - electronics.nsb
    most, at, first, second = 0.0, -1, -1, -1
    for p in range(len(true)):
        if true[p] > 0:
            value, a, b = _patch(charge, p, electronics.neighbours)
            if value > most:
                most, at, first, second = value, p, a, b
    if most <= electronics.threshold:
        return False
    n, when = 0, 0.0
    for p in (at, first, second):
        if p >= 0:
            n += true[p]
            when += times[p, 0]
    when /= n
    _fill_times(rng, true, times, when, electronics, peak_time)
    return True


@compiled
def _integrated(n: int, times: NDArray[np.float64], integration: float) -> float:
    """Part of the photo-electrons of a pixel within its integration window, relative to when all come at once."""
    mean = times[0] / n
    variance = max(times[1] / n - mean * mean, 0.0)
    half = integration / np.sqrt(8.0)
    return erf(half / np.sqrt(variance + PULSE**2)) / erf(half / PULSE)


@compiled
def _fill_times(
    rng: np.random.Generator,
    true: NDArray[np.int32],
    times: NDArray[np.float64],
    trigger: float,
    electronics: Electronics,
    peak_time: NDArray[np.float32],
) -> None:
    """Times of pixels, in ns from the start of the window."""
    for p in range(len(true)):
        n = true[p]
        if n > 0 and rng.random() < 1.0 - np.exp(-n / (0.8 + 0.6 * electronics.nsb)):
            spread = 0.2 + 0.9 / np.sqrt(n)
            time = times[p, 0] / n - trigger + TRIGGER_PLACE * electronics.window + spread * rng.standard_normal()
            peak_time[p] = min(max(time, 0.0), electronics.window)
        else:
            peak_time[p] = electronics.window * rng.random()


__all__ = ["Electronics", "read_out"]

"""How much light a shower makes in each slice of the atmosphere, and how old it is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import at_height
from gammalearn_showers.physics.atmosphere import height_of
from gammalearn_showers.physics.cherenkov import AGE_STEP
from gammalearn_showers.physics.cherenkov import FIRST_AGE
from gammalearn_showers.physics.cherenkov import N_AGES
from gammalearn_showers.physics.cherenkov import Kernel
from gammalearn_showers.physics.electromagnetic import RADIATION_LENGTH
from gammalearn_showers.physics.electromagnetic import age_of
from gammalearn_showers.physics.electromagnetic import factor
from gammalearn_showers.physics.electromagnetic import greisen
from gammalearn_showers.physics.model import Model

NEGLIGIBLE = 1e-3
"""A branch has ended where it has less than this part of its most particles."""


@compiled
def longitudinal(
    sources: NDArray[np.float64], cosz: float, kernel: Kernel, atm: Atmosphere, model: Model
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], float]:
    """Track length that reaches the ground as light, and where the sources are.

    Parameters
    ----------
    sources : array of float64, (sources, N_COLUMNS)
        As in `electromagnetic`.

    Returns
    -------
    tracks : array of float64, (sources, slices)
        Metres of track of charged particles, times the transmission from there to the ground.
    age : array of float64, (sources, slices)
        In steps of the kernel's ages, from the first.
    start : array of float64, (sources,)
        Distance along the axis from the start of a source to the ground, in m.
    span : array of int64, (sources, 2)
        First slice with tracks, and that after the last.
    x_max : float
        Slant depth of the maximum of charged particles, in g/cm2.
    """
    n, n_slices = len(sources), len(kernel.height)
    tracks, age, start = np.zeros((n, n_slices)), np.zeros((n, n_slices)), np.empty(n)
    span = np.zeros((n, 2), dtype=np.int64)
    depths, length, profile = np.empty(n_slices), np.empty(n_slices), np.zeros(n_slices)
    tau_ground = at_height(atm.optical_depth, kernel.ground)
    for k in range(n_slices):
        depths[k] = at_height(atm.depth, kernel.height[k]) / cosz
        length[k] = (kernel.edges[k + 1] - kernel.edges[k]) / cosz
        length[k] *= np.exp(-(at_height(atm.optical_depth, kernel.height[k]) - tau_ground) / cosz)
    for i in range(n):
        start[i] = (height_of(atm, sources[i, 1] * cosz) - kernel.ground) / cosz
        conserved = factor(kernel.factors, sources[i, 0])
        most = 0.0
        for k in range(n_slices - 1, -1, -1):
            t = (depths[k] - sources[i, 1]) / RADIATION_LENGTH
            if t <= 0.0:
                continue
            particles, s = greisen(sources[i, 0], t + model.depth_offset)
            particles *= conserved * np.exp(-model.late_decay * max(s - 1.0, 0.0) ** 2)
            if most == 0.0:
                span[i, 1] = k + 1
            most = max(most, particles)
            if particles < NEGLIGIBLE * most:
                break
            span[i, 0] = k
            profile[k] += particles
            tracks[i, k] = particles * length[k]
            shower_age = age_of(sources[i, 6], (depths[k] - sources[i, 7]) / RADIATION_LENGTH + 1.0)
            age[i, k] = min(max((shower_age - FIRST_AGE) / AGE_STEP, 0.0), N_AGES - 1.001)
    return tracks, age, start, span, _maximum(depths, profile)


@compiled
def _maximum(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Where a parabola through the greatest value and its neighbours is greatest."""
    k = min(max(int(np.argmax(y)), 1), len(y) - 2)
    left, right = x[k - 1] - x[k], x[k + 1] - x[k]
    down, up = y[k - 1] - y[k], y[k + 1] - y[k]
    curvature = (up / right - down / left) / (right - left)
    if curvature >= 0.0:
        return float(x[k])
    slope = down / left - curvature * left
    return float(x[k] + min(max(-0.5 * slope / curvature, min(left, right)), max(left, right)))


__all__ = ["longitudinal"]

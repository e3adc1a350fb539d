"""Cherenkov light of the electrons of a shower, by height, age and distance on the ground.

For slices of the atmosphere and ages of the shower, electrons are drawn with the spectrum and the angles that Hillas
(1982, *J. Phys. G* 8, 1461) fitted to full simulations, above the local Cherenkov threshold, each displaced sideways by
multiple scattering in correlation with its angle. Their cones give the density of light on the ground, and for each
distance a list of displacements: where the light that arrives there was emitted. The yield is that of Frank and Tamm,
``370 sin^2(theta) / (eV cm)``, over the 2.07 eV between 300 and 650 nm.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import at_height
from gammalearn_showers.physics.atmosphere import atmosphere
from gammalearn_showers.physics.electromagnetic import RADIATION_LENGTH
from gammalearn_showers.physics.electromagnetic import conserving
from gammalearn_showers.physics.model import Model

N_SLICES = 32
N_AGES = 6
FIRST_AGE, AGE_STEP = 0.5, 0.25
N_RINGS = 74
N_SAMPLES = 64
N_ELECTRONS = 20_000
HIGHEST = 22e3
ELECTRON_MASS = 0.511e-3
PHOTONS = 370.0 * 100.0 * 2.07
"""Photons of 300 to 650 nm per metre of track and squared sine of the Cherenkov angle."""


class Kernel(NamedTuple):
    """Light of one electron per metre of track.

    Parameters
    ----------
    cosz : float
        Cosine of the zenith angle it was made for.
    ground : float
        Height of the ground above sea level, in m.
    edges : array of float64, (slices + 1,)
        Heights between slices above sea level, in m.
    height : array of float64, (slices,)
        Middles of the slices.
    density : array of float64, (rings, ages, slices)
        Photons per m2 on the ground.
    displaced : array of float32, (ages, slices, rings, samples, 2)
        Where light that arrives in a ring was emitted: displacement from the axis towards its place on the ground,
        and to the left of that, in m.
    """

    cosz: float
    ground: float
    edges: NDArray[np.float64]
    height: NDArray[np.float64]
    density: NDArray[np.float64]
    displaced: NDArray[np.float32]
    factors: NDArray[np.float64]


@cache
def kernel(zenith: float, ground: float, model: Model) -> Kernel:
    """The kernel for a zenith angle in rad and a height of the ground in m; the same numbers each time."""
    cosz = float(np.cos(zenith))
    lowest = ground + 200.0
    edges = lowest + (HIGHEST - lowest) * np.linspace(0.0, 1.0, N_SLICES + 1) ** 1.15
    height = 0.5 * (edges[1:] + edges[:-1])
    edges[0] = ground
    density = np.zeros((N_RINGS, N_AGES, N_SLICES))
    displaced = np.zeros((N_AGES, N_SLICES, N_RINGS, N_SAMPLES, 3), dtype=np.float32)
    _fill(np.random.default_rng(1), cosz, ground, height, atmosphere(), model, *_angles(), density, displaced)
    return Kernel(cosz, ground, edges, height, density, displaced, conserving(model.depth_offset))


def _angles() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduced angle of electrons against its cumulative distribution (Hillas 1982, fig. 4 and text)."""
    z = np.linspace(0.0, 4.0, 400)
    p = z * 0.777 * np.exp(-(z - 0.59) / np.where(z < 0.59, 0.478, 0.380))
    return np.cumsum(p) / p.sum(), z


@compiled
def ring(r: float) -> int:
    """Number of the ring at a distance in m: 5 m wide to 200 m, 15 m to 500 m, 50 m to 1200 m; -1 beyond."""
    if r < 200.0:
        return int(r / 5.0)
    if r < 500.0:
        return 40 + int((r - 200.0) / 15.0)
    if r < 1200.0:
        return 60 + int((r - 500.0) / 50.0)
    return -1


@compiled
def ring_area(i: int) -> float:
    """Area of a ring, in m2."""
    if i < 40:
        inner, outer = 5.0 * i, 5.0 * (i + 1)
    elif i < 60:
        inner, outer = 200.0 + 15.0 * (i - 40), 200.0 + 15.0 * (i - 39)
    else:
        inner, outer = 500.0 + 50.0 * (i - 60), 500.0 + 50.0 * (i - 59)
    return np.pi * (outer**2 - inner**2)


@compiled
def track_fraction(energy: float, age: float) -> float:
    """Part of the electrons' track length above an energy in MeV (Hillas 1982, eq. 1)."""
    e0 = 26.0 if age < 0.4 else 44.0 - 17.0 * (age - 1.46) ** 2
    return float(((0.89 * e0 - 1.2) / (e0 + energy)) ** age * (1.0 + 1e-4 * age * energy) ** -2)


@compiled
def _fill(
    rng: np.random.Generator,
    cosz: float,
    ground: float,
    height: NDArray[np.float64],
    atm: Atmosphere,
    model: Model,
    angle_cdf: NDArray[np.float64],
    angle: NDArray[np.float64],
    density: NDArray[np.float64],
    displaced: NDArray[np.float32],
) -> None:
    """Draw electrons for every age and slice."""
    n_energies = 400
    energies = np.empty(n_energies)
    cdf = np.empty(n_energies - 1)
    mid = np.empty(n_energies - 1)
    filled = np.empty(N_RINGS, dtype=np.int64)
    for a in range(N_AGES):
        age = FIRST_AGE + AGE_STEP * a
        for k in range(len(height)):
            eta = at_height(atm.refractivity, height[k])
            sin2_max = 1.0 - 1.0 / (1.0 + eta) ** 2
            threshold = ELECTRON_MASS * 1e3 / np.sqrt(sin2_max)
            for i in range(n_energies):
                energies[i] = threshold * 1.0005 * (3e4 / (threshold * 1.0005)) ** (i / (n_energies - 1.0))
            total = 0.0
            for i in range(n_energies - 1):
                mid[i] = np.sqrt(energies[i] * energies[i + 1])
                part = track_fraction(energies[i], age) - track_fraction(energies[i + 1], age)
                total += part * (1.0 - (threshold / mid[i]) ** 2)
                cdf[i] = total
            distance = (height[k] - ground) / cosz
            length = RADIATION_LENGTH / (at_height(atm.density, height[k]) * 100.0)
            length *= model.lateral_length * age**model.lateral_age
            independent = np.sqrt(1.0 - model.lateral_correlation**2)
            filled[:] = 0
            for _ in range(N_ELECTRONS):
                e = np.interp(rng.random() * total, cdf, mid)
                cone = np.sqrt(sin2_max * (1.0 - (threshold / e) ** 2))
                v = e / (1150.0 + 454.0 * np.log(age))
                scattering = np.sqrt(0.0054 * e * (1.0 + v) / (1.0 + 13.0 * v + 8.3 * v * v)) * 21.0 / e
                theta = min(np.interp(rng.random(), angle_cdf, angle) * scattering, 1.2)
                azimuth = 2.0 * np.pi * rng.random()
                ex, ey = theta * np.cos(azimuth), theta * np.sin(azimuth)
                path = length * e / (e + 85.0) * np.exp(model.lateral_spread * rng.standard_normal())
                px = path * (model.lateral_correlation * ex + independent * scattering * 0.7071 * rng.standard_normal())
                py = path * (model.lateral_correlation * ey + independent * scattering * 0.7071 * rng.standard_normal())
                azimuth = 2.0 * np.pi * rng.random()
                gx = px + (ex + cone * np.cos(azimuth)) * distance
                gy = py + (ey + cone * np.sin(azimuth)) * distance
                r = np.sqrt(gx * gx + gy * gy)
                i = ring(r)
                if i < 0:
                    continue
                density[i, a, k] += 1.0
                # Reservoir sampling: every electron of the ring has the same chance to be kept.
                place = filled[i]
                if place >= N_SAMPLES:
                    place = int(rng.random() * (filled[i] + 1))
                if place < N_SAMPLES:
                    track = e / (e + 85.0)
                    footprint = distance**2 * (cone**2 + 441.0 * track / e**2)
                    track *= RADIATION_LENGTH / (at_height(atm.density, height[k]) * 100.0)
                    displaced[a, k, i, place, 2] = model.granularity * PHOTONS * cone**2 * track / (np.pi * footprint)
                    displaced[a, k, i, place, 0] = (px * gx + py * gy) / max(r, 1e-6)
                    displaced[a, k, i, place, 1] = (py * gx - px * gy) / max(r, 1e-6)
                filled[i] += 1
            yield_ = PHOTONS * sin2_max * total / N_ELECTRONS
            for i in range(N_RINGS):
                density[i, a, k] *= yield_ / ring_area(i)
                # Rings with few electrons repeat them; with none they have those of the ring inside.
                for place in range(min(filled[i], N_SAMPLES), N_SAMPLES):
                    if filled[i] >= 8:
                        displaced[a, k, i, place] = displaced[a, k, i, place % filled[i]]
                    elif i > 0:
                        displaced[a, k, i, place] = displaced[a, k, i - 1, place]


__all__ = [
    "AGE_STEP",
    "FIRST_AGE",
    "HIGHEST",
    "N_AGES",
    "N_RINGS",
    "N_SAMPLES",
    "N_SLICES",
    "PHOTONS",
    "Kernel",
    "kernel",
    "ring",
    "ring_area",
    "track_fraction",
]

"""Electromagnetic showers: splittings one by one down to about a GeV, then a mean profile for each branch.

A photon converts after a depth that is exponential with mean 9/7 radiation lengths; then branches share their energy
uniformly, and scatter by ``13.6 MeV / E sqrt(t)`` over ``t`` radiation lengths in between (Heitler 1954, *The Quantum
Theory of Radiation*; Rossi 1952, *High-Energy Particles*). Fluctuations between showers, and lumps in their images,
come from these. Each branch has the mean number of charged particles of Greisen (1956, *Prog. Cosmic Ray Phys.* 3, 1):
``N(t) = 0.31 / sqrt(y) exp(t (1 - 1.5 ln s))`` with ``y = ln(E / 85 MeV)``, age ``s = 3 t / (t + 2 y)`` and ``t`` the
depth in radiation lengths of 37.15 g/cm2, scaled so that the length of all tracks is the energy over 85 MeV, in
radiation lengths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import height_of
from gammalearn_showers.physics.model import Model

RADIATION_LENGTH = 37.15
"""Of air, in g/cm2."""
CRITICAL_ENERGY = 0.085
"""Of electrons in air, in GeV."""
N_FACTORS = 48
LOG_STEP = 0.25

N_COLUMNS = 8
"""Of a source: energy (GeV), slant depth of its start (g/cm2), x, y (m), slopes there, energy and start of its shower.

The last two are those of the photon that the branch is from: electrons have the spectrum of that shower's age."""


@compiled
def grown(rows: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Rows with room for `n` and more: twice as many where there is none."""
    if n <= rows.shape[0]:
        return rows
    larger = np.empty((max(2 * rows.shape[0], n), rows.shape[1]))
    larger[: rows.shape[0]] = rows
    return larger


@compiled
def add_photon(
    rng: np.random.Generator,
    sources: NDArray[np.float64],
    n: int,
    energy: float,
    depth: float,
    x: float,
    y: float,
    tx: float,
    ty: float,
    cosz: float,
    atm: Atmosphere,
    model: Model,
) -> tuple[NDArray[np.float64], int]:
    """Add the branches of a photon that starts at a slant depth; gives the sources and their number."""
    converted = depth + rng.exponential() * 9.0 / 7.0 * RADIATION_LENGTH
    return add_electron(rng, sources, n, energy, converted, x, y, tx, ty, cosz, atm, model)


@compiled
def add_electron(
    rng: np.random.Generator,
    sources: NDArray[np.float64],
    n: int,
    energy: float,
    depth: float,
    x: float,
    y: float,
    tx: float,
    ty: float,
    cosz: float,
    atm: Atmosphere,
    model: Model,
) -> tuple[NDArray[np.float64], int]:
    """Add the branches of an electron, or of the pair of a photon that converts at this slant depth."""
    sources = grown(sources, n + 2**model.max_generations)
    first = n
    sources[n, 0] = energy
    sources[n, 1] = depth
    sources[n, 2] = x
    sources[n, 3] = y
    sources[n, 4] = tx
    sources[n, 5] = ty
    sources[n, 6] = energy
    sources[n, 7] = depth
    n += 1
    for _ in range(model.max_generations):
        last = n
        for i in range(first, last):
            if sources[i, 0] < model.leaf:
                continue
            step = rng.exponential() * model.split_step
            along = height_of(atm, sources[i, 1] * cosz)
            sources[i, 1] += step * RADIATION_LENGTH
            along = (along - height_of(atm, sources[i, 1] * cosz)) / cosz
            kick = 0.0136 * np.sqrt(step) / sources[i, 0]
            for axis in range(2):
                angle = kick * rng.standard_normal()
                sources[i, 2 + axis] += along * (sources[i, 4 + axis] + 0.5 * angle)
                sources[i, 4 + axis] += angle
            share = rng.random()
            sources[n] = sources[i]
            sources[n, 0] = (1.0 - share) * sources[i, 0]
            sources[i, 0] *= share
            n += 1
    return sources, n


@compiled
def greisen(energy: float, t: float) -> tuple[float, float]:
    """Charged particles, and age, of a shower of an energy in GeV after `t` radiation lengths."""
    y = np.log(max(energy / CRITICAL_ENERGY, 1.05))
    s = 3.0 * t / (t + 2.0 * y)
    return 0.31 / np.sqrt(y) * np.exp(t * (1.0 - 1.5 * np.log(s))), s


@compiled
def age_of(energy: float, t: float) -> float:
    """Age of a shower of an energy in GeV after `t` radiation lengths."""
    return float(3.0 * t / (t + 2.0 * np.log(max(energy / CRITICAL_ENERGY, 1.05))))


@compiled
def conserving(offset: float) -> NDArray[np.float64]:
    """Factors by which the profile of a branch that starts at `offset` has a track length proportional to its energy.

    For equal steps of the logarithm of energy, see `factor`.
    """
    factors = np.empty(N_FACTORS)
    for i in range(N_FACTORS):
        energy = CRITICAL_ENERGY * np.exp(LOG_STEP * i)
        total = 0.0
        for j in range(4000):
            total += greisen(energy, offset + (j + 0.5) * 0.01)[0] * 0.01
        factors[i] = energy / CRITICAL_ENERGY / total
    return factors


@compiled
def factor(factors: NDArray[np.float64], energy: float) -> float:
    """Of a branch's energy in GeV."""
    if energy < CRITICAL_ENERGY:
        return float(factors[0] * energy / CRITICAL_ENERGY)
    place = min(np.log(energy / CRITICAL_ENERGY) / LOG_STEP, len(factors) - 1.001)
    i = int(place)
    return float(factors[i] + (place - i) * (factors[i + 1] - factors[i]))


__all__ = [
    "CRITICAL_ENERGY",
    "N_COLUMNS",
    "RADIATION_LENGTH",
    "add_electron",
    "add_photon",
    "age_of",
    "conserving",
    "factor",
    "greisen",
    "grown",
]

"""Muons: the ring or arc that one makes when it passes by a telescope.

A muon is a straight track that loses 2 MeV per g/cm2. The light per azimuth around its direction is that of Vacanti et
al. (1994, *Astropart. Phys.* 2, 1): ``dN/dphi = N sin(2 theta) / (4 pi) D(phi)`` with ``D`` the chord of the mirror
seen from where the muon hits its plane. It spreads by multiple scattering, ``13.6 MeV / p sqrt(x / X0)`` (Review of
Particle Physics 2024, ch. 34).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import at_height
from gammalearn_showers.physics.cherenkov import PHOTONS
from gammalearn_showers.physics.electromagnetic import RADIATION_LENGTH
from gammalearn_showers.physics.imaging import C
from gammalearn_showers.physics.imaging import Optics
from gammalearn_showers.physics.imaging import View
from gammalearn_showers.physics.imaging import record

MUON_MASS = 0.10566
FARTHEST = 160.0
"""Muons that meet the ground farther from a telescope, in m, give it no light."""
_AZIMUTHS = 96


@compiled
def muons(
    rng: np.random.Generator,
    tracks: NDArray[np.float64],
    cosz: float,
    ground: float,
    atm: Atmosphere,
    view: View,
    optics: Optics,
    charge: NDArray[np.int32],
    times: NDArray[np.float64],
) -> None:
    """Add the light of muons (rows: energy in GeV, height, x, y, tx, ty) to `charge` and `times`."""
    chords = np.empty(_AZIMUTHS)
    step = 2.0 * np.pi / _AZIMUTHS
    for i in range(len(tracks)):
        energy, height, x, y, tx, ty = tracks[i]
        length = (height - ground) / cosz
        # Relative to the telescope, in the plane through it.
        px = x + tx * (length - view.w) - view.u
        py = y + ty * (length - view.w) - view.v
        distance = np.sqrt(px * px + py * py)
        if distance > FARTHEST:
            continue
        loss = 2e-3 * (at_height(atm.depth, ground) - at_height(atm.depth, height)) / cosz
        cone = _cone(max(energy - loss, 0.0), 2.0 * at_height(atm.refractivity, ground + 300.0))
        if cone <= 0.0:
            continue
        # Light that arrives at this distance left this far up, where there is less air.
        up = max(distance, optics.radius) / cone
        h = ground + up * cosz
        if h > height:
            continue
        momentum = max(energy - loss * (length - up) / length, 0.0)
        cone = _cone(momentum, 2.0 * at_height(atm.refractivity, h))
        if cone <= 0.0:
            continue
        total = 0.0
        far = distance > 4.0 * optics.radius
        if far:
            total = PHOTONS * cone / (2.0 * np.pi) * np.pi * optics.radius**2 / distance
        else:
            for j in range(_AZIMUTHS):
                chords[j] = _chord(distance, (j + 0.5) * step - np.pi, optics.radius)
                total += chords[j]
            total_chord = total
            total *= PHOTONS * cone / (2.0 * np.pi) * step
        tau = at_height(atm.optical_depth, h) - at_height(atm.optical_depth, ground)
        n_pe = rng.poisson(total * optics.efficiency * np.exp(-tau / cosz))
        towards = np.arctan2(-py, -px)
        opening = np.arcsin(min(optics.radius / max(distance, optics.radius), 1.0))
        slant = 0.5 * max(length - up, 0.0) * (tx * tx + ty * ty)
        eta = at_height(atm.refractivity, h)
        # Scattering above turns all of its light; within the stretch whose light meets the mirror, it spreads it.
        per_metre = at_height(atm.density, h) * 100.0 / RADIATION_LENGTH
        stretch = min(2.0 * optics.radius, distance + optics.radius) / cone
        spread = 0.0136 / momentum * np.sqrt(stretch * per_metre / 3.0)
        turn = 0.0136 / momentum * np.sqrt(max(length - up, 0.0) * per_metre)
        turn_x, turn_y = turn * rng.standard_normal(), turn * rng.standard_normal()
        for _ in range(n_pe):
            if far:
                azimuth = towards + (2.0 * rng.random() - 1.0) * opening
            else:
                left = rng.random() * total_chord
                j = 0
                while j < _AZIMUTHS - 1 and left >= chords[j]:
                    left -= chords[j]
                    j += 1
                azimuth = towards + (j + rng.random()) * step - np.pi
            # Seen from the telescope, light comes from where the muon was: against its slope and its cone.
            dx = turn_x - tx - cone * np.cos(azimuth) + spread * rng.standard_normal()
            dy = turn_y - ty - cone * np.sin(azimuth) + spread * rng.standard_normal()
            # Behind the front of the shower: the muon's slant way, then that of the light, through air.
            late = slant + up * (0.5 * (dx * dx + dy * dy) + eta)
            time = (late - view.w) / C
            record(rng, dx, dy, time, view.axes, optics, charge, times)


@compiled
def _cone(energy: float, sin2: float) -> float:
    """Cherenkov angle of a muon of an energy in GeV where one of speed c has this squared sine."""
    left = sin2 - (MUON_MASS / energy) ** 2 if energy > MUON_MASS else 0.0
    return float(np.sqrt(left)) if left > 0.0 else 0.0


@compiled
def _chord(distance: float, azimuth: float, radius: float) -> float:
    """Way across a mirror in a direction, from a point at a distance of its centre; azimuth 0 is towards the centre."""
    across = distance * np.sin(azimuth)
    left = radius**2 - across**2
    if left <= 0.0:
        return 0.0
    half = np.sqrt(left)
    along = distance * np.cos(azimuth)
    return float(max(along + half, 0.0) - max(along - half, 0.0))


__all__ = ["muons"]

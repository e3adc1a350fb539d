"""Hadronic showers: interaction by interaction, down to photons that shower and muons that reach the ground.

A generic cascade model. Nucleons and charged pions interact with air with mean free paths of 84 and 112 g/cm2 at 1 TeV,
falling slowly with energy (Review of Particle Physics 2024, ch. 30, *Cosmic rays*). A leading hadron keeps a part of
the energy; the rest goes to particles whose number grows with the logarithm of the energy and fluctuates, and which are
spread evenly in the logarithm of their energy (the plateau in rapidity; Gaisser, Engel and Resconi 2016, *Cosmic Rays
and Particle Physics*, ch. 4). Some decay into two photons at once, the charged ones decay (``c tau`` 7.80 m) or
interact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.compiled import compiled
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import at_height
from gammalearn_showers.physics.atmosphere import height_of
from gammalearn_showers.physics.electromagnetic import N_COLUMNS
from gammalearn_showers.physics.electromagnetic import add_photon
from gammalearn_showers.physics.electromagnetic import grown
from gammalearn_showers.physics.model import Model

PION_MASS = 0.13957
NEUTRAL_PION_MASS = 0.13498
MIN_HADRON_ENERGY = 1.0
"""Hadrons below this energy, in GeV, make no light that is followed."""
MIN_PION_ENERGY = 0.15

# Columns of a hadron: energy, slant depth, height, x, y, tx, ty, 1 for a pion.
_COLUMNS = 8


@compiled
def cascade(
    rng: np.random.Generator, energy: float, cosz: float, ground: float, atm: Atmosphere, model: Model
) -> tuple[NDArray[np.float64], int, NDArray[np.float64], int, float]:
    """Follow a proton of an energy in GeV down to the ground.

    Gives sources of electromagnetic showers (columns as in `electromagnetic`) and how many rows are used, muons
    (energy in GeV, height, x, y, tx, ty) likewise, and the height of the first interaction in m.
    """
    sources, n_sources = np.empty((256, N_COLUMNS)), 0
    muons, n_muons = np.empty((128, 6)), 0
    stack, n = np.empty((256, _COLUMNS)), 1
    stack[0] = 0.0
    stack[0, 0] = energy
    stack[0, 2] = 60e3
    x_ground = at_height(atm.depth, ground) / cosz
    h_first = -1.0
    while n > 0:
        n -= 1
        e, depth, height, x, y, tx, ty, pion = stack[n]
        free_path = (112.0 if pion > 0.5 else 84.0) * (1.0 - 0.03 * np.log(max(e, 10.0) / 1e3))
        end = depth + rng.exponential() * free_path
        h_end = height_of(atm, end * cosz) if end < x_ground else ground
        length = (height - h_end) / cosz
        decays = False
        if pion > 0.5:
            decay_length = rng.exponential() * 7.80 * e / PION_MASS
            decays = decay_length < length
            length = min(length, decay_length)
        h = height - length * cosz
        x += tx * length
        y += ty * length
        if h_first < 0.0:
            h_first = h
        if decays:
            muons = grown(muons, n_muons + 1)
            e_mu = e * (0.573 + 0.427 * rng.random())
            kick = 0.03 / max(e_mu, 0.2)
            muons[n_muons, 0] = e_mu
            muons[n_muons, 1] = h
            muons[n_muons, 2] = x
            muons[n_muons, 3] = y
            muons[n_muons, 4] = tx + kick * rng.standard_normal()
            muons[n_muons, 5] = ty + kick * rng.standard_normal()
            n_muons += 1
            continue
        if end > x_ground - 10.0:
            continue
        # The leading hadron.
        kept = rng.beta(1.2, 2.6) if pion > 0.5 else rng.beta(1.0, model.leading)
        if e * kept > MIN_HADRON_ENERGY:
            angle = rng.gamma(2.0, 0.2) / (e * kept)
            azimuth = 2.0 * np.pi * rng.random()
            stack = grown(stack, n + 1)
            _put(stack, n, e * kept, end, h, x, y, tx + angle * np.cos(azimuth), ty + angle * np.sin(azimuth), pion)
            n += 1
        # The pions.
        rest = e * (1.0 - kept)
        mean = 1.2 + 2.2 * np.log(max(rest / 2.0, 1.2)) ** 1.25
        mean *= rng.gamma(1.0 / model.multiplicity_spread, model.multiplicity_spread)
        n_pions = 1 + rng.poisson(model.multiplicity * mean)
        plateau = np.log(max(rest / 0.5, 2.0))
        shares = np.empty(n_pions)
        for i in range(n_pions):
            shares[i] = np.exp(plateau * rng.random())
        shares *= rest / shares.sum()
        for i in range(n_pions):
            e_pi = shares[i]
            neutral = rng.random() < model.neutral
            if e_pi < (MIN_PION_ENERGY if neutral else MIN_HADRON_ENERGY):
                continue
            angle = min(rng.gamma(2.0, 0.5 * model.mean_pt) / e_pi, 0.6)
            azimuth = 2.0 * np.pi * rng.random()
            px, py = tx + angle * np.cos(azimuth), ty + angle * np.sin(azimuth)
            if neutral:
                share = rng.random()
                opening = min(NEUTRAL_PION_MASS / e_pi / np.sqrt(max(share * (1.0 - share), 0.01)), 0.3)
                azimuth = 2.0 * np.pi * rng.random()
                ox, oy = opening * np.cos(azimuth), opening * np.sin(azimuth)
                for part, side in ((share, 1.0 - share), (1.0 - share, -share)):
                    sources, n_sources = add_photon(
                        rng,
                        sources,
                        n_sources,
                        e_pi * part,
                        end,
                        x,
                        y,
                        px + side * ox,
                        py + side * oy,
                        cosz,
                        atm,
                        model,
                    )
            else:
                stack = grown(stack, n + 1)
                _put(stack, n, e_pi, end, h, x, y, px, py, 1.0)
                n += 1
    return sources, n_sources, muons, n_muons, h_first


@compiled
def _put(
    stack: NDArray[np.float64],
    n: int,
    energy: float,
    depth: float,
    height: float,
    x: float,
    y: float,
    tx: float,
    ty: float,
    pion: float,
) -> None:
    stack[n, 0] = energy
    stack[n, 1] = depth
    stack[n, 2] = height
    stack[n, 3] = x
    stack[n, 4] = y
    stack[n, 5] = tx
    stack[n, 6] = ty
    stack[n, 7] = pion


__all__ = ["cascade"]

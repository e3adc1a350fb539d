"""`Model`: the numbers that theory leaves open, and what each was chosen by.

"Full simulation" is the public sample of La Palma showers (CORSIKA 6.99 and sim_telarray, production 3b, 1110 gammas
and 1356 protons) whose parameters the tests compare with; "truth" is what it says of a shower before any detector.
"""

from __future__ import annotations

from typing import NamedTuple


class Model(NamedTuple):
    """Free numbers of the simulation.

    Parameters
    ----------
    leaf : float
        Electromagnetic branches split down to this energy, in GeV. Images of full simulation are as lumpy as if light
        came from branches of about this size: with larger ones, images are too long and too straight.
    max_generations : int
        Splittings at most, 8 give up to 256 branches.
    split_step : float
        Mean depth of a splitting, in radiation lengths; with `depth_offset`, by the depth of maximum in truth.
    depth_offset : float
        Radiation lengths by which Greisen's photon profile is ahead for a branch of electrons.
    late_decay : float
        Behind the maximum, at age ``s`` above 1, profiles fall faster by ``exp(-late_decay (s - 1)^2)``.
    lateral_length, lateral_age, lateral_spread, lateral_correlation : float
        Distance, in radiation lengths, over which electrons acquire their displacement, the power of the age it grows
        with, the width of its log-normal distribution, and the correlation of displacement and angle; by the density of
        light of 20 CORSIKA showers.
    granularity : float
        Factor on the light that one electron gives to one telescope, by the scatter of image axes in full simulation.
    mean_pt : float
        Mean transverse momentum of pions, in GeV.
    multiplicity : float
        Independent particles per pion: many come from the decay of one resonance, and share its direction.
    multiplicity_spread : float
        Relative variance of the mean multiplicity between interactions.
    neutral : float
        Part of the pions, and of the eta mesons among them, that decay into photons.
    leading : float
        The leading nucleon keeps a part ``k`` of the energy, distributed like ``(1 - k)^(leading - 1)``.

    Notes
    -----
    The last five were chosen, within what data on hadrons allow, by how well gammas and protons of full simulation are
    told apart with Hillas parameters, and by the numbers of protons that trigger.
    """

    leaf: float = 0.5
    max_generations: int = 8
    split_step: float = 0.42
    depth_offset: float = 1.5
    late_decay: float = 0.5
    lateral_length: float = 0.85
    lateral_age: float = 1.6
    lateral_spread: float = 0.50
    lateral_correlation: float = 0.75
    granularity: float = 3.0
    mean_pt: float = 0.45
    multiplicity: float = 0.65
    multiplicity_spread: float = 1.0
    neutral: float = 0.38
    leading: float = 1.8


__all__ = ["Model"]

"""Weights that turn the simulated energy spectrum into another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.particles import PRIMARY
from gammalearn_core.builtin.filters.particles import by_particle
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError

SIMULATED = "simulated_spectral_index"


class EnergySpectrum:
    """Weighs events as if their energies were distributed as another power law; the mean of each particle is 1.

    The weight of an event is proportional to ``true_energy ** (index - simulated_index)``. Events without truth have
    the weight 1.

    Parameters
    ----------
    index : float
        Exponent of the wanted spectrum dN/dE, 0 or below: -2.7 for cosmic rays.
    simulated_index : float, optional
        Exponent of the simulated spectrum; by default that of the simulation's run, which the file says.

    Raises
    ------
    DataError
        An event has no energy, or the file does not say how it was simulated.

    Examples
    --------
    >>> columns = {"true_energy": np.array([1.0, 10.0]), "true_shower_primary_id": np.array([0, 0])}
    >>> weights = EnergySpectrum(index=-3.0, simulated_index=-2.0)(EventTable(columns, 2))
    >>> (weights / weights[0]).round(3).tolist()
    [1.0, 0.1]
    """

    advice = "it needs simulated files; if these do not say the exponent of their spectrum, give simulated_index=-2.0"

    def __init__(self, index: float, simulated_index: float | None = None) -> None:
        for name, value in (("index", index), ("simulated_index", simulated_index)):
            if value is not None and not -np.inf < value <= 0:
                raise ValueError(f"{name} must be an exponent such as -2.7, 0 or below, got {value}")
        self.index = index
        self.simulated_index = simulated_index
        self.columns = ("true_energy", PRIMARY, *((SIMULATED,) if simulated_index is None else ()))

    def __call__(self, events: EventTable) -> NDArray[np.float64]:
        weights, logarithms = np.ones(len(events)), self._logarithms(events)
        for rows in by_particle(events).values():
            mine = logarithms[rows]
            if not np.isfinite(mine).all():
                what = "events have no true_energy above 0 or no simulated spectral index"
                raise DataError(f"{np.count_nonzero(~np.isfinite(mine))} {what}")
            weights[rows] = np.exp(mine - mine.max())
            weights[rows] /= weights[rows].mean()
        return weights

    def _logarithms(self, events: EventTable) -> NDArray[np.float64]:
        """Natural logarithms of weights that are not normalised."""
        simulated = events[SIMULATED] if self.simulated_index is None else self.simulated_index
        with np.errstate(invalid="ignore", divide="ignore"):
            energy = np.log(np.asarray(events["true_energy"], dtype=np.float64))
        return np.asarray((self.index - simulated) * energy)


__all__ = ["EnergySpectrum"]

"""Weights that give every particle its share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.particles import PRIMARY
from gammalearn_core.builtin.filters.particles import by_particle
from gammalearn_core.data.table import EventTable


class BalanceParticles:
    """Weighs events so that every particle has the same total weight, however many there are of it; the mean is 1.

    Events without truth have the weight 1.

    Examples
    --------
    >>> table = EventTable({"true_shower_primary_id": np.array([0, 0, 0, 101])}, 4)
    >>> BalanceParticles()(table).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """

    columns = (PRIMARY,)

    def __call__(self, events: EventTable) -> NDArray[np.float64]:
        weights, groups = np.ones(len(events)), by_particle(events)
        total = sum(len(rows) for rows in groups.values())
        for rows in groups.values():
            weights[rows] = total / (len(groups) * len(rows))
        return weights


__all__ = ["BalanceParticles"]

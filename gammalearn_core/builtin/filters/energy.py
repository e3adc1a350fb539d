"""Cut on true energy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable


class Energy:
    """Keeps events whose true energy is in a range. Skipped in prediction, where there is no truth.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included, TeV.

    Examples
    --------
    >>> Energy(maximum=1.0)(EventTable({"true_energy": np.array([0.5, 2.0])}, 2)).tolist()
    [True, False]
    """

    def __init__(self, minimum: float = 0.0, maximum: float = math.inf) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        energy = events["true_energy"]
        return (energy >= self.minimum) & (energy <= self.maximum)


__all__ = ["Energy"]

"""Cut on the angle between the shower and the pointing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.range import Range
from gammalearn_core.data.sky import separation
from gammalearn_core.data.table import EventTable


class Offset(Range):
    """Keeps events whose true direction is in a range of angles from the pointing.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included, deg.

    Examples
    --------
    >>> pointing = {"pointing_alt": np.array([70.0, 70.0]), "pointing_az": np.array([0.0, 0.0])}
    >>> truth = {"true_alt": np.array([70.5, 72.0]), "true_az": np.array([0.0, 0.0])}
    >>> Offset(maximum=1.0)(EventTable(pointing | truth, 2)).tolist()
    [True, False]
    """

    columns = ("true_alt", "true_az", "pointing_alt", "pointing_az")
    advice = "observed files have no truth: use simulated ones"

    def quantity(self, events: EventTable) -> NDArray[np.float64]:
        """Angle between true direction and pointing, deg."""
        return separation(events["true_az"], events["true_alt"], events["pointing_az"], events["pointing_alt"])


__all__ = ["Offset"]

"""Cut on the number of telescopes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from gammalearn_core.builtin.filters.range import Count
from gammalearn_core.data.table import EventTable


class Multiplicity(Count):
    """Keeps events that a number of telescopes saw.

    At subarray level these are the images that the cuts on images left. At telescope level, where a row is one image,
    they are the telescopes that triggered, whatever their cameras.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included.

    Examples
    --------
    >>> import numpy as np
    >>> Multiplicity(minimum=2)(EventTable({"multiplicity": np.array([1, 2])}, 2)).tolist()
    [False, True]
    """

    def quantity(self, events: EventTable) -> NDArray[Any]:
        """Images of an event, or telescopes that triggered."""
        return events["multiplicity"] if events.images is events else events.multiplicity


__all__ = ["Multiplicity"]

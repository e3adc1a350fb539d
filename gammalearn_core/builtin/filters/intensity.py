"""Cut on the charge of the cleaned image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable

COLUMNS = ("hillas_intensity", "camera_frame_hillas_intensity")


class Intensity:
    """Keeps images whose Hillas intensity is in a range; images without one (nothing survived the cleaning) go.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included, p.e.

    Examples
    --------
    >>> table = EventTable({"hillas_intensity": np.array([10.0, 50.0, np.nan])}, 3)
    >>> Intensity(minimum=50)(table).tolist()
    [False, True, False]
    """

    def __init__(self, minimum: float = 0.0, maximum: float = math.inf) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        name = next((n for n in COLUMNS if n in events), COLUMNS[0])
        values = events[name]
        return (values >= self.minimum) & (values <= self.maximum)


__all__ = ["Intensity"]

"""What cuts on a range of one quantity have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable


class Range:
    """Keeps rows whose value is in a range, bounds included; rows without a value (NaN) go.

    A subclass says which column holds the value, or computes it in `quantity`.

    Parameters
    ----------
    minimum, maximum : float

    Raises
    ------
    ValueError
        Nothing is between the bounds.
    """

    columns: tuple[str | tuple[str, ...], ...] = ()
    """Columns that are read; where files differ in names, a tuple of those of which one is enough."""
    advice: str = ""
    """What to do if the data lack them."""

    def __init__(self, minimum: float = 0.0, maximum: float = math.inf) -> None:
        if not minimum <= maximum:
            raise ValueError(f"nothing is between minimum={minimum} and maximum={maximum}")
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        values = self.quantity(events)
        return np.asarray((values >= self.minimum) & (values <= self.maximum))

    def quantity(self, events: EventTable) -> NDArray[Any]:
        """What is compared with the bounds, one value a row."""
        (names,) = self.columns
        known = (names,) if isinstance(names, str) else names
        return events[next((name for name in known if name in events), known[0])]


class Count(Range):
    """A range of something that is counted, from 1 on unless the settings say otherwise."""

    def __init__(self, minimum: float = 1, maximum: float = math.inf) -> None:
        super().__init__(minimum, maximum)


__all__ = ["Count", "Range"]

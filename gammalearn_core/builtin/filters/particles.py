"""Particles that settings name, and those of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.targets.particle import IDS
from gammalearn_core.data.table import EventTable

PRIMARY = "true_shower_primary_id"


def number_of(particle: str | int) -> int:
    """The number of a primary that is given by name or number.

    Raises
    ------
    ValueError
        No primary has this name.

    Examples
    --------
    >>> number_of("proton"), number_of(402)
    (101, 402)
    """
    if isinstance(particle, str) and particle not in IDS:
        raise ValueError(f"no primary is called {particle!r}; known are {', '.join(IDS)}, or give the number")
    return IDS[particle] if isinstance(particle, str) else int(particle)


def by_particle(events: EventTable) -> dict[int, NDArray[np.int64]]:
    """Rows of each primary, in the order of the table. Those of events without truth (-1) are left out."""
    primary = np.asarray(events[PRIMARY])
    order = np.argsort(primary, kind="stable")
    numbers, starts = np.unique(primary[order], return_index=True)
    groups = np.split(order, starts[1:])
    return {int(number): rows for number, rows in zip(numbers, groups, strict=False) if number >= 0}


__all__ = ["PRIMARY", "by_particle", "number_of"]

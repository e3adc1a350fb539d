"""A limit to the number of events of each particle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.particles import PRIMARY
from gammalearn_core.builtin.filters.particles import by_particle
from gammalearn_core.builtin.filters.particles import number_of
from gammalearn_core.data.split import shower_order
from gammalearn_core.data.table import EventTable


class MaxEvents:
    """Keeps at most so many events of each particle, in whole showers.

    Showers are chosen by a hash of their identity. So the choice depends neither on the order of files nor on other
    particles, a smaller number keeps some of the showers that a larger one keeps, and the shares of the splits stay.
    At telescope level it counts images. Events that earlier cuts took do not count, so it stands best at the end.

    Parameters
    ----------
    events : int or mapping of str or int to int
        A number for every particle, or one for each by name or number; particles that are not named are all kept.

    Examples
    --------
    >>> columns = {"true_shower_primary_id": np.repeat([0, 101], 50), "shower": np.arange(100)}
    >>> keep = MaxEvents({"gamma": 10})(EventTable(columns, 100))
    >>> int(keep[:50].sum()), int(keep[50:].sum())
    (10, 50)
    """

    columns = (PRIMARY,)

    def __init__(self, events: int | Mapping[str | int, int]) -> None:
        limits = events if isinstance(events, Mapping) else {0: events}
        wrong = [n for n in limits.values() if isinstance(n, bool) or not isinstance(n, int) or n < 0]
        if wrong or not limits:
            raise ValueError(f"events must be whole numbers, 0 or more, got {events!r}")
        self._limits = {number_of(p): n for p, n in limits.items()} if isinstance(events, Mapping) else None
        self._limit = None if isinstance(events, Mapping) else events

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        keep, order = np.ones(len(events), dtype=bool), shower_order(events)
        for particle, rows in by_particle(events).items():
            limit = self._limit if self._limits is None else self._limits.get(particle)
            if limit is not None:
                keep[rows] = _chosen(order[rows], limit)
        return keep


def _chosen(order: NDArray[np.uint64], limit: int) -> NDArray[np.bool_]:
    """The first whole showers that have no more rows than the limit; rows of one shower have one number."""
    rows = np.argsort(order, kind="stable")
    ordered = order[rows]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    fitting = ends[ends <= limit]
    keep = np.zeros(len(order), dtype=bool)
    keep[rows[: fitting[-1] if len(fitting) else 0]] = True
    return keep


__all__ = ["MaxEvents"]

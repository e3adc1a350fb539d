"""Which showers train, validate and test.

The split is a function of the shower alone: it does not depend on the files that are listed, on cuts, on the seed or
on the number of events, and no shower is on two sides, though simulations use one shower for several events and
several telescopes see it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = ("train", "validation", "test")

_SHOWER = ("true_shower_primary_id", "obs_id", "true_energy", "true_alt", "true_az")
_EVENT = ("obs_id", "event_id")


def shower_hash(events: EventTable) -> NDArray[np.uint64]:
    """A number for each row that is the same for all rows of one shower, and spread evenly over 64 bits.

    Simulated showers are known by primary, ``obs_id`` and the unrounded true energy and direction, because event
    numbers repeat between productions and one shower is used for several events; observed ones by
    ``(obs_id, event_id)``. A column ``shower`` is taken as it is.
    """
    if "shower" in events:
        return events["shower"].astype(np.uint64)
    columns = _SHOWER if all(name in events for name in _SHOWER) else _EVENT
    state = np.zeros(len(events), dtype=np.uint64)
    for name in columns:
        state = _mix(state ^ _bits(events[name]))
    return state


def _bits(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    if values.dtype.kind == "f":
        return (values.astype(np.float64) + 0.0).view(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def split(events: EventTable, *, validation: float, test: float) -> NDArray[np.int8]:
    """`TRAIN`, `VALIDATION` or `TEST` for each row.

    Parameters
    ----------
    events : EventTable
    validation, test : float
        Shares of the showers. Growing one share moves showers from training only.

    Examples
    --------
    >>> table = EventTable({"obs_id": np.full(1000, 1), "event_id": np.arange(1000)}, 1000)
    >>> np.bincount(split(table, validation=0.2, test=0.1)).tolist()
    [701, 222, 77]
    """
    position = shower_hash(events) / 2.0**64
    sides = np.full(len(events), TRAIN, dtype=np.int8)
    sides[position >= 1 - validation] = VALIDATION
    sides[position < test] = TEST
    return sides


__all__ = ["SPLITS", "TEST", "TRAIN", "VALIDATION", "shower_hash", "split"]

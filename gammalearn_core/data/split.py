"""Which showers train, validate and test.

The split is a function of the shower alone: it does not depend on the files that are listed, on cuts, on the seed or
on the number of events, and no shower is on two sides, though simulations use one shower for several events and
several telescopes see it. Sources that are named as splits are these splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = ("train", "validation", "test")

_ORDER = np.uint64(0xD1B54A32D192ED03)
"""Tells the numbers of `shower_order` apart from those of `shower_hash`."""
_BELOW_ONE = float(np.nextafter(1.0, 0.0))
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


def shower_order(events: EventTable) -> NDArray[np.uint64]:
    """A number for each row, as `shower_hash` gives it, that has nothing to do with the split.

    Choosing showers by it leaves the shares of the splits as they are.
    """
    return _mix(shower_hash(events) ^ _ORDER)


Share = float | NDArray[np.float64]


def split(events: EventTable, *, validation: Share, test: Share) -> NDArray[np.int8]:
    """`TRAIN`, `VALIDATION` or `TEST` for each row.

    Parameters
    ----------
    events : EventTable
    validation, test : float, or array of float, (n,)
        Shares of the showers. Growing one share moves showers from training only.

    Examples
    --------
    >>> table = EventTable({"obs_id": np.full(1000, 1), "event_id": np.arange(1000)}, 1000)
    >>> np.bincount(split(table, validation=0.2, test=0.1)).tolist()
    [701, 222, 77]
    """
    position = np.minimum(shower_hash(events) / 2.0**64, _BELOW_ONE)
    sides = np.full(len(events), TRAIN, dtype=np.int8)
    sides[position >= 1 - np.asarray(validation)] = VALIDATION
    sides[position < test] = TEST
    return sides


def shares(side: str, sources: Sequence[str], share: float) -> dict[str, float]:
    """Share of the showers of each source that are in the validation or the test split.

    Parameters
    ----------
    side : {"validation", "test"}
    sources : sequence of str
        Names of the sources.
    share : float
        What the settings say, for sources that are split by the hash.

    Examples
    --------
    >>> shares("test", ["labelled", "unlabelled"], 0.2)
    {'labelled': 0.2, 'unlabelled': 0.2}
    >>> shares("test", ["train", "validation"], 0.2)
    {'train': 0.2, 'validation': 0.0}
    >>> shares("test", ["train", "test", "unlabelled"], 0.2)
    {'train': 0.0, 'test': 1.0, 'unlabelled': 0.0}
    """
    if not set(SPLITS) & set(sources):
        return dict.fromkeys(sources, share)
    if side in sources:
        return {name: float(name == side) for name in sources}
    return {name: share if name == "train" else 0.0 for name in sources}


def split_sources(events: EventTable, sources: Sequence[str], *, validation: float, test: float) -> NDArray[np.int8]:
    """As `split`, where sources that are called ``train``, ``validation`` and ``test`` are these splits.

    Parameters
    ----------
    events : EventTable
        The column ``domain`` counts the sources, if there are several.
    sources : sequence of str
        Their names.
    validation, test : float
        Shares, for splits that no source is.
    """
    domain = _domain(events)
    by_source = {"validation": shares("validation", sources, validation), "test": shares("test", sources, test)}
    of_rows = {side: np.array([found[name] for name in sources])[domain] for side, found in by_source.items()}
    return split(events, validation=of_rows["validation"], test=of_rows["test"])


def shared_showers(events: EventTable, sources: Sequence[str]) -> dict[tuple[str, str], int]:
    """Number of showers that are in two sources which are splits, by the names of both; pairs without any are left out.

    Parameters
    ----------
    events : EventTable
    sources : sequence of str
        Names of all sources, in the order of ``domain``.
    """
    given = [name for name in sources if name in SPLITS]
    if len(given) < 2:
        return {}
    domain, hashes = _domain(events), shower_hash(events)
    showers = {name: np.unique(hashes[domain == sources.index(name)]) for name in given}
    pairs = combinations(given, 2)
    common = {(a, b): np.intersect1d(showers[a], showers[b], assume_unique=True) for a, b in pairs}
    return {pair: len(found) for pair, found in common.items() if len(found)}


def _domain(events: EventTable) -> NDArray[np.int64]:
    return np.asarray(events["domain"]) if "domain" in events else np.zeros(len(events), dtype=np.int64)


__all__ = [
    "SPLITS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "shared_showers",
    "shares",
    "shower_hash",
    "shower_order",
    "split",
    "split_sources",
]

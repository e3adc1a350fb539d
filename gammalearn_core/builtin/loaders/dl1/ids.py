"""Ids of events and rows: whole numbers of tables, side by side, and what is looked up by them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import read_columns
from gammalearn_core.errors import DataError

Ids = NDArray[np.int64]
_LARGEST = 2**63 - 1
"""Whole number that ids can be."""


def event_ids(dataset: h5py.Dataset) -> Ids:
    """``(obs_id, event_id)`` of each row, ``(n, 2)``."""
    return whole_numbers(dataset, ["obs_id", "event_id"])


def whole_numbers(dataset: h5py.Dataset, names: Sequence[str]) -> NDArray[np.int64]:
    """Columns of whole numbers side by side, ``(n, len(names))``."""
    columns = read_columns(dataset, names)
    for name, values in columns.items():
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise DataError(f"{label(dataset)}, column {name!r}: {dataset.dtype[name]} is not one whole number a row")
    return side_by_side({n: columns[n] for n in names}, label(dataset))


def side_by_side(columns: Mapping[str, NDArray[Any]], where: str) -> NDArray[np.int64]:
    """Columns made one array: each is converted for itself, since numpy makes floats of u8 beside i8."""
    for name, values in columns.items():
        if values.dtype.kind == "u" and values.itemsize == 8 and len(values) and values.max() > _LARGEST:
            raise DataError(f"{where}, column {name!r}: {values.max()} is too large, {_LARGEST} is the limit")
    return np.column_stack([values.astype(np.int64) for values in columns.values()])


def multiplicity(trigger: h5py.Dataset) -> NDArray[np.int64]:
    """Number of telescopes of each event, from the mask of telescopes that were triggered."""
    mask = read_column(trigger, "tels_with_trigger")
    if mask.ndim != 2 or mask.dtype.kind not in "biu":
        raise DataError(f"{label(trigger)}, column 'tels_with_trigger': {mask.dtype} is not a mask of telescopes")
    counts: NDArray[np.int64] = np.count_nonzero(mask, axis=1).astype(np.int64)
    return counts


def taken(values: NDArray[Any], rows: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[Any]:
    """These rows of a column; NaN, or -1 in whole numbers, where the row is -1."""
    if not len(values):
        return np.full((len(rows), *values.shape[1:]), np.nan if values.dtype.kind == "f" else -1)
    missing = rows < 0
    chosen = values[rows]
    if missing.any():
        chosen = chosen.astype(np.int64) if chosen.dtype.kind in "ub" else chosen
        chosen[missing] = np.nan if chosen.dtype.kind == "f" else -1
    return chosen


def rows_of(keys: Ids, ids: Ids, where: str) -> NDArray[np.int64]:
    """For each key its row among unique ids, or -1.

    Raises
    ------
    DataError
        Some ids stand there twice.
    """
    ordered = ids[np.lexsort(ids.T)]
    if (ordered[1:] == ordered[:-1]).all(axis=1).any():
        raise DataError(f"{where}: some (obs_id, event_id) stand there twice")
    return match(keys, ids)


def check_unique(ids: Ids, where: str) -> None:
    """Refuse ids, ``(n, 2)`` or ``(n, 3)``, of which some stand there twice.

    Raises
    ------
    DataError
        With the first of them.
    """
    before, after = ids[:-1].T, ids[1:].T
    larger, equal = np.zeros(len(ids[1:]), dtype=bool), np.ones(len(ids[1:]), dtype=bool)
    for old, new in zip(before, after, strict=True):
        larger |= equal & (new > old)
        equal &= new == old
    if larger.all():
        return
    ordered = ids[np.lexsort(ids.T)]
    twice = (ordered[1:] == ordered[:-1]).all(axis=1)
    if twice.any():
        obs_id, event_id = ordered[1:][twice][0][:2]
        raise DataError(f"{where}: event {event_id} of obs_id {obs_id} stands there twice")


__all__ = [
    "Ids",
    "check_unique",
    "event_ids",
    "multiplicity",
    "rows_of",
    "side_by_side",
    "taken",
    "whole_numbers",
]

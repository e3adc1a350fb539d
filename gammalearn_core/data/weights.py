"""Weights of events in the losses."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError

Weight = tuple[str, Callable[[EventTable], NDArray[np.float64]]]
"""Name and function."""

_LARGEST = float(np.finfo(np.float32).max)


def event_weights(
    events: EventTable, splits: Iterable[NDArray[np.int64]], weights: Sequence[Weight]
) -> NDArray[np.float64]:
    """Product of all weights, one an event. Each function is given one split at a time, so that none sees another.

    Parameters
    ----------
    events : EventTable
    splits : iterable of array of int
        Rows of each split.
    weights : sequence of (name, function)

    Raises
    ------
    DataError
        A weight is negative or not finite, or there is not one for each event; names the component.

    Examples
    --------
    >>> table = EventTable({"true_energy": np.array([1.0, 2.0])}, 2)
    >>> event_weights(table, [np.array([0, 1])], [("twice", lambda t: 2 * t["true_energy"])]).tolist()
    [2.0, 4.0]
    """
    product = np.ones(len(events))
    for rows in splits:
        table = events.take(rows)
        for name, function in weights if len(rows) else ():
            with np.errstate(over="ignore"):
                product[rows] *= _given(name, function, table)
    if (product > _LARGEST).any():
        names = ", ".join(name for name, _ in weights)
        raise DataError(f"the weights {names} multiply to {product.max():.3g}, which is too large")
    return product


def _given(name: str, function: Callable[[EventTable], object], table: EventTable) -> NDArray[np.float64]:
    """What a component gives, checked."""
    try:
        values = np.asarray(function(table))
    except DataError as error:
        raise DataError(f"the weight {name}: {error}") from error
    if values.shape != (len(table),):
        raise DataError(
            f"the weight {name} gives values of shape {values.shape}, wanted one for each of {len(table)} events"
        )
    if values.dtype.kind not in "biuf":
        raise DataError(f"the weight {name} gives values of type {values.dtype}, wanted numbers")
    values = values.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        first = ", ".join(f"{n} {table[n][bad[0]]}" for n in ("obs_id", "event_id") if n in table)
        raise DataError(
            f"the weight {name} gives {values[bad[0]]} to {first or f'row {bad[0]}'}; {len(bad)} events have no weight"
            " that is finite and 0 or more"
        )
    return values


__all__ = ["Weight", "event_weights"]

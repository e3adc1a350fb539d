"""What conditions are made of, column by column: arithmetic, functions and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError

Values = NDArray[Any]
"""Float64 numbers or truth values, (n,) or (), for a number of the text."""

ARITHMETIC: dict[str, Callable[[Values, Values], Values]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
    "**": np.power,
}
COMPARISONS: dict[str, Callable[[Values, Values], Values]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": lambda one, other: (one < other) | (one > other),
}
"""False where a value is NaN, ``!=`` too."""


@frozen
class Function:
    """A function of the language: what it is given, and whether it gives a truth value."""

    compute: Callable[..., Values]
    arguments: int = 1
    truth: bool = False


FUNCTIONS = {
    "abs": Function(np.abs),
    "cos": Function(lambda angle: np.cos(np.radians(angle))),
    "exp": Function(np.exp),
    "hypot": Function(np.hypot, 2),
    "isfinite": Function(np.isfinite, truth=True),
    "log": Function(np.log),
    "log10": Function(np.log10),
    "maximum": Function(np.maximum, 2),
    "minimum": Function(np.minimum, 2),
    "sin": Function(lambda angle: np.sin(np.radians(angle))),
    "sqrt": Function(np.sqrt),
}
"""Angles are in degrees, as those of columns are."""

_EXACT = 2.0**53
"""Below it float64 tells whole numbers apart."""


def number_column(events: EventTable, name: str) -> NDArray[np.float64]:
    """A column as float64.

    Raises
    ------
    DataError
        There is no such column, or it cannot be compared with numbers.
    """
    values = np.asarray(events[name])
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise DataError(f"the column {name!r} does not hold one number a row, so no cut can be made on it")
    numbers: NDArray[np.float64] = values.astype(np.float64)
    if values.dtype.kind in "iu" and len(values) and np.abs(numbers).max() >= _EXACT:
        raise DataError(f"the column {name!r} holds whole numbers from 2**53 on, which a cut cannot tell apart")
    return numbers


def chain(values: Sequence[Values], operators: Sequence[str]) -> Values:
    """``a < b <= c``: each comparison of neighbours, joined."""
    pairs = zip(operators, values[:-1], values[1:], strict=True)
    return reduce(np.logical_and, (COMPARISONS[operator](one, other) for operator, one, other in pairs))


def member(values: Values, numbers: Sequence[float], *, inside: bool) -> Values:
    """Whether values are among these numbers, or are not; NaN is neither."""
    found = np.isin(values, numbers)
    return found if inside else ~found & ~np.isnan(values)


__all__ = ["ARITHMETIC", "COMPARISONS", "FUNCTIONS", "Function", "Values", "chain", "member", "number_column"]

"""What studies give: charts, numbers, and the reasons of what is not there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from attrs import field
from attrs import frozen

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.results.performance import Estimate


@frozen(kw_only=True)
class Number:
    """A number that a study gives beside its charts.

    Attributes
    ----------
    id : str
        Unique in a page.
    section, title : str
    value, low, high : float
        With both ends of its interval, NaN where they are not known.
    n : int
        Samples that it is of.
    unit, definition : str
    """

    id: str
    section: str
    title: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n: int
    unit: str = ""
    definition: str

    @classmethod
    def of(cls, estimate: Estimate, **told: Any) -> Number:
        """Of an estimate."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n, **told)


@frozen(kw_only=True)
class Missing:
    """A chart that cannot be made, and why."""

    section: str
    title: str
    reason: str


def _items(values: Iterable[Chart | Matrix]) -> tuple[Chart | Matrix, ...]:
    return tuple(values)


def _numbers(values: Iterable[Number]) -> tuple[Number, ...]:
    return tuple(values)


def _reasons(values: Iterable[Missing]) -> tuple[Missing, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Studies:
    """What one study or several have found.

    Attributes
    ----------
    items : tuple of Chart or Matrix
    numbers : tuple of Number
    missing : tuple of Missing

    Examples
    --------
    >>> nothing = Studies(missing=[Missing(section="By zenith", title="AUC", reason="all are at 20 deg")])
    >>> len((nothing + nothing).missing)
    2
    """

    items: tuple[Chart | Matrix, ...] = field(default=(), converter=_items)
    numbers: tuple[Number, ...] = field(default=(), converter=_numbers)
    missing: tuple[Missing, ...] = field(default=(), converter=_reasons)

    def __add__(self, other: Studies) -> Studies:
        return Studies(
            items=self.items + other.items,
            numbers=self.numbers + other.numbers,
            missing=self.missing + other.missing,
        )


def together(parts: Iterable[Studies]) -> Studies:
    """All of them, in their order."""
    found = Studies()
    for part in parts:
        found = found + part
    return found


__all__ = ["Missing", "Number", "Studies", "together"]

"""The table of numbers: validation and test, by task, each with its definition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from gammalearn_core.reporting.quantities import FEW
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.quantities import number

SPLITS = ("validation", "test")


@frozen
class Cell:
    """A number as it is shown; ``few`` if it means nothing."""

    text: str
    few: bool = False
    remark: str = ""


@frozen
class Row:
    """One quantity in all splits."""

    name: str
    unit: str
    cells: list[Cell]
    definition: str


@frozen
class Group:
    """The quantities of one task, which have the numbers of samples in common."""

    task: str
    counts: list[Cell]
    rows: list[Row]


@frozen
class EstimateRow:
    """A number with its interval, as it is shown."""

    name: str
    unit: str
    value: str
    interval: str
    n: str
    few: bool
    definition: str


def estimate_row(
    name: str, *, value: object, low: object, high: object, n: object, unit: str = "", definition: str = ""
) -> EstimateRow:
    """A number with its interval.

    Examples
    --------
    >>> row = estimate_row("auc", value=0.75, low=0.7, high=None, n=1200)
    >>> row.value, row.interval, row.n, row.few
    ('0.7500', '0.7000 to —', '1\u202f200', False)
    """
    numbers = [number(v) for v in (value, low, high, n)]
    shown, interval, count = digits(numbers[0]), f"{digits(numbers[1])} to {digits(numbers[2])}", numbers[3]
    known = not (math.isnan(numbers[1]) and math.isnan(numbers[2]))
    return EstimateRow(
        name=name,
        unit={"m2": "m²"}.get(unit, unit),
        value=shown,
        interval=interval if known else "—",
        n="—" if math.isnan(count) else whole(count),
        few=count < FEW,
        definition=definition,
    )


def measured_splits(results: Mapping[str, Any]) -> list[str]:
    """Splits that have numbers."""
    splits = results.get("splits") or {}
    return [*(s for s in SPLITS if s in splits), *(s for s in splits if s not in SPLITS)]


def table(results: Mapping[str, Any], quantities: Quantities, samples: Mapping[str, Any]) -> list[Group]:
    """The numbers of all splits.

    Parameters
    ----------
    results : mapping
        Content of ``metrics.json``.
    quantities : Quantities
        Where definitions are looked up.
    samples : mapping of str to int
        Sizes of the splits, which are the ``n`` of what belongs to no task.
    """
    names = measured_splits(results)
    values = [results["splits"][name] for name in names]
    groups = []
    for task, found in quantities.by_task(key for split in values for key in split).items():
        if task:
            counts = [number(split.get(f"{task}/n")) for split in values]
        else:
            counts = [number(samples.get(name)) for name in names]
        rows = [
            Row(q.name, q.unit, [_cell(s.get(q.key), n) for s, n in zip(values, counts, strict=True)], q.definition)
            for q in found
        ]
        groups.append(Group(task, [_count(n) for n in counts], rows))
    return groups


def _cell(value: object, n: float) -> Cell:
    shown = number(value)
    if math.isnan(shown):
        return Cell("—", remark="no sample has truth" if n == 0 else "not measurable with these samples")
    return Cell(digits(shown), few=n < FEW)


def _count(n: float) -> Cell:
    return Cell("n not given") if math.isnan(n) else Cell(f"n = {whole(n)}", few=n < FEW)


def digits(value: float) -> str:
    """Four significant digits; a dash for NaN.

    Examples
    --------
    >>> digits(-0.5), digits(12345.6), digits(float("nan"))
    ('−0.5000', '1.235e+04', '—')
    """
    return "—" if math.isnan(value) else f"{value:#.4g}".removesuffix(".").replace("-", "−")


def whole(value: float) -> str:
    """A whole number, its thousands apart by thin spaces."""
    return f"{int(value):,}".replace(",", "\u202f")


__all__ = [
    "SPLITS",
    "Cell",
    "EstimateRow",
    "Group",
    "Row",
    "digits",
    "estimate_row",
    "measured_splits",
    "table",
    "whole",
]

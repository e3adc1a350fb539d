"""Mean, spread and range of numbers that several runs have in common."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import attrs
from attrs import frozen


@frozen(kw_only=True)
class Spread:
    """A number of several runs.

    Attributes
    ----------
    values : tuple of float
        Of each run; NaN of a run that does not have it.
    mean : float
    spread : float
        Standard deviation of a single run (by ``n - 1``); NaN of fewer than two.
    low, high : float
        The least and the largest.

    Examples
    --------
    >>> spread = Spread.of([0.9, 0.8, 1.0])
    >>> round(spread.mean, 3), round(spread.spread, 3), spread.low, spread.high
    (0.9, 0.1, 0.8, 1.0)
    """

    values: tuple[float, ...]
    mean: float
    spread: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """That of some numbers; those that are not finite are kept, and do not count."""
        known = [value for value in values if math.isfinite(value)]
        return cls(
            values=tuple(values),
            mean=statistics.fmean(known) if known else math.nan,
            spread=statistics.stdev(known) if len(known) > 1 else math.nan,
            low=min(known, default=math.nan),
            high=max(known, default=math.nan),
        )

    def to_dict(self) -> dict[str, Any]:
        """Fields by name."""
        return attrs.asdict(self)


def spreads(metrics: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Spread]]:
    """By split and by name, of the contents of several ``metrics.json``.

    Parameters
    ----------
    metrics : sequence of mapping
        One a run.
    """
    splits = [found.get("splits") or {} for found in metrics]
    return {
        name: {key: Spread.of([_number(s.get(name, {}).get(key)) for s in splits]) for key in _keys(splits, name)}
        for name in dict.fromkeys(name for split in splits for name in split)
    }


def _keys(splits: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    return list(dict.fromkeys(key for split in splits for key in split.get(name, {})))


def _number(value: object) -> float:
    """JSON has null for what is not finite."""
    return float(value) if isinstance(value, (int, float)) else math.nan


def table(found: Mapping[str, Spread]) -> list[str]:
    """Lines of a table of one split."""
    head = ("", "mean", "spread", "range", "runs")
    rows = [head, *((name, *_cells(spread)) for name, spread in found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(spread: Spread) -> tuple[str, ...]:
    of = sum(map(math.isfinite, spread.values))
    return _text(spread.mean), _text(spread.spread), f"{_text(spread.low)} to {_text(spread.high)}", str(of)


def _text(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "?"


__all__ = ["Spread", "spreads", "table"]

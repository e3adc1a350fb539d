"""The comparison of network and baseline as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping

from gammalearn_core.results.comparing import Comparison

_NAMES = {
    "auc": "AUC",
    "energy_bias": "energy bias",
    "energy_resolution_cta": "energy resolution",
    "energy_resolution_pyirf": "energy resolution (pyirf)",
    "angular_resolution_68": "angular resolution",
    "impact_resolution_68": "impact resolution",
}
_PERCENT = ("energy_bias", "energy_resolution_cta", "energy_resolution_pyirf")
_WINNERS = {"one": "network", "other": "baseline", "neither": "-"}
_HEAD = ("", "events", "network", "baseline", "difference", "95 % interval", "better")


def table(comparisons: Mapping[str, list[Comparison]], *, of: str = "TeV") -> list[str]:
    """Lines of a table: all events, then bins of what stands in the first column."""
    rows = [(of, *_HEAD), *(row for name, found in comparisons.items() for row in _rows(name, found))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows(name: str, found: list[Comparison]) -> Iterator[tuple[str, ...]]:
    known = [c for c in found if math.isfinite(c.one) and math.isfinite(c.other)]
    for number, c in enumerate(known):
        yield (
            "" if number else name,
            _NAMES[c.name],
            str(c.n),
            number_text(c, c.one),
            number_text(c, c.other),
            number_text(c, c.difference, sign=True),
            f"{number_text(c, c.low, sign=True)} to {number_text(c, c.high, sign=True)}",
            _WINNERS[c.winner],
        )


def number_text(comparison: Comparison, value: float, *, sign: bool = False) -> str:
    """A number with its unit; percent for what is relative."""
    if not math.isfinite(value):
        return "?"
    plus = "+" if sign else ""
    if comparison.name in _PERCENT:
        return f"{100 * value:{plus}.1f} %"
    digits = 1 if comparison.unit == "m" else 3
    return f"{value:{plus}.{digits}f}{f' {comparison.unit}' if comparison.unit else ''}"


__all__ = ["number_text", "table"]

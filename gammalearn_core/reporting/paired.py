"""Numbers of runs side by side, and their differences on the events that all have tested."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from gammalearn_core.reporting.numbers import digits
from gammalearn_core.reporting.quantities import number
from gammalearn_core.results.comparing import DRAWS
from gammalearn_core.results.comparing import Comparison
from gammalearn_core.results.comparing import paired_bootstrap
from gammalearn_core.results.performance import CONFIDENCE
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.predictions import Predictions

SEED = 1
"""Of the bootstrap: the same runs give the same page."""
_NO_BINS = (1e-300, 2e-300)
"""TeV: no event is in these, so that only all of them are compared."""
_VERDICTS = {"one": "better", "other": "worse", "neither": ""}


@frozen
class Cell:
    """A number with its interval, and a word on it if it may be believed."""

    value: str = ""
    interval: str = ""
    verdict: str = ""


@frozen
class Column:
    """One measure of all runs.

    Attributes
    ----------
    name, unit, definition : str
    cells : list of Cell
        Of each run.
    n : str
        Samples.
    """

    name: str
    unit: str
    definition: str
    cells: list[Cell]
    n: str = ""


def side_by_side(numbers: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Numbers of ``performance`` of each run, with their intervals."""
    names = dict.fromkeys(name for of_run in numbers for name in of_run)
    columns = []
    for name in names:
        known = [of_run.get(name) or {} for of_run in numbers]
        first = next(k for k in known if k)
        cells = [_cell(k.get("value"), k.get("low"), k.get("high")) if k else Cell("—") for k in known]
        told = str(first.get("definition") or "")
        counts = dict.fromkeys(str(k["n"]) for k in known if "n" in k)
        columns.append(Column(name.replace("_", " "), str(first.get("unit") or ""), told, cells, ", ".join(counts)))
    return columns


def differences(predictions: Sequence[Predictions], reference: int = 0) -> list[Column]:
    """How much better or worse each run is than one of them, by a paired bootstrap on the same events.

    Parameters
    ----------
    predictions : sequence of Predictions
        Of the same events in the same order.
    reference : int
        The run that the others are compared with.
    """
    results = [EventResults.from_predictions(p) for p in predictions]
    other = results[reference]
    known = [{c.name: c for c in _compared(one, other)} if one is not other else {} for one in results]
    names = dict.fromkeys(name for of_run in known for name in of_run)
    columns = []
    for name in names:
        first = next(of_run[name] for of_run in known if name in of_run)
        cells = [_difference(of_run.get(name)) for of_run in known]
        cells[reference] = Cell("0")
        columns.append(Column(name.replace("_", " "), first.unit, first.definition, cells, str(first.n)))
    return columns


def _compared(one: EventResults, other: EventResults) -> list[Comparison]:
    return paired_bootstrap(one, other, edges=_NO_BINS, seed=SEED)["all"]


def _difference(found: Comparison | None) -> Cell:
    if found is None:
        return Cell("—")
    cell = _cell(found.difference, found.low, found.high)
    return Cell(cell.value, cell.interval, _VERDICTS[found.winner])


def _cell(value: object, low: object, high: object) -> Cell:
    ends = [digits(number(v)) for v in (low, high)]
    return Cell(digits(number(value)), "" if ends == ["—", "—"] else f"{ends[0]} to {ends[1]}")


NOTE = (
    f"Paired bootstrap: {DRAWS} draws of the showers, the same for both runs, seed {SEED}; central intervals of"
    f" {100 * CONFIDENCE:g} %. A run is called better or worse where the interval leaves out 0."
)

__all__ = ["NOTE", "Cell", "Column", "differences", "side_by_side"]

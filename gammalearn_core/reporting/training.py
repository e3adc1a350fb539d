"""Learning curves: a chart for each quantity, with gaps where it could not be measured."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.quantities import Quantity
from gammalearn_core.reporting.quantities import number

SECTION = "Learning curves"
ALL_TASKS = "All tasks"
_SPLITS = ("train", "validation")
_DECADES = 30.0
"""A logarithmic axis shows what varies by more than this factor."""


@frozen
class LearningCurves:
    """All charts, by task, and the quantities that no epoch could measure."""

    charts: tuple[Chart, ...]
    never: tuple[str, ...]


def learning_curves(
    history: Sequence[Mapping[str, Any]],
    quantities: Quantities,
    *,
    best: int | None,
    samples: Mapping[str, Any],
) -> LearningCurves:
    """Charts of a history.

    Parameters
    ----------
    history : sequence of mapping
        Lines of ``metrics.jsonl``. An epoch whose line is lost is a gap.
    quantities : Quantities
        Where names are looked up.
    best : int, optional
        The epoch to mark.
    samples : mapping of str to int
        Sizes of the splits.
    """
    lines = {int(line["epoch"]): line for line in history}
    if not lines:
        return LearningCurves((), ())
    epochs = range(min(lines), max(lines) + 1)
    ordered = [lines.get(epoch, {}) for epoch in epochs]
    marks = ((float(best), f"best epoch: {best}"),) if best in epochs and best is not None else ()
    keys = [key for line in ordered for split in _SPLITS for key in line.get(split) or {}]
    charts, never, taken = [], [], set[str]()

    def chart(key: str, group: str, label: str, series: Sequence[Series], *, above_one: bool, told: str = "") -> Chart:
        return Chart(
            id=_own(key, taken),
            section=SECTION,
            group=group or ALL_TASKS,
            title=label,
            x_label="epoch",
            y_label=label,
            series=series,
            y_log=_wants_log(series, above_one=above_one),
            x_marks=marks,
            definition=told,
        )

    for task, found in quantities.by_task(keys).items():
        for quantity in found:
            series = [_series(epochs, ordered, split, quantity, samples) for split in _SPLITS]
            shown = [s for s in series if not s.empty]
            if shown:
                above = quantity.name != "loss"
                told = quantity.definition
                charts.append(chart(quantity.key, task, quantity.label, shown, above_one=above, told=told))
            else:
                never.append(quantity.key)
    rates = _learning_rates(epochs, ordered)
    if rates:
        label = "learning rate"
        charts.insert(
            sum(c.group == ALL_TASKS for c in charts), chart("learning_rate", "", label, rates, above_one=False)
        )
    return LearningCurves(tuple(charts), tuple(never))


def _series(
    epochs: Sequence[int],
    lines: Sequence[Mapping[str, Any]],
    split: str,
    quantity: Quantity,
    samples: Mapping[str, Any],
) -> Series:
    found = [line.get(split) or {} for line in lines]
    if quantity.task:
        counts = [number(values.get(f"{quantity.task}/n")) for values in found]
    else:
        counts = [number(samples.get(split))] * len(found)
    values = [number(values.get(quantity.key)) for values in found]
    return Series(split, epochs, values, n=None if all(map(math.isnan, counts)) else counts, kind="line")


def _learning_rates(epochs: Sequence[int], lines: Sequence[Mapping[str, Any]]) -> list[Series]:
    rates = [line.get("learning_rate") or [] for line in lines]
    groups = max(map(len, rates), default=0)
    series = [
        Series(
            f"group {i}" if groups > 1 else "learning rate",
            epochs,
            [number(rate[i]) if i < len(rate) else math.nan for rate in rates],
            kind="line",
        )
        for i in range(groups)
    ]
    return [s for s in series if not s.empty]


def _wants_log(series: Iterable[Series], *, above_one: bool) -> bool:
    """Whether values vary so much; shares and probabilities, which end at 1, stay linear."""
    values = [v for s in series for v in s.y if math.isfinite(v)]
    low, high = min(values), max(values)
    return low > 0 and high / low > _DECADES and (high > 1 or not above_one)


def _own(key: str, taken: set[str]) -> str:
    """A name of its own for files, even where case does not count; it is taken from now on."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", key).strip("_") or "quantity"
    tries = (f"{name}-{i}" if i > 1 else name for i in range(1, len(taken) + 2))
    own = next(t for t in tries if t.lower() not in taken)
    taken.add(own.lower())
    return own


__all__ = ["ALL_TASKS", "SECTION", "LearningCurves", "learning_curves"]

"""What the learning curves show: a panel for each quantity, with gaps where it could not be measured."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from attrs import evolve
from attrs import frozen

from gammalearn_core.reporting.quantities import FEW
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.quantities import Quantity
from gammalearn_core.reporting.quantities import number

_DECADES = 30.0
"""A logarithmic axis shows what varies by more than this factor."""


@frozen
class Curve:
    """Values by epoch, NaN where there is none; ``few`` says which are of too few samples."""

    label: str
    values: tuple[float, ...]
    few: tuple[bool, ...]

    @property
    def measured(self) -> list[float]:
        """The values that are there."""
        return [v for v in self.values if not math.isnan(v)]


@frozen
class Panel:
    """One pair of axes, and the name of its file without ending."""

    file: str
    label: str
    epochs: tuple[int, ...]
    curves: tuple[Curve, ...]
    best: int | None
    log: bool


@frozen
class Panels:
    """All panels by task (the first, of no task, has the joint loss), and the quantities that were never measured."""

    groups: dict[str, list[Panel]]
    never: list[str]

    @property
    def all(self) -> list[Panel]:
        """All panels, one after the other."""
        return [panel for panels in self.groups.values() for panel in panels]


def panels(
    history: Sequence[Mapping[str, Any]],
    quantities: Quantities,
    *,
    best: int | None,
    samples: Mapping[str, Any],
) -> Panels:
    """Panels of a history.

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
        return Panels({}, [])
    epochs = tuple(range(min(lines), max(lines) + 1))
    ordered = [lines.get(epoch, {}) for epoch in epochs]
    best = best if best in epochs else None
    keys = [key for line in ordered for split in ("train", "validation") for key in line.get(split) or {}]
    groups: dict[str, list[Panel]] = {}
    never = []
    for task, found in quantities.by_task(keys).items():
        for quantity in found:
            curves = [_curve(ordered, split, quantity, samples) for split in ("train", "validation")]
            shown = tuple(c for c in curves if c.measured)
            if shown:
                log = _wants_log(shown, above_one=quantity.name != "loss")
                panel = Panel(_file(quantity.key), quantity.label, epochs, shown, best, log)
                groups.setdefault(task, []).append(panel)
            else:
                never.append(quantity.key)
    rates = _learning_rates(ordered)
    if rates:
        log = _wants_log(rates, above_one=False)
        groups.setdefault("", []).append(Panel("learning_rate", "learning rate", epochs, rates, best, log))
    return Panels(_with_own_files(groups), never)


def _curve(lines: Sequence[Mapping[str, Any]], split: str, quantity: Quantity, samples: Mapping[str, Any]) -> Curve:
    found = [line.get(split) or {} for line in lines]
    if quantity.task:
        counts = [number(values.get(f"{quantity.task}/n")) for values in found]
    else:
        counts = [number(samples.get(split))] * len(found)
    return Curve(split, tuple(number(values.get(quantity.key)) for values in found), tuple(n < FEW for n in counts))


def _learning_rates(lines: Sequence[Mapping[str, Any]]) -> tuple[Curve, ...]:
    rates = [line.get("learning_rate") or [] for line in lines]
    groups = max(map(len, rates), default=0)
    curves = [
        Curve(
            f"group {i}" if groups > 1 else "",
            tuple(number(rate[i]) if i < len(rate) else math.nan for rate in rates),
            (False,) * len(rates),
        )
        for i in range(groups)
    ]
    return tuple(c for c in curves if c.measured)


def _wants_log(curves: Iterable[Curve], *, above_one: bool) -> bool:
    """Whether values vary so much; shares and probabilities, which end at 1, stay linear."""
    values = [v for curve in curves for v in curve.measured]
    low, high = min(values), max(values)
    return low > 0 and high / low > _DECADES and (high > 1 or not above_one)


def _file(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", key).strip("_") or "quantity"


def _with_own_files(groups: Mapping[str, Sequence[Panel]]) -> dict[str, list[Panel]]:
    """No two files have the same name, not even where case does not count."""
    taken: set[str] = set()

    def own(panel: Panel) -> Panel:
        names: Callable[[int], str] = lambda i: f"{panel.file}-{i}" if i > 1 else panel.file  # noqa: E731
        file = next(names(i) for i in range(1, len(taken) + 2) if names(i).lower() not in taken)
        taken.add(file.lower())
        return evolve(panel, file=file)

    return {task: [own(panel) for panel in members] for task, members in groups.items()}


__all__ = ["Curve", "Panel", "Panels", "panels"]

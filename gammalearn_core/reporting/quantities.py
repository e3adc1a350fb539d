"""Names of the numbers in ``metrics.json`` and ``metrics.jsonl``: their task, their definition, their unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from gammalearn_core.reporting.charts import FEW

_NAMED = re.compile(r"(\w+): (.+)", re.DOTALL)
_UNIT = re.compile(r", in (\S{1,12})$")


@frozen
class Quantity:
    """One number of a split, such as ``energy/bias``; the task of ``loss`` is empty."""

    key: str
    task: str
    name: str
    definition: str = ""

    @property
    def unit(self) -> str:
        """What follows ``, in`` at the end of the definition."""
        found = _UNIT.search(self.definition)
        return found[1] if found else ""

    @property
    def label(self) -> str:
        """Name and unit, for an axis: ``direction: median [deg]``."""
        name = f"{self.task}: {self.name}" if self.task else self.name
        return f"{name} [{self.unit}]" if self.unit else name


class Quantities:
    """Looks numbers up in what the experiment and its results say of them.

    Parameters
    ----------
    experiment : mapping
        Content of ``experiment.json``.
    definitions : mapping of str to str
        From ``metrics.json``: ``loss``, and ``<task>: <id of a metric>``.

    Examples
    --------
    >>> quantities = Quantities({"losses": {"direction": {}}}, {"direction: core.angular_error": "quantile, in deg"})
    >>> quantities.of("direction/median").label
    'direction: median [deg]'
    """

    def __init__(self, experiment: Mapping[str, Any], definitions: Mapping[str, str]) -> None:
        self._losses: Mapping[str, Mapping[str, Any]] = experiment.get("losses") or {}
        self._definitions = definitions
        self._metrics: dict[str, dict[str, str]] = {task: {} for task in self._losses}
        for key, text in definitions.items():
            task, colon, id = key.rpartition(": ")
            if colon:
                self._metrics.setdefault(task, {})[id] = text

    @property
    def tasks(self) -> list[str]:
        """Tasks in the order of the settings."""
        return list(self._losses)

    def of(self, key: str) -> Quantity:
        """The number of this key."""
        owners = [t for t in self._metrics if key.startswith(f"{t}/")]
        task = max(owners, key=len, default=key.rpartition("/")[0])
        name = key[len(task) + 1 :] if task else key
        return Quantity(key, task, name, self._definition(task, name))

    def by_task(self, keys: Iterable[str]) -> dict[str, list[Quantity]]:
        """Each key once: those of no task first, then by task; losses before metrics, counts left out."""
        found = [self.of(key) for key in dict.fromkeys(keys)]
        groups: dict[str, list[Quantity]] = {task: [] for task in ["", *self.tasks]}
        for quantity in sorted(found, key=lambda q: q.name != "loss"):
            if quantity.name != "n":
                groups.setdefault(quantity.task, []).append(quantity)
        return {task: quantities for task, quantities in groups.items() if quantities}

    def _definition(self, task: str, name: str) -> str:
        if name == "loss":
            loss = component(self._losses.get(task))
            return (
                f"{loss}, weighted mean over the samples that have truth" if loss else self._definitions.get(name, "")
            )
        metrics = self._metrics.get(task, {})
        parts = {id: _parts(text) for id, text in metrics.items()}
        for named in parts.values():
            if name in named:
                return named[name]
        for id, text in metrics.items():
            if id.rpartition(".")[2] == name:
                return text
        # A metric may give numbers that its definition does not name one by one, such as the core's angular_error.
        return "; ".join(text for id, text in metrics.items() if not parts[id])


def _parts(text: str) -> dict[str, str]:
    """Definitions by name of a text that reads ``name: what; name: what``; empty if it does not."""
    found = [_NAMED.fullmatch(part) for part in text.split("; ")]
    return {match[1]: match[2] for match in found if match} if all(found) else {}


def component(description: Mapping[str, Any] | None) -> str:
    """Id of a component of ``experiment.json``, or the name of a callable of the user's; empty if there is none."""
    return str((description or {}).get("component") or (description or {}).get("callable") or "")


def number(value: object) -> float:
    """A number of a JSON file; NaN if it is null, missing or not finite, that is, could not be measured."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return math.nan


__all__ = ["FEW", "Quantities", "Quantity", "component", "number"]

"""What two runs gave, compared: weights and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from gammalearn_core.engine.folder import RunFolder

_WEIGHTS = {"weights_sha256": "last weights", "best_weights_sha256": "tested weights"}


@frozen(kw_only=True)
class Comparison:
    """Which results are the same."""

    weights: Mapping[str, bool]
    """By name: whether the checksums agree."""
    numbers: int
    """How many numbers of ``metrics.json`` were compared."""
    others: tuple[tuple[str, float | None, float | None], ...]
    """Those that differ: name, then and now; the largest relative difference first."""
    epoch: int | None
    """The first epoch in which a loss or metric of ``metrics.jsonl`` differs."""

    @property
    def identical(self) -> bool:
        """Whether all is the same."""
        return all(self.weights.values()) and not self.others


def compare(then: RunFolder, now: RunFolder, before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare the results of two runs; ``before`` and ``after`` are what their ``run.json`` say."""
    numbers, others = _numbers(then), _numbers(now)
    differing = [
        (name, numbers.get(name), others.get(name))
        for name in dict.fromkeys([*numbers, *others])
        if name not in numbers or name not in others or numbers[name] != others[name]
    ]
    differing.sort(key=lambda item: -_distance(item[1], item[2]))
    return Comparison(
        weights={text: before.get(name) == after.get(name) for name, text in _WEIGHTS.items()},
        numbers=len(numbers),
        others=tuple(differing),
        epoch=_first_epoch(then, now),
    )


def _numbers(folder: RunFolder) -> dict[str, float | None]:
    """Numbers of ``metrics.json`` by split and name; None stands for NaN and infinity."""
    results = folder.read_json(folder.metrics_json)
    splits = results.get("splits") if isinstance(results, dict) else None
    return dict(_flat("", splits if isinstance(splits, dict) else {}))


def _flat(place: str, value: object) -> Iterator[tuple[str, float | None]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{place} {name}".strip(), inner)
    elif value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        yield place, value


def _distance(then: float | None, now: float | None) -> float:
    if then is None or now is None:
        return math.inf
    return abs(then - now) / max(abs(then), abs(now), 1e-300)


def _first_epoch(then: RunFolder, now: RunFolder) -> int | None:
    before, after = _epochs(then), _epochs(now)
    return next((epoch for epoch in before if epoch in after and before[epoch] != after[epoch]), None)


def _epochs(folder: RunFolder) -> dict[int, tuple[object, object]]:
    lines: list[Any] = folder.history()
    known = [line for line in lines if isinstance(line, dict) and isinstance(line.get("epoch"), int)]
    return {line["epoch"]: (line.get("train"), line.get("validation")) for line in known}


__all__ = ["Comparison", "compare"]

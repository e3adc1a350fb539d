"""Whether what the loader makes of a damaged file is right."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Literal

from attrs import frozen

from damage.kinds import Effect
from damage.seeing import Seen
from damage.seeing import compare
from gammalearn_core.errors import DataError

Outcome = Literal["same", "explained", "error", "silent", "wrong", "died", "hung"]
FAILURES = ("wrong", "died", "hung")
"""What must never happen. ``silent`` is a change that no checksum and no comparison has found."""


@frozen
class Verdict:
    """What became of one damaged file."""

    outcome: Outcome
    why: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


def judge_data(effect: Effect, before: Seen, after: Seen) -> Verdict:
    """What was read without an error, beside what was read before the damage."""
    differences, gone, new = compare(before, after)
    told = "; ".join(
        [f"{d.column} ({d.count}: {', '.join(f'{v:g}' for v in d.values[:3])})" for d in differences]
        + [f"{gone} images gone"] * bool(gone)
        + [f"{new} images new"] * bool(new)
    )
    bad: Outcome = "silent" if effect.unchecked else "wrong"
    if effect.refused:
        return Verdict(bad, f"no error; {told or 'the same values'}")
    if not told:
        return Verdict("same")
    unexplained = [d for d in differences if not _explained(effect, d.column, d.values)]
    if unexplained or ((gone or new) and not effect.images):
        return Verdict(bad, told)
    return Verdict("explained", told)


def judge_error(effect: Effect, file: str, error: BaseException, place: str) -> Verdict:
    """What was said of a file."""
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, DataError):
        return Verdict("wrong", f"{text} {place}")
    if file not in text:
        return Verdict("wrong", f"the file is not named: {text}")
    if effect.shuffled:
        return Verdict("wrong", f"refused, although it says the same: {text}")
    return Verdict("error", text.replace(file, "FILE"))


def _explained(effect: Effect, column: str, values: tuple[float, ...]) -> bool:
    if not _may_differ(column, effect.columns):
        return False
    return effect.values is None or all(_among(v, effect.values) for v in values)


def _may_differ(column: str, patterns: tuple[str, ...]) -> bool:
    excluded = any(fnmatch(column, p[1:]) for p in patterns if p.startswith("!"))
    return not excluded and any(fnmatch(column, p) for p in patterns)


def _among(value: float, values: tuple[float, ...]) -> bool:
    return any(value == v or (value != value and v != v) for v in values)


__all__ = ["FAILURES", "Outcome", "Verdict", "judge_data", "judge_error"]

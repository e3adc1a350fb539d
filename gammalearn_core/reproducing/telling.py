"""What ``gammalearn reproduce`` says."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from gammalearn_core.reproducing.facts import Difference
from gammalearn_core.reproducing.results import Comparison

_SHOWN = 12
_CHANCE = (
    "nothing that is recorded differs. With more than one thread, sums may be added in another order: threads=1 is"
    " exact. Code of your own that reads the clock, the environment or other files cannot be repeated"
)


def printable(text: str) -> str:
    r"""A text without what would steer a terminal: folders can come from strangers.

    Examples
    --------
    >>> printable("2.0\x1b[2J")
    '2.0?[2J'
    """
    return "".join(c if c.isprintable() else "?" for c in text)


def facts_told(found: Sequence[Difference]) -> Iterator[str]:
    """Facts that differ, the likeliest cause first."""
    if not found:
        yield "what it was made of: no recorded fact differs"
        return
    yield "what it was made of: these facts differ"
    yield from (f"  {difference}" for difference in found[:_SHOWN])
    if len(found) > _SHOWN:
        yield f"  and {len(found) - _SHOWN} more"


def sessions_told(record: Mapping[str, Any]) -> Iterator[str]:
    """Whether a run that went on did so with other versions, which only its last session is compared by."""
    earlier = record.get("earlier")
    known = [e for e in earlier if isinstance(e, dict)] if isinstance(earlier, list) else []
    if any(session.get(n, record.get(n)) != record.get(n) for session in known for n in ("plugins", "environment")):
        yield "the run went on with other versions than it began with; those of the end are compared"


def verdict(found: Sequence[Difference], results: Comparison, *, told: Sequence[Difference] = ()) -> Iterator[str]:
    """Whether the results are the same and, if not, why; facts that were ``told`` before are not told again."""
    yield from (f"  {difference}" for difference in found if difference not in told)
    for name, same in results.weights.items():
        yield f"{name}: {'identical' if same else 'different'}"
    yield f"numbers: {_numbers(results)}"
    if results.identical:
        yield "identical" + (", though facts differ" if found else "")
        return
    yield "different" + (f", from epoch {results.epoch} on" if results.epoch else "")
    yield f"likeliest cause: {found[0]}" if found else _CHANCE


def _numbers(results: Comparison) -> str:
    if not results.others:
        return f"all {results.numbers} identical" if results.numbers else "the run has none"
    name, then, now = results.others[0]
    return f"{len(results.others)} of {results.numbers} differ, most {name}: {then!r} then, {now!r} now"


__all__ = ["facts_told", "printable", "sessions_told", "verdict"]

"""Whether a run that goes on from a checkpoint is the run that went on without."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.engine.rehearsal.small import SmallRun
from gammalearn_core.engine.rehearsal.watching import HANDLERS
from gammalearn_core.engine.rehearsal.watching import LOADING
from gammalearn_core.engine.rehearsal.watching import OPTIMIZER
from gammalearn_core.engine.rehearsal.watching import Look
from gammalearn_core.engine.rehearsal.watching import Watch
from gammalearn_core.engine.rehearsal.watching import digest
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.state import state_of

_PARTS = "part:"
"""Prefix of the names in a checkpoint of what components keep."""
_WHY = {
    LOADING: "other numbers are read for the same rows: a loader must always give the same",
    OPTIMIZER: "it changes the weights by other amounts, though predictions and losses are the same: its state_dict()"
    " does not hold all that it remembers, or a handler sets its parameters by something that the checkpoint does not"
    " hold",
    HANDLERS: "one of them changes the weights by something that the checkpoint does not hold",
}
_HIDDEN = (
    "it gives other numbers: it remembers something that the checkpoint does not hold, or draws random numbers of its"
    " own. What it remembers belongs in state_dict() and load_state_dict(); random numbers must come from torch, or"
    " from the generator that a transform is given"
)


def digests(small: SmallRun) -> dict[str, str]:
    """Checksums of all that a checkpoint holds, by name."""
    state = state_of(small.running, small.loop.progress, small.loop.epoch_length)
    return {name: digest(value) for name, value in state.items()}


def compare_splits(one: Mapping[str, NDArray[np.int64]], other: Mapping[str, NDArray[np.int64]]) -> str:
    """What differs between the splits of the same settings, made twice; empty if nothing does."""
    differ = [name for name in one if not np.array_equal(one[name], other[name])]
    if not differ:
        return ""
    counts = ", ".join(f"{name} had {len(one[name])} samples, then {len(other[name])}" for name in differ)
    return (
        f"they keep other events when they are made again ({counts}), so that a run could not go on: a filter must keep"
        " the same events each time"
    )


def compare_steps(without: Watch, after: Watch) -> tuple[str, str] | None:
    """The first component that gives something else in the steps after a reload: its place, and why. None if none does.

    Parameters
    ----------
    without : Watch
        Of the run that went on; its last steps are compared.
    after : Watch
        Of the one that went on from the checkpoint.
    """
    if not after.steps:
        return None
    for one, other in zip(without.steps[-len(after.steps) :], after.steps, strict=False):
        different = _first(one, other)
        if different is not None:
            return different, _WHY.get(different.partition(" ")[0], _HIDDEN)
    return None


def _first(one: Sequence[Look], other: Sequence[Look]) -> str | None:
    for before, now in zip(one, other, strict=False):
        if before != now:
            return now.place
    return other[len(one)].place if len(other) > len(one) else None


def compare_states(without: Mapping[str, str], after: Mapping[str, str], running: RunningExperiment) -> Iterator[str]:
    """Names of what a checkpoint at the end of the epoch would hold otherwise than without the reload."""
    for name in dict.fromkeys([*without, *after]):
        if without.get(name) != after.get(name):
            yield _named(name, running)


def _named(name: str, running: RunningExperiment) -> str:
    short = name.removeprefix(_PARTS)
    for kind in ("handler", "transform"):
        number = short.removeprefix(kind)
        if number.isdecimal():
            where = f"{kind}s[{number}]"
            return f"{where} {running.built.parts[where].ref.label}" if where in running.built.parts else where
    return short


def handlers_without_state(running: RunningExperiment) -> list[str]:
    """Handlers that a checkpoint holds nothing of."""
    parts = [p for p in running.built.parts.values() if p.kind == "handler"]
    return [
        f"{part.where} {part.ref.label}"
        for part, handler in zip(parts, running.handlers, strict=False)
        if not hasattr(handler, "state_dict")
    ]


__all__ = ["compare_splits", "compare_states", "compare_steps", "digests", "handlers_without_state"]

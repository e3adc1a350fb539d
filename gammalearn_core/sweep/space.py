"""Values of settings as ``--set`` takes them, drawn from a search space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gammalearn_core.settings.search import Space

if TYPE_CHECKING:
    from optuna.trial import Trial


def written(space: Space) -> str:
    """The space as a settings file writes it.

    Examples
    --------
    >>> written(Space(kind="log_uniform", low=1e-4, high=1e-2))
    'log_uniform(0.0001, 0.01)'
    """
    if space.kind == "choice":
        return f"choice({list(space.choices)!r})"
    return f"{space.kind}({space.low!r}, {space.high!r})"


def samples(space: Space) -> list[str]:
    """Values that stand for all: every choice, or both ends.

    Examples
    --------
    >>> samples(Space(kind="choice", choices=("core.adam", [16, 32])))
    ["'core.adam'", '[16, 32]']
    """
    if space.kind == "choice":
        # As texts, since 1, 1.0 and True are one value for Optuna, and lists are none that it keeps.
        return list(dict.fromkeys(repr(value) for value in space.choices))
    if space.kind == "integers":
        return [repr(int(space.low)), repr(int(space.high))]
    return [repr(float(space.low)), repr(float(space.high))]


def suggest(trial: Trial, search: Mapping[str, Space]) -> dict[str, str]:
    """Values for a trial, those that it has already or new ones, as texts."""
    return {key: _suggest(trial, key, space) for key, space in search.items()}


def _suggest(trial: Trial, key: str, space: Space) -> str:
    if space.kind == "choice":
        return str(trial.suggest_categorical(key, samples(space)))
    if space.kind == "integers":
        return repr(int(trial.suggest_int(key, int(space.low), int(space.high))))
    return repr(float(trial.suggest_float(key, space.low, space.high, log=space.kind == "log_uniform")))


def overrides(values: Mapping[str, str]) -> list[str]:
    """``key=value`` of each."""
    return [f"{key}={value}" for key, value in values.items()]


def short(value: str) -> str:
    """A value for people: four digits of a number.

    Examples
    --------
    >>> short("0.0012345678"), short("[16, 32]"), short("64"), short("'core.adam'")
    ('0.001235', '[16, 32]', '64', 'core.adam')
    """
    try:
        return value if value.lstrip("-").isdigit() else f"{float(value):.4g}"
    except ValueError:
        return value.strip("'")


__all__ = ["overrides", "samples", "short", "suggest", "written"]

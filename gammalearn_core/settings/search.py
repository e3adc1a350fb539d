"""What settings may be that a sweep varies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


@frozen(kw_only=True)
class Space:
    """What one setting may be; made by `uniform`, `log_uniform`, `integers` and `choice`."""

    kind: Literal["uniform", "log_uniform", "integers", "choice"]
    low: float = 0.0
    high: float = 0.0
    choices: tuple[object, ...] = ()
    """Numbers, texts, booleans, None, and lists of these."""


def uniform(low: float, high: float) -> Space:
    """Any number from ``low`` to ``high``.

    Examples
    --------
    >>> uniform(0.0, 0.5).high
    0.5
    """
    return _between("uniform", low, high)


def log_uniform(low: float, high: float) -> Space:
    """Any number from ``low`` to ``high``, each factor of ten alike; both are above 0.

    Examples
    --------
    >>> log_uniform(1e-4, 1e-2).low
    0.0001
    """
    if _is_number(low) and low <= 0:
        raise SettingsError([Problem("log_uniform", f"must begin above 0, got {low!r}")])
    return _between("log_uniform", low, high)


def integers(low: int, high: int) -> Space:
    """Any whole number from ``low`` to ``high``, both included.

    Examples
    --------
    >>> integers(1, 4).kind
    'integers'
    """
    if not all(isinstance(v, int) for v in (low, high)):
        raise SettingsError([Problem("integers", f"expected two whole numbers, got {low!r} and {high!r}")])
    return _between("integers", low, high)


def choice(choices: Sequence[object]) -> Space:
    """One of several values.

    Examples
    --------
    >>> choice([16, 32, 64]).choices
    (16, 32, 64)
    """
    if isinstance(choices, str) or not isinstance(choices, Sequence) or not choices:
        raise SettingsError([Problem("choice", f"expected a list of values, got {choices!r}")])
    for value in choices:
        if not _is_literal(value):
            what = f"expected numbers, texts, booleans, None or lists of these, got {value!r}"
            raise SettingsError([Problem("choice", what)])
    return Space(kind="choice", choices=tuple(choices))


def _between(kind: Literal["uniform", "log_uniform", "integers"], low: float, high: float) -> Space:
    if not _is_number(low) or not _is_number(high):
        raise SettingsError([Problem(kind, f"expected two finite numbers, got {low!r} and {high!r}")])
    if low >= high:
        raise SettingsError([Problem(kind, f"the first number must be below the second, got {low!r} and {high!r}")])
    return Space(kind=kind, low=low, high=high)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_literal(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_literal, value))
    return value is None or isinstance(value, (bool, int, float, str))


__all__ = ["Space", "choice", "integers", "log_uniform", "uniform"]

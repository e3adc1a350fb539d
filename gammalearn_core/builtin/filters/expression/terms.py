"""Parts of a condition, which are numbers or conditions themselves."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from gammalearn_core.builtin.filters.expression.operations import Values
from gammalearn_core.builtin.filters.expression.tokens import NotUnderstoodError


@frozen
class Term:
    """A part of a condition: what it is, where it begins, and how it is computed from columns."""

    kind: Literal["number", "condition"]
    place: int
    compute: Callable[[Mapping[str, Values]], Values]


def number(term: Term) -> Term:
    """The term, which must be a number."""
    if term.kind != "number":
        raise NotUnderstoodError("expected a number here, and this is a condition", term.place)
    return term


def condition(term: Term) -> Term:
    """The term, which must be a condition."""
    if term.kind != "condition":
        hint = "compare it with something: hillas_intensity > 50"
        raise NotUnderstoodError("expected a condition here, and this is a number", term.place, hint)
    return term


__all__ = ["Term", "condition", "number"]

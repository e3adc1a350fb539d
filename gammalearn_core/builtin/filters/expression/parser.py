"""The grammar of conditions. Nothing of Python is executed: what is not in here does not exist."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Literal

import numpy as np

from gammalearn_core.builtin.filters.expression.operations import ARITHMETIC
from gammalearn_core.builtin.filters.expression.operations import COMPARISONS
from gammalearn_core.builtin.filters.expression.operations import FUNCTIONS
from gammalearn_core.builtin.filters.expression.operations import Values
from gammalearn_core.builtin.filters.expression.operations import chain
from gammalearn_core.builtin.filters.expression.operations import member
from gammalearn_core.builtin.filters.expression.terms import Term
from gammalearn_core.builtin.filters.expression.terms import condition
from gammalearn_core.builtin.filters.expression.terms import number
from gammalearn_core.builtin.filters.expression.tokens import NotUnderstoodError
from gammalearn_core.builtin.filters.expression.tokens import Token
from gammalearn_core.plugin.names import suggest

_DEEPEST = 25
"""Levels of brackets, functions and powers."""


class Parser:
    """Reads tokens from left to right, one method a level of the grammar.

    Raises
    ------
    NotUnderstoodError
        They are no condition on columns.
    """

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._position = 0
        self._depth = 0
        self.columns: dict[str, None] = {}

    def parse(self) -> Term:
        """The whole text, which must be a condition on at least one column."""
        if self._ahead().kind == "end":
            raise NotUnderstoodError("there is no condition", 0, "write one such as 'hillas_intensity > 50'")
        term = self._any()
        if self._ahead().kind != "end":
            raise self._unexpected("an operator")
        term = condition(term)
        if not self.columns:
            raise NotUnderstoodError("names no column, so it would keep everything or nothing", 0)
        return term

    def _ahead(self) -> Token:
        return self._tokens[self._position]

    def _sees(self, *signs: str) -> bool:
        return self._ahead().kind == "sign" and self._ahead().text in signs

    def _take(self) -> Token:
        token = self._ahead()
        self._position += 1
        return token

    def _unexpected(self, wanted: str) -> NotUnderstoodError:
        token = self._ahead()
        found = "the end" if token.kind == "end" else repr(token.written)
        return NotUnderstoodError(f"expected {wanted}, found {found}", token.place)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotUnderstoodError(f"goes deeper than {_DEEPEST} levels", self._ahead().place, "write several cuts")
        yield
        self._depth -= 1

    def _close(self, sign: str, opened: Token) -> None:
        if not self._sees(sign):
            if self._ahead().kind == "end":
                raise NotUnderstoodError(f"this {opened.text!r} is never closed", opened.place)
            raise self._unexpected(f"an operator or {sign!r}")
        self._take()

    def _any(self) -> Term:
        return self._joined("|", np.logical_or, self._all)

    def _all(self) -> Term:
        return self._joined("&", np.logical_and, self._negated)

    def _joined(self, sign: str, join: Callable[[Values, Values], Values], part: Callable[[], Term]) -> Term:
        """Conditions with one sign between them."""
        parts = [part()]
        while self._sees(sign):
            self._take()
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        computed = [condition(p).compute for p in parts]
        return Term("condition", parts[0].place, lambda c: reduce(join, (compute(c) for compute in computed)))

    def _negated(self) -> Term:
        if not self._sees("~"):
            return self._comparison()
        place, turns = self._ahead().place, 0
        while self._sees("~"):
            self._take()
            turns += 1
        compute = condition(self._comparison()).compute
        return Term("condition", place, compute if turns % 2 == 0 else lambda c: np.logical_not(compute(c)))

    def _comparison(self) -> Term:
        first = self._sum()
        if self._sees("in", "~"):
            return self._membership(first)
        parts, operators = [first], []
        while self._sees(*COMPARISONS):
            operators.append(self._take().text)
            parts.append(self._sum())
        if not operators:
            return first
        computed = [number(p).compute for p in parts]
        return Term("condition", first.place, lambda c: chain([compute(c) for compute in computed], operators))

    def _membership(self, first: Term) -> Term:
        """``x in [1, 2]`` and ``x not in [1, 2]``."""
        inside = not self._sees("~")
        if not inside:
            self._take()
        if not self._sees("in"):
            raise self._unexpected("'in'")
        self._take()
        numbers, compute = self._list(), number(first).compute
        return Term("condition", first.place, lambda c: member(compute(c), numbers, inside=inside))

    def _list(self) -> list[float]:
        if not self._sees("["):
            raise self._unexpected("a list such as [1, 2]")
        opened, numbers = self._take(), [self._signed_number()]
        while self._sees(","):
            self._take()
            numbers.append(self._signed_number())
        self._close("]", opened)
        return numbers

    def _signed_number(self) -> float:
        sign = self._take().text if self._sees("+", "-") else "+"
        if self._ahead().kind != "number":
            raise self._unexpected("a number")
        return float(f"{sign}{self._take().text}")

    def _sum(self) -> Term:
        return self._arithmetic(("+", "-"), self._product)

    def _product(self) -> Term:
        return self._arithmetic(("*", "/", "%"), self._signed)

    def _arithmetic(self, signs: Iterable[str], part: Callable[[], Term]) -> Term:
        """Numbers with signs of one level between them, from left to right."""
        first = part()
        rest = []
        while self._sees(*signs):
            operation = ARITHMETIC[self._take().text]
            rest.append((operation, number(part()).compute))
        if not rest:
            return first
        start = number(first).compute
        return Term(
            "number", first.place, lambda c: reduce(lambda value, step: step[0](value, step[1](c)), rest, start(c))
        )

    def _signed(self) -> Term:
        if not self._sees("+", "-"):
            return self._power()
        place, minus = self._ahead().place, False
        while self._sees("+", "-"):
            minus ^= self._take().text == "-"
        compute = number(self._power()).compute
        return Term("number", place, (lambda c: np.negative(compute(c))) if minus else compute)

    def _power(self) -> Term:
        base = self._atom()
        if not self._sees("**"):
            return base
        with self._deeper():
            self._take()
            exponent = number(self._signed()).compute
        compute = number(base).compute
        return Term("number", base.place, lambda c: np.power(compute(c), exponent(c)))

    def _atom(self) -> Term:
        if self._sees("("):
            with self._deeper():
                opened = self._take()
                term = self._any()
                self._close(")", opened)
            return Term(term.kind, opened.place, term.compute)
        if self._ahead().kind not in ("number", "name"):
            raise self._unexpected("a number, a column or '('")
        token = self._take()
        if token.kind == "number":
            value = np.array(float(token.text))
            return Term("number", token.place, lambda c: value)
        if self._sees("("):
            return self._call(token)
        self.columns.setdefault(token.text)
        return Term("number", token.place, lambda c: c[token.text])

    def _call(self, name: Token) -> Term:
        function = FUNCTIONS.get(name.text)
        if function is None:
            hint = suggest(name.text, FUNCTIONS) or f"there are {', '.join(FUNCTIONS)}"
            raise NotUnderstoodError(f"there is no function {name.text!r}", name.place, hint)
        with self._deeper():
            opened = self._take()
            given = [] if self._sees(")") else [number(self._any())]
            while self._sees(","):
                self._take()
                given.append(number(self._any()))
            self._close(")", opened)
        if len(given) != function.arguments:
            raise NotUnderstoodError(f"{name.text} takes {function.arguments} values, got {len(given)}", name.place)
        kind: Literal["number", "condition"] = "condition" if function.truth else "number"
        return Term(kind, name.place, lambda c: function.compute(*(term.compute(c) for term in given)))


__all__ = ["Parser"]

"""From text to numbers, names and signs, each with its place; and how a place is shown."""

from __future__ import annotations

import math
import re
from typing import Literal

from attrs import frozen

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/%<>&|~()\[\],])",
    re.ASCII,
)
_WORDS = {"and": "&", "or": "|", "not": "~", "in": "in"}
"""Words that are signs."""
_FOREIGN = {
    "=": "write == to compare",
    "!": "write ~, or != to compare",
    "^": "write ** for a power",
    '"': "columns hold numbers, not texts",
    "'": "columns hold numbers, not texts",
    ".": "only columns can be named, not what belongs to them",
}
_LONGEST = 2000
_SHOWN = 100
"""Characters of a line that are shown around a place."""

Kind = Literal["number", "name", "sign", "end"]


class NotUnderstoodError(Exception):
    """The text is no condition: what is wrong, where, and what to do."""

    def __init__(self, what: str, place: int, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.hint = hint


@frozen
class Token:
    """A piece of the text."""

    kind: Kind
    text: str
    """Words that are signs as the sign."""
    place: int
    written: str


def tokens(text: str) -> list[Token]:
    """All pieces, and one of the kind ``end``.

    Raises
    ------
    NotUnderstoodError
        The text is too long, or a character means nothing.

    Examples
    --------
    >>> [t.text for t in tokens("x >= 2 and y")]
    ['x', '>=', '2', '&', 'y', '']
    """
    if len(text) > _LONGEST:
        raise NotUnderstoodError(f"it is longer than {_LONGEST} characters", 0, "write several cuts")
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NotUnderstoodError(f"{text[place]!r} means nothing here", place, _FOREIGN.get(text[place], ""))
        if match.lastgroup != "space":
            found.append(_token(text, match))
        place = match.end()
    return [*found, Token("end", "", len(text.rstrip()), "")]


def _token(text: str, match: re.Match[str]) -> Token:
    word, place = match.group(), match.start()
    if match.lastgroup == "number":
        _check_number(text, match)
        return Token("number", word, place, word)
    if word in _WORDS or match.lastgroup == "sign":
        return Token("sign", _WORDS.get(word, word), place, word)
    return Token("name", word, place, word)


def _check_number(text: str, match: re.Match[str]) -> None:
    word, place, rest = match.group(), match.start(), text[match.end() : match.end() + 1]
    if rest.isalnum() or rest in ("_", "."):
        raise NotUnderstoodError(f"'{word}{rest}…' is neither a number nor a name", place, "units are not written")
    if not math.isfinite(float(word)) or (word.isdigit() and int(word) != float(word)):
        raise NotUnderstoodError(f"the number {word[:20]} is too large to compare with", place)


def pointed(text: str, place: int) -> str:
    """The line of a place, with a sign below it.

    Examples
    --------
    >>> print(pointed("x > & y", 4))
    x > & y
        ^
    """
    start = text.rfind("\n", 0, place) + 1
    line, column = text[start:].partition("\n")[0], place - start
    first = max(0, column - _SHOWN // 2) if len(line) > _SHOWN else 0
    shown = "".join(c if c.isprintable() else " " for c in line[first : first + _SHOWN])
    before, after = "…" if first else "", "…" if len(line) > first + _SHOWN else ""
    return f"{before}{shown}{after}\n{' ' * (column - first + len(before))}^"


__all__ = ["Kind", "NotUnderstoodError", "Token", "pointed", "tokens"]

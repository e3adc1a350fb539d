"""What the rehearsal prints: headings, sentences and aligned tables of at most 100 columns, on a terminal or not."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

_WIDTH = 100
_INDENT = 2
_GAP = "  "


class Page:
    """Printed as it grows, so that what is known is there when the rest fails."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False)
        columns = shutil.get_terminal_size((_WIDTH, 24)).columns
        self._width = max(40, min(_WIDTH, columns))

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._print("")
        self._print(text, style="bold")

    def line(self, text: str, *, indent: int = _INDENT) -> None:
        """A sentence, wrapped; lines that it has stay lines."""
        for part in text.splitlines() or [""]:
            before, after = " " * indent, " " * (indent + _INDENT)
            lines = textwrap.wrap(part, self._width, initial_indent=before, subsequent_indent=after)
            for line in lines or [""]:
                self._print(line)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
        """Rows under a head; the first ``left`` columns are texts, the others numbers. A lone cell may be long."""
        whole = [head, *(row for row in rows if len(row) > 1)]
        widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
        for row in [head, *rows]:
            cells = [c.ljust(w) if n < left else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=False))]
            self._print((" " * _INDENT + _GAP.join(cells)).rstrip(), style="dim" if row is head else "")

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


def digits(value: float) -> str:
    """A number in four digits, or a dash if there is none.

    Examples
    --------
    >>> digits(1234567.0), digits(0.123456), digits(float("inf")), digits(3.0)
    ('1.235e+06', '0.1235', '-', '3')
    """
    return f"{value:.4g}" if math.isfinite(value) else "-"


def duration(seconds: float) -> str:
    """A time in words.

    Examples
    --------
    >>> duration(0.012), duration(42.2), duration(600), duration(7300), duration(200000)
    ('12 ms', '42 s', '10 min', '2.0 h', '2.3 days')
    """
    for limit, unit, name in ((1, 1e-3, "ms"), (120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


__all__ = ["Page", "digits", "duration"]

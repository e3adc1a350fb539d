"""Printing what is known of files, with colours on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.text import block
from gammalearn_core.inspecting.text import printable
from gammalearn_core.inspecting.text import total

_WIDEST = 120
_STYLES = {r"\A.+": "bold", r"^  error\b": "bold red", r"^  warning\b": "bold yellow"}


class Screen:
    """The terminal, or whatever the output goes to: there are no colours and no progress then."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._error = Console(stderr=True, highlight=False, markup=False, emoji=False)

    @property
    def _width(self) -> int:
        return min(self._out.width, _WIDEST)

    def show(self, info: FileInfo, *, first: bool, columns: bool) -> None:
        """Print the block of a file, below an empty line unless it is the first."""
        if not first:
            print()
        self._print(block(info, width=self._width, columns=columns))

    def show_total(self, files: Sequence[FileInfo]) -> None:
        """Print sums."""
        print()
        self._print(total(files, width=self._width))

    @contextmanager
    def busy(self, path: Path) -> Iterator[Callable[[str], object]]:
        """Show that a file is being read, and which table, until the end of the context."""
        if not self._error.is_terminal:
            yield lambda table: None
            return
        name = printable(path.name)
        with self._error.status(Text(name)) as status:
            yield lambda table: status.update(Text(f"{name} {printable(table)}"))

    def _print(self, lines: str) -> None:
        if not self._out.is_terminal:
            print(lines)
            return
        text = Text(lines)
        for pattern, style in _STYLES.items():
            text.highlight_regex(f"(?m){pattern}", style)
        self._out.print(text)
        sys.stdout.flush()


__all__ = ["Screen"]

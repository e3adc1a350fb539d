"""What the user sees while files are made: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as Bar
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.progress import TimeRemainingColumn

from gammalearn_showers.work import Progress
from gammalearn_showers.work import Started

INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""


class ShowerProgress:
    """A context that follows the making of files, and shows events, showers a second and the time left.

    Parameters
    ----------
    total : int
        Events to be made.
    shown : bool, optional
        By default, a bar on a terminal and nothing elsewhere; if True, lines where there is no terminal.
    """

    def __init__(self, total: int, *, shown: bool | None = None) -> None:
        self._console = Console(file=sys.stderr)
        self._total = total
        self._bar: Bar | None = None
        self._lines = bool(shown) and not self._console.is_terminal
        if shown is not False and self._console.is_terminal:
            self._bar = self._made()
        self._runs: dict[int, Progress] = {}
        self._start = self._told = time.monotonic()
        self._waiting = True
        self._compiling = False

    def __enter__(self) -> ShowerProgress:
        if self._bar is not None:
            self._task = self._bar.add_task("showers", total=self._total, facts="starting")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, message: Started | Progress) -> None:
        """Take note of what a worker says."""
        if isinstance(message, Started):
            if not message.compiled and not self._compiling:
                self._compiling = True
                self._console.print("compiling the simulator, once: about 30 s", highlight=False)
            return
        if self._waiting:
            # The clock runs from the first block, lest start and compilation count for showers.
            self._waiting = False
            self._start = self._told = time.monotonic()
            self._before = message.showers
        self._runs[message.run] = message
        self._show()

    @property
    def showers(self) -> int:
        """Showers thrown so far."""
        return sum(p.showers for p in self._runs.values())

    @property
    def events(self) -> int:
        """Events so far."""
        return sum(p.events for p in self._runs.values())

    def _show(self) -> None:
        now = time.monotonic()
        passed = now - self._start
        rate = f"{(self.showers - self._before) / passed:.0f} showers/s" if passed > 1.0 else ""
        if self._bar is not None:
            self._bar.update(self._task, completed=self.events, facts=rate)
        elif self._lines and now - self._told >= INTERVAL:
            self._told = now
            left = timedelta(seconds=round(passed * (self._total / max(self.events, 1) - 1)))
            print(f"{self.events}/{self._total} events  {rate}  {left} left", file=sys.stderr, flush=True)

    def _made(self) -> Bar:
        return Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )


__all__ = ["ShowerProgress"]

"""What the user sees while files are predicted: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from attrs import define
from attrs import field
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn

from gammalearn_core.engine.progress import INTERVAL

_log = logging.getLogger("gammalearn_core.progress")
_T = TypeVar("_T")


@define
class Pace:
    """How fast it goes, and how much of the time is spent waiting for data."""

    console: Console
    files: int
    done: int = 0
    """Files."""
    events: int = 0
    waited: float = 0.0
    started: float = field(factory=time.monotonic)
    _shown: float = field(factory=time.monotonic)
    _bar: Progress | None = None

    def __enter__(self) -> Pace:
        if self.console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("files  {task.fields[facts]}"))
            self._bar = Progress(
                TextColumn("{task.description}"),
                *columns,
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.add_task("predicting", total=self.files, facts="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def waiting(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items, and how long each takes to come."""
        iterator = iter(items)
        while True:
            with self.waits():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @contextmanager
    def waits(self) -> Iterator[None]:
        """What takes place while the network waits for data."""
        asked = time.monotonic()
        try:
            yield
        finally:
            self.waited += time.monotonic() - asked

    def count(self, events: int) -> None:
        """Some events are predicted."""
        self.events += events
        self._show()

    def finish_file(self) -> None:
        """A file is done, whatever became of it."""
        self.done += 1
        self._show()

    @property
    def speed(self) -> str:
        """Events a second and the share of the time that was waited for data, since the beginning."""
        passed = max(time.monotonic() - self.started, 1e-9)
        return f"{self.events / passed:.0f} events/s  {self.waited / passed:.0%} waiting"

    def _show(self) -> None:
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, facts=f"{self.events} events  {self.speed}")
        elif now - self._shown >= INTERVAL:
            self._shown = now
            _log.info("%d of %d files  %d events  %s", self.done, self.files, self.events, self.speed)


__all__ = ["Pace"]

"""Files made by several processes.

Threads do not scale: too much of a shower is under the interpreter's lock (two threads were 0.9 times as fast as one).
A worker notices that its pipe is closed when it next tells its progress, throws away the file it is at, and ends; so
no process outlives the command, even if that is killed.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from types import TracebackType
from typing import TYPE_CHECKING
from typing import Any

from gammalearn_core import GammalearnError
from gammalearn_showers.dl1.part import remove_part
from gammalearn_showers.work import GRACE
from gammalearn_showers.work import IGNORED
from gammalearn_showers.work import Failed
from gammalearn_showers.work import Progress
from gammalearn_showers.work import Started
from gammalearn_showers.work import Task
from gammalearn_showers.work import work

if TYPE_CHECKING:
    from gammalearn_showers.production import Production

PATIENCE = 0.2
"""Seconds between two looks at whether a signal came."""


class StoppedError(GammalearnError):
    """A signal stopped the command; the same command goes on."""

    exit_code = 75


class WorkerError(GammalearnError):
    """A process failed in a way that nobody foresaw."""


Listener = Callable[[Started | Progress], None]


def make_files(production: Production, tasks: list[Task], *, jobs: int, listener: Listener) -> None:
    """Make files in at most ``jobs`` processes, and tell of each block.

    Raises
    ------
    StoppedError
        A signal came.
    GammalearnError
        What any of the processes raised; the others were stopped.
    """
    with _Signals() as signals, _Crew(production, tasks, jobs=jobs) as crew:
        while crew.busy:
            for message in crew.listen():
                listener(message)
            if signals.received:
                raise StoppedError(f"stopped by {signals.received}; the same command goes on with the missing files")


class _Crew:
    """Workers, and what is left to do. On leaving, none is alive."""

    def __init__(self, production: Production, tasks: list[Task], *, jobs: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._production = production
        self._tasks = tasks[::-1]
        self._jobs = min(jobs, len(tasks))
        self._workers: dict[Connection, SpawnProcess] = {}
        self._writing: set[Connection] = set()
        self._given: dict[Connection, Task] = {}

    def __enter__(self) -> _Crew:
        if self._tasks:
            self._hire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, process in self._workers.items():
            connection.close()
            if connection not in self._writing:
                process.kill()
        end = time.monotonic() + GRACE
        for process in self._workers.values():
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for connection in self._workers:
            remove_part(self._given[connection].path)

    @property
    def busy(self) -> bool:
        """Whether any file is not there yet."""
        return bool(self._workers)

    def listen(self) -> list[Started | Progress]:
        """What workers said since, if anything; who has ended a file is given the next."""
        heard: list[Started | Progress] = []
        for connection in wait(list(self._workers), PATIENCE):
            assert isinstance(connection, Connection)
            message = self._receive(connection)
            if isinstance(message, Failed):
                error = GammalearnError(message.text)
                error.exit_code = message.exit_code
                raise error
            heard.append(message)
            if isinstance(message, Progress):
                self._answer(connection, message)
            elif message.compiled:
                self._hire_all()
        return heard

    def _answer(self, connection: Connection, message: Progress) -> None:
        self._writing.add(connection)
        # Not before the first has compiled everything: the others find it on the disk.
        self._hire_all()
        if message.done:
            self._give(connection)

    def _hire_all(self) -> None:
        while self._tasks and len(self._workers) < self._jobs:
            self._hire()

    def _hire(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs, self._production), daemon=True)
        with _signals_blocked():
            process.start()
        theirs.close()
        self._workers[ours] = process
        self._give(ours)

    def _give(self, connection: Connection) -> None:
        """The next file to a worker, or its leave."""
        if self._tasks:
            self._given[connection] = self._tasks.pop()
            try:
                connection.send(self._given[connection])
            except OSError:
                raise self._lost(connection) from None
            return
        process = self._workers.pop(connection)
        connection.close()
        process.join(GRACE)

    def _receive(self, connection: Connection) -> Started | Progress | Failed:
        try:
            message: Started | Progress | Failed = connection.recv()
        except (EOFError, OSError):
            raise self._lost(connection) from None
        return message

    def _lost(self, connection: Connection) -> WorkerError:
        """What is said of a process that is no longer there."""
        process = self._workers[connection]
        process.join(GRACE)
        return WorkerError(
            f"a process that made files ended with exit code {process.exitcode}, as if it had been killed\n"
            "    if there is little memory left, try fewer --jobs; the same command goes on"
        )


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Processes that start in this context never hear of signals that `work` ignores, also before it does."""
    # The first process brings Python's tracker of resources along, whose start would unblock signals.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Signals:
    """A context in which Ctrl-C and the signals of batch systems are noted; a second Ctrl-C interrupts."""

    def __init__(self) -> None:
        self.received = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signal.Signals(number).name


__all__ = ["StoppedError", "WorkerError", "make_files"]

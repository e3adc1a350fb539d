"""What a process does that makes files, and what it and the command tell each other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from gammalearn_core import GammalearnError

if TYPE_CHECKING:
    from gammalearn_showers.production import Production

GRACE = 3.0
"""Seconds that a process has to throw away what it was at."""
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Signals that reach every process of a terminal or job, though it is the command that decides."""


@frozen(kw_only=True)
class Task:
    """A run, and the file it goes to."""

    run: int
    events: int
    path: Path
    provenance: dict[str, str | int | float]


@frozen
class Started:
    """A worker is about to throw its first shower."""

    compiled: bool


@frozen
class Progress:
    """How far a run is."""

    run: int
    showers: int
    events: int
    done: bool = False


@frozen
class Failed:
    """What went wrong, and the exit code that says so."""

    text: str
    exit_code: int


def work(connection: Connection, production: Production) -> None:
    """Make the files that are asked for, until the other end is closed."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_command, daemon=True).start()
    try:
        _make_all(connection, production)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except GammalearnError as error:
        connection.send(Failed(str(error), error.exit_code))
    except OSError as error:
        # Files tell by themselves: this is numba, which keeps what it compiled.
        what = f"the compiled simulator could not be kept: {error.strerror or error}"
        connection.send(Failed(f"{what}\n    NUMBA_CACHE_DIR may name a folder with space left", 1))
    except MemoryError:
        connection.send(Failed("there is not enough memory left to simulate: try fewer --jobs", 1))
    except Exception as error:
        connection.send(Failed(f"the simulation failed: {type(error).__name__}: {error}", 1))


def _die_with_command() -> None:
    """End this process if the command was killed, also in the middle of what it does not come back from for long."""
    command = multiprocessing.parent_process()
    if command is not None:
        wait([command.sentinel])
        time.sleep(GRACE)
        os._exit(1)


def _make_all(connection: Connection, production: Production) -> None:
    from gammalearn_showers.compiled import is_compiled
    from gammalearn_showers.runs import make_run
    from gammalearn_showers.simulator import Simulator
    from gammalearn_showers.simulator import look

    connection.send(Started(is_compiled(look)))
    simulator = Simulator(production)
    while True:
        task: Task = connection.recv()

        def tell(showers: int, events: int, task: Task = task) -> None:
            connection.send(Progress(task.run, showers, events))

        showers = make_run(
            task.path, simulator, run=task.run, events=task.events, provenance=task.provenance, progress=tell
        )
        connection.send(Progress(task.run, showers, task.events, True))


__all__ = ["GRACE", "IGNORED", "Failed", "Progress", "Started", "Task", "work"]

"""A trial's run as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

from gammalearn_core.plugin.switches import Switches

Command = Callable[[Path, Sequence[str]], list[str]]
"""``command(logdir, overrides)`` gives the arguments of the process."""
STOPPED = (75, -signal.SIGTERM)
"""How a run ends that was asked to stop: with a checkpoint or, before it began, without."""

_OF_GROUPS = ("MASTER_ADDR", "RANK", "SLURM_STEP_NUM_TASKS", "TORCHELASTIC_RUN_ID", "WORLD_SIZE")
"""Variables by which ``torchrun`` and ``srun`` tell processes to train one network together: trials are not one."""


def command_of(settings: Path, switches: Switches, given: Sequence[str]) -> Command:
    """The command that runs a settings file, with the ``--set`` that the sweep was given."""
    off = [] if not (switches.none or switches.option) else [_no_plugins(switches)]

    def command(logdir: Path, overrides: Sequence[str]) -> list[str]:
        sets = [text for override in (*given, *overrides) for text in ("--set", override)]
        return [sys.executable, "-m", "gammalearn_core", *off, "run", str(settings), "--logdir", str(logdir), *sets]

    return command


def _no_plugins(switches: Switches) -> str:
    return "--no-plugins" if switches.none else f"--no-plugins={','.join(sorted(switches.option))}"


class RunProcess:
    """A run whose output goes to a file.

    Parameters
    ----------
    command : sequence of str
    output : Path
        Is appended to.
    descriptors : sequence of int
        Of a lock that the run holds until it ends, whether or not this process still lives.
    """

    def __init__(self, command: Sequence[str], output: Path, descriptors: Sequence[int] = ()) -> None:
        self._output = output
        output.parent.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if name not in _OF_GROUPS}
        with output.open("ab") as stream:
            self._start = stream.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=descriptors,
            )
        self._asked = False

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Let it save a checkpoint and end; asking again changes nothing."""
        if not self._asked:
            self._asked = True
            self._process.terminate()

    def stop(self) -> None:
        """Let it save a checkpoint and wait until it has ended."""
        self.ask_to_stop()
        self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def error(self) -> str:
        """The message that it ended with, or its last line."""
        with self._output.open("rb") as stream:
            stream.seek(self._start)
            text = stream.read().decode("utf-8", "replace").strip()
        _, found, message = f"\n{text}".rpartition("\nerror: ")
        return message if found else text.rpartition("\n")[2]


__all__ = ["STOPPED", "Command", "RunProcess", "command_of"]

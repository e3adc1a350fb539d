"""Files described by another process.

HDF5 writes beyond its memory when it reads some damaged files (version 2.0, a compound type that is larger than it
says), which ends the process sooner or later. What happens to the other process is only told.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO
from typing import Self

from gammalearn_core.errors import GammalearnError
from gammalearn_core.inspecting.records import FileInfo

_COMMAND = "from gammalearn_core.inspecting.apart import serve; serve()"
_ENDED = "reading it ends the process that does ({how}): HDF5 fails at how it is damaged; copy the file again"
_READY = "ready"


class Describer:
    """Describes files, one after the other, in a process that lives as long as the context.

    Parameters
    ----------
    everything : bool
        Whether to read every chunk.
    """

    def __init__(self, *, everything: bool) -> None:
        self._everything = everything
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._said.close()

    def describe(self, path: Path, progress: Callable[[str], object]) -> FileInfo:
        """What a file holds; a file at which the process ends is tried twice, since another may be to blame."""
        for _ in range(2):
            info = self._described(path, progress)
            if info is not None:
                return info
            code = self._stop()
        info = FileInfo(path=path)
        info.error(_ENDED.format(how=_name(code)))
        return info

    def _described(self, path: Path, progress: Callable[[str], object]) -> FileInfo | None:
        """What a file holds, or None if the process has ended."""
        with suppress(EOFError, BrokenPipeError, pickle.UnpicklingError):
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump((path, self._everything), process.stdin)
            process.stdin.flush()
            while True:
                answer = pickle.load(process.stdout)
                if isinstance(answer, FileInfo):
                    return answer
                progress(answer)
        return None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # -P: nothing is imported from the folder where the command is given.
            command = [sys.executable, "-P", "-c", _COMMAND]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)
            self._wait_until_ready(self._process)
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        try:
            pickle.load(process.stdout)
        except (EOFError, pickle.UnpicklingError):
            self._stop()
            self._said.seek(0)
            said = self._said.read().decode("utf-8", "replace").strip()
            raise GammalearnError(f"the process that reads files does not start: {said}") from None

    def _stop(self) -> int:
        """End the process; its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        with suppress(OSError), process:
            if process.poll() is None and process.stdin is not None:
                process.stdin.close()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
            process.kill()
        return process.returncode


def _name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def serve() -> None:
    """Describe the files that are asked for on standard input, until it is closed."""
    from gammalearn_core.inspecting.describing import describe

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What anything prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(what: object) -> None:
        pickle.dump(what, answers)
        answers.flush()

    answer(_READY)
    with suppress(EOFError, BrokenPipeError):
        while True:
            path, everything = pickle.load(sys.stdin.buffer)
            answer(describe(path, everything=everything, progress=answer))


__all__ = ["Describer", "serve"]

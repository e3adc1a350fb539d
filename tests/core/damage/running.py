"""Having damaged files read by a worker, which is started again when it dies or takes too long."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import asdict

from damage.judging import Verdict
from damage.making import Damaged

LIMIT = 30.0
"""Seconds for one file."""
_START = 60.0
"""Seconds more for a worker that has just been started."""


class Readers:
    """A worker, for as long as the context lasts.

    Parameters
    ----------
    limit : float
        Seconds for one file.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._worker: subprocess.Popen[str] | None = None
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the context

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._errors.close()

    def judge(self, damaged: Damaged, *, good: Path | None = None) -> Verdict:
        """What becomes of a damaged file, alone and, if a good file is given, beside that."""
        limit = self._limit + (_START if self._worker is None else 0.0)
        job = {"path": str(damaged.path), "base": str(damaged.base), "effect": asdict(damaged.effect)}
        line = self._asked(json.dumps(job | {"good": str(good) if good else ""}), limit)
        if line:
            return Verdict(**json.loads(line))
        worker, self._worker = self._worker, None
        assert worker
        if line is None:
            worker.kill()
        code = worker.wait()
        worker.communicate()
        if line is None:
            return Verdict("hung", f"no answer in {limit:g} s")
        self._errors.seek(0)
        return Verdict("died", f"exit code {code}: {self._errors.read()[-1000:]}")

    def _asked(self, job: str, limit: float) -> str | None:
        """The answer to a job; empty if the worker is dead, None if it takes too long."""
        worker = self._started()
        assert worker.stdin
        assert worker.stdout
        try:
            print(job, file=worker.stdin, flush=True)
        except BrokenPipeError:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(worker.stdout, selectors.EVENT_READ)
            return worker.stdout.readline() if selector.select(limit) else None

    def _started(self) -> subprocess.Popen[str]:
        if self._worker is None:
            folder = str(Path(__file__).parents[1])
            self._worker = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "damage.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env=os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"},
            )
        return self._worker

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
            self._worker = None


__all__ = ["LIMIT", "Readers"]

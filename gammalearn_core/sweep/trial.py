"""`Trial`: one set of values, and where its run is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import optuna

from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.sweep.locks import FileLock


class Trial:
    """A trial that this worker makes.

    Attributes
    ----------
    path : Path
        The ``--logdir`` of its run.
    values : mapping of str to str
        Values of the settings that vary.
    run_lock : FileLock
        Held by its run and by this worker; the run may outlive the worker.
    taken_over : bool
        Whether another worker has begun it.
    """

    def __init__(
        self, trial: optuna.Trial, path: Path, values: Mapping[str, str], lock: FileLock, *, taken_over: bool
    ) -> None:
        self._trial = trial
        self.path = path
        self.values = values
        self.run_lock = FileLock(path / ".run.lock")
        self.taken_over = taken_over
        self._lock = lock
        self._reported: set[int] = set()

    @property
    def number(self) -> int:
        """Its number in the study, from 0."""
        return self._trial.number

    def run_folder(self) -> RunFolder | None:
        """The newest run folder of the trial, once there is one."""
        return max((RunFolder(p.parent) for p in self.path.glob("*/*/run.json")), key=lambda f: f.id, default=None)

    def data(self) -> list[str]:
        """Checksums of the files that its run has read; none if it has not come so far."""
        folder = self.run_folder()
        record = folder.read_json(folder.run_json) if folder else {}
        return sorted(file["sha256"] for file in record.get("data", ()))

    def report(self, value: float, epoch: int) -> None:
        """Let the study know of an epoch, once."""
        if epoch not in self._reported:
            self._reported.add(epoch)
            with warnings.catch_warnings():
                # Optuna warns of those that were reported before the trial was taken over, and leaves them.
                warnings.simplefilter("ignore", UserWarning)
                self._trial.report(value, step=epoch)

    def is_hopeless(self) -> bool:
        """Whether the study would rather not see its end."""
        return self._trial.should_prune()

    def note(self, **facts: object) -> None:
        """Keep facts with the trial."""
        for name, value in facts.items():
            self._trial.set_user_attr(name, value)

    def release(self) -> None:
        """Let others take it over, if it is not finished and its run has ended."""
        self.run_lock.release()
        self._lock.release()


__all__ = ["Trial"]

"""`Study`: the trials that all workers share, in the journal of Optuna."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal import JournalFileSymlinkLock
from optuna.trial import FrozenTrial
from optuna.trial import TrialState

from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.folder import write_text
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.settings.search import Space
from gammalearn_core.sweep.locks import FileLock
from gammalearn_core.sweep.record import differences
from gammalearn_core.sweep.space import suggest

NAME = "sweep"
_STARTUP = 5
"""Trials that are finished before any is pruned."""


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


class Study:
    """The folder of a study.

    Parameters
    ----------
    path : Path
    search : mapping of str to Space
    record : dict
        What `record.describe` gives.
    epochs : int
        Epochs of a trial.
    seed : int
        The first trials are a function of it and of their numbers, whichever worker makes them.
    prune : bool
    """

    def __init__(
        self,
        path: Path,
        *,
        search: Mapping[str, Space],
        record: Mapping[str, Any],
        epochs: int,
        seed: int,
        prune: bool,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", ExperimentalWarning)
        self.path = path
        self.restarted = False
        self._search, self._record, self._seed = search, dict(record), seed
        # Absolute, because the symbolic link that locks would otherwise lead nowhere and never be found stale.
        self._journal = path.resolve() / "journal.log"
        self._mutex = path.resolve() / ".asking"
        (path / "runs").mkdir(parents=True, exist_ok=True)
        if not self._mutex.exists():
            self._mutex.touch()
        with self.alone():
            self._study = self._open(_pruner(epochs) if prune else optuna.pruners.NopPruner())

    @property
    def shared(self) -> optuna.Study:
        """The study as Optuna has it."""
        return self._study

    @property
    def search(self) -> Mapping[str, Space]:
        """What is varied."""
        return self._search

    @property
    def minimises(self) -> bool:
        """Whether less is better."""
        return bool(self._record["direction"] == "min")

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Trials in these states, or all that have begun."""
        begun = tuple(state for state in TrialState if state != TrialState.WAITING)
        return self._study.get_trials(deepcopy=False, states=states or begun)

    def has_results(self) -> bool:
        """Whether any trial has come to an end that others can be compared with."""
        return bool(self.trials(TrialState.COMPLETE, TrialState.PRUNED))

    def claim(self, wanted: int) -> Trial | None:
        """A trial that its worker has left, or else a new one; None if the study has as many as are wanted.

        One worker at a time does this, so that there are never more.
        """
        with self.alone():
            for left in self.trials(TrialState.RUNNING):
                lock = self._lock(left.number)
                if lock.take(unknown=False):
                    self._study.sampler = self._sampler(left.number)
                    # Optuna has no public way to a trial that is running already.
                    return self._begin(optuna.Trial(self._study, left._trial_id), lock, taken_over=True)
            number = len(self.trials())
            if number >= wanted:
                return None
            self._study.sampler = self._sampler(number)
            trial = self._study.ask()
            lock = self._lock(trial.number)
            lock.take()
            return self._begin(trial, lock, taken_over=False)

    def finish(self, trial: Trial, state: TrialState, value: float | None = None) -> None:
        """Say how a trial has ended; only one that is complete has a value."""
        self._study.tell(trial.number, value, state=state)

    def _begin(self, trial: optuna.Trial, lock: FileLock, *, taken_over: bool) -> Trial:
        values = suggest(trial, self._search)
        return Trial(trial, self._runs(trial.number), values, lock, taken_over=taken_over)

    def _runs(self, number: int) -> Path:
        return self.path / "runs" / f"trial-{number:04d}"

    def _lock(self, number: int) -> FileLock:
        folder = self._runs(number)
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".lock")

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        digest = hashlib.sha256(f"{self._seed} {number}".encode()).digest()
        return optuna.samplers.TPESampler(seed=int.from_bytes(digest[:4], "big"), constant_liar=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other workers out; a lock that a dead one has left is broken after half a minute."""
        lock = JournalFileSymlinkLock(str(self._mutex))
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _open(self, pruner: optuna.pruners.BasePruner) -> optuna.Study:
        lock = JournalFileSymlinkLock(str(self._journal))
        _mend(self._journal, lock)
        try:
            storage = JournalStorage(JournalFileBackend(str(self._journal), lock_obj=lock))
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise DataError(f"{self._journal} is damaged ({error}); --study starts another study") from error

        def create() -> optuna.Study:
            return optuna.create_study(
                storage=storage,
                study_name=NAME,
                pruner=pruner,
                direction="minimize" if self.minimises else "maximize",
                load_if_exists=True,
            )

        before = _read(self._file)
        self._study = create()
        changes = differences(before, self._record) if before is not None else []
        if changes:
            self._refuse_unless_empty(changes)
            optuna.delete_study(study_name=NAME, storage=storage)
            self.restarted = True
        if before is None or changes:
            write_text(self._file, json.dumps(self._record, indent=2, ensure_ascii=False) + "\n")
        return create()

    @property
    def _file(self) -> Path:
        return self.path / "study.json"

    def _refuse_unless_empty(self, changes: Sequence[str]) -> None:
        """Raise if a trial has been judged, or is being made, otherwise than the next would be."""
        judged = any(trial.intermediate_values for trial in self.trials())
        if judged or not all(self._is_free(trial.number) for trial in self.trials(TrialState.RUNNING)):
            what = "\n    ".join(["its trials were made otherwise", *changes])
            hint = "change it back, or give another folder to --study"
            raise SettingsError([Problem("", what, hint)], str(self.path))

    def _is_free(self, number: int) -> bool:
        lock = self._lock(number)
        free = lock.take(unknown=False)
        lock.release()
        return free


def _pruner(epochs: int) -> optuna.pruners.BasePruner:
    """No trial is pruned in its first quarter, nor before some others are finished."""
    return optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=max(2, -(-epochs // 4)))


def _mend(journal: Path, lock: JournalFileSymlinkLock) -> None:
    """Cut off a line that was not written to its end, onto which the next would otherwise be appended."""
    if not journal.exists():
        return
    lock.acquire()
    try:
        with journal.open("rb+") as stream:
            text = stream.read()
            if text and not text.endswith(b"\n"):
                stream.truncate(text.rfind(b"\n") + 1)
    finally:
        lock.release()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); --study starts another study") from error


__all__ = ["Study", "Trial"]

"""`Study`: the trials that all workers share, in the journal of Optuna."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial
from optuna.trial import TrialState

from gammalearn_core.engine.folder import write_text
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.settings.search import Space
from gammalearn_core.sweep.journal import alone
from gammalearn_core.sweep.journal import open_journal
from gammalearn_core.sweep.locks import FileLock
from gammalearn_core.sweep.record import differences
from gammalearn_core.sweep.space import suggest
from gammalearn_core.sweep.trial import Trial

NAME = "sweep"
_STARTUP = 5
"""Trials that are finished before any is pruned."""


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
        (path / "runs").mkdir(parents=True, exist_ok=True)
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

    def data(self) -> set[tuple[str, ...]]:
        """Checksums of the files that trials have learned from; one set of them if nobody has changed the data."""
        known = (tuple(trial.user_attrs.get("data", ())) for trial in self.trials(TrialState.COMPLETE))
        return {files for files in known if files}

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

    def alone(self) -> AbstractContextManager[None]:
        """Keep other workers out."""
        return alone(self.path / ".asking")

    def _open(self, pruner: optuna.pruners.BasePruner) -> optuna.Study:
        storage = open_journal(self.path / "journal.log")

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
    """No trial is pruned in its first third, nor before some others are finished."""
    return optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=max(3, -(-epochs // 3)))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); --study starts another study") from error


__all__ = ["Study"]

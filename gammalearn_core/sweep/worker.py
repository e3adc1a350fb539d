"""One worker of a sweep: takes a trial, makes its run, judges it, and takes the next."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from optuna.trial import TrialState
from rich.console import Console

from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.errors import EXIT_CHECK_FAILED
from gammalearn_core.errors import EXIT_DATA
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import EXIT_NON_FINITE
from gammalearn_core.errors import EXIT_SETTINGS
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.sweep.making import Making
from gammalearn_core.sweep.making import Outcome
from gammalearn_core.sweep.process import STOPPED
from gammalearn_core.sweep.process import Command
from gammalearn_core.sweep.record import describe
from gammalearn_core.sweep.results import Results
from gammalearn_core.sweep.space import short
from gammalearn_core.sweep.study import Study
from gammalearn_core.sweep.trial import Trial

_IN_A_ROW = 3
"""Failures, one after the other, after which a worker gives up: the disk may be full, or the GPU gone."""


class SweepError(GammalearnError):
    """A sweep cannot go on; the exit code is that of the run that ended it."""

    def __init__(self, message: str, exit_code: int = EXIT_CHECK_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@frozen(kw_only=True)
class Sweep:
    """What a worker is to do."""

    experiment: Experiment
    command: Command
    path: Path
    """The folder of the study."""
    trials: int
    """How many trials the study is to have in the end, whichever worker makes them."""
    metric: str = "loss"
    """A number of the validation, as ``metrics.jsonl`` names it."""
    direction: str = "min"
    seed: int = 0
    prune: bool = True


def sweep(plan: Sweep) -> int:
    """Make trials until the study has as many as are wanted.

    Returns
    -------
    int
        0, also if other workers still make the last trials.

    Raises
    ------
    StoppedError
        A signal has stopped it, or the end of ``max_time``; the next worker goes on with the trial.
    SettingsError, DataError, SweepError
        The study is another's, or a trial has shown that all will fail.
    """
    record = describe(plan.experiment, metric=plan.metric, direction=plan.direction)
    search, epochs = plan.experiment.search, plan.experiment.epochs
    try:
        study = Study(plan.path, search=search, record=record, epochs=epochs, seed=plan.seed, prune=plan.prune)
    except OSError as error:
        what = f"no study can be kept in {plan.path}: {error.strerror}"
        raise SettingsError([Problem("--study", what)]) from error
    try:
        with StopRequest(plan.experiment.max_time) as stop:
            return _Worker(plan, study, stop).work()
    except OSError as error:
        raise SweepError(f"{plan.path} cannot be written: {error.strerror}. The same command goes on") from error


class _Worker:
    def __init__(self, plan: Sweep, study: Study, stop: StopRequest) -> None:
        self._plan, self._study, self._stop = plan, study, stop
        self._results = Results(study, plan.metric)
        self._failures = 0
        self._console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def work(self) -> int:
        if self._study.restarted:
            self._say(f"{self._plan.path} had no trial with a result and starts anew")
        while (trial := self._claim()) is not None:
            try:
                self._make(trial)
            finally:
                trial.release()
        return self._end()

    def _claim(self) -> Trial | None:
        if self._stop.reason:
            raise self._stopped()
        return self._study.claim(self._plan.trials)

    def _make(self, trial: Trial) -> None:
        values = "  ".join(f"{key}={short(value)}" for key, value in trial.values.items())
        self._say(f"trial {trial.number}{' goes on' if trial.taken_over else ''}  {values}")
        with self._busy(trial) as show:
            making = Making(
                trial,
                command=self._plan.command,
                metric=self._plan.metric,
                sign=1.0 if self._plan.direction == "min" else -1.0,
                epochs=int(trial.values.get("epochs", self._plan.experiment.epochs)),
                stop=self._stop,
                say=self._say,
                show=show,
            )
            outcome = making.make()
        self._judge(trial, making, outcome)

    @contextmanager
    def _busy(self, trial: Trial) -> Iterator[Callable[[str], object]]:
        """On a terminal, what the trial is at; elsewhere ``output.txt`` tells."""
        if not self._console.is_terminal:
            yield lambda text: None
            return
        with self._console.status(f"trial {trial.number}  begins") as status:
            yield lambda text: status.update(text)

    def _judge(self, trial: Trial, making: Making, outcome: Outcome) -> None:
        if outcome.pruned:
            self._finish(trial, making, TrialState.PRUNED)
        elif outcome.code == EXIT_DONE and making.best:
            self._finish(trial, making, TrialState.COMPLETE)
        elif outcome.code == EXIT_DONE:
            self._finish(trial, making, TrialState.FAIL, f"{self._plan.metric} was never finite")
        elif self._stop.reason:
            raise self._stopped()
        elif outcome.code in STOPPED:
            what = f"the run of trial {trial.number} was stopped by a signal"
            raise StoppedError(f"{what}; the same command goes on")
        elif outcome.code == EXIT_DATA:
            raise DataError(f"trial {trial.number}: {outcome.message}")
        else:
            self._finish(trial, making, TrialState.FAIL, outcome.message)
            self._stop_if_all_fail(trial, outcome)
            return
        self._failures = 0

    def _stop_if_all_fail(self, trial: Trial, outcome: Outcome) -> None:
        """A loss that is not finite is a result; others, of the first trial or in a row, may be those of all."""
        if outcome.code == EXIT_NON_FINITE:
            return
        self._failures += 1
        if self._study.has_results() and self._failures < _IN_A_ROW:
            return
        others = f"as {_IN_A_ROW - 1} before it" if self._study.has_results() else "and no other has a result yet"
        what = f"trial {trial.number} failed, {others}: {outcome.message}"
        code = outcome.code if outcome.code in (EXIT_CHECK_FAILED, EXIT_SETTINGS) else EXIT_CHECK_FAILED
        raise SweepError(f"{what}\nIts output is in {trial.path / 'output.txt'}", code)

    def _finish(self, trial: Trial, making: Making, state: TrialState, error: str = "") -> None:
        best_before = self._results.best()
        folder = trial.run_folder()
        value, epoch = making.best or (None, None)
        place = str(folder.path.relative_to(self._plan.path)) if folder else ""
        trial.note(value=value, epoch=epoch, epochs=making.epoch, folder=place, error=error, data=trial.data())
        self._study.finish(trial, state, value if state == TrialState.COMPLETE else None)
        self._tell(trial, making, state, error)
        if len(self._study.data()) > 1:
            self._say("warning: the files of the data are not the same for all trials; compare them with care")
        self._results.write_table()
        if self._results.best() != best_before:
            self._say(self._results.best_few())

    def _tell(self, trial: Trial, making: Making, state: TrialState, error: str) -> None:
        words = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
        value = f"  {self._plan.metric} {making.best[0]:.4g} at epoch {making.best[1]}" if making.best else ""
        after = f" after epoch {making.epoch}" if state == TrialState.PRUNED else ""
        self._say(f"trial {trial.number} {words[state]}{after}{value}{f'  {error.splitlines()[0]}' if error else ''}")

    def _end(self) -> int:
        """Show all trials, and write them, with what those of other workers have come to so far."""
        running = self._study.trials(TrialState.RUNNING)
        print(self._results.all(), end="")
        for path in self._results.write():
            print(path)
        done = len(self._study.trials()) - len(running)
        if running:
            print(f"{done} of {len(running) + done} trials are finished; other workers make the rest")
        elif self._results.best() is None:
            raise SweepError(f"none of the {done} trials has a result; {self._plan.path / 'trials.csv'} says why")
        else:
            print(f"the study has {done} trials; a greater --trials goes on with it")
        return EXIT_DONE

    def _stopped(self) -> StoppedError:
        return StoppedError(f"stopped by {self._stop.reason}; the same command goes on")

    def _say(self, text: str) -> None:
        self._console.print(text)


__all__ = ["Sweep", "SweepError", "sweep"]

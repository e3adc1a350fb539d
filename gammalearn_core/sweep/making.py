"""Making one trial: its run, watched epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from attrs import frozen

from gammalearn_core.engine.signals import StopRequest
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.plugin.names import suggest
from gammalearn_core.sweep.process import STOPPED
from gammalearn_core.sweep.process import Command
from gammalearn_core.sweep.process import RunProcess
from gammalearn_core.sweep.space import overrides
from gammalearn_core.sweep.trial import Trial

POLL = 0.25
"""Seconds between two looks at a run."""
_KILLS = 3
"""A run that something kills so many times is given up."""


@frozen
class Outcome:
    """How the run of a trial has ended."""

    code: int
    pruned: bool = False
    message: str = ""
    """What it said, if it failed."""


class Making:
    """Makes a trial.

    Parameters
    ----------
    trial : Trial
    command : callable
        Gives the command of the run.
    metric : str
        The number of the validation that counts.
    sign : float
        1 if less is better, -1 if more is.
    epochs : int
        Nothing is pruned after the last.
    stop : StopRequest
    say, show : callable
        Take what is to be told to the user, and what is so at the moment.

    Attributes
    ----------
    best : tuple of float and int, or None
        The best value so far and its epoch.
    epoch : int
        The newest epoch.
    """

    def __init__(
        self,
        trial: Trial,
        *,
        command: Command,
        metric: str,
        sign: float,
        epochs: int,
        stop: StopRequest,
        say: Callable[[str], None],
        show: Callable[[str], object],
    ) -> None:
        self._trial = trial
        self._command = command(trial.path, overrides(trial.values))
        self._metric, self._sign, self._epochs = metric, sign, epochs
        self._stop, self._say, self._show = stop, say, show
        self.best: tuple[float, int] | None = None
        self.epoch = 0

    def make(self) -> Outcome:
        """Begin the run or go on with it, until it has ended."""
        self._wait_for_an_earlier_run()
        self._look()
        if self._is_hopeless():
            return Outcome(STOPPED[0], pruned=True)
        for _ in range(_KILLS):
            outcome = self._once()
            if outcome.code >= 0 or outcome.code in STOPPED or self._stop.reason:
                return outcome
            self._say(f"the run of trial {self._trial.number} was killed by signal {-outcome.code}")
        what = f"killed {_KILLS} times by signal {-outcome.code}; was there too little memory?"
        return Outcome(outcome.code, message=what)

    def _wait_for_an_earlier_run(self) -> None:
        """A run whose worker was killed may live on."""
        told = False
        while not self._trial.run_lock.take():
            if not told:
                self._say(f"the run of trial {self._trial.number} goes on without its worker; waiting for it")
            told = True
            if self._stop.reason:
                raise StoppedError(f"stopped by {self._stop.reason}; the same command goes on")
            time.sleep(POLL)

    def _once(self) -> Outcome:
        process = RunProcess(self._command, self._trial.path / "output.txt", self._trial.run_lock.descriptors)
        pruned = False
        try:
            while (code := process.poll()) is None:
                time.sleep(POLL)
                pruned = pruned or (self._look() and self._is_hopeless())
                if pruned or self._stop.reason:
                    process.ask_to_stop()
            self._look()
        except KeyboardInterrupt:
            process.kill()
            raise
        except BaseException:
            process.stop()
            raise
        return Outcome(code, pruned and code in STOPPED, process.error() if code else "")

    def _look(self) -> bool:
        """Report new epochs; whether there are any."""
        folder, before = self._trial.run_folder(), self.epoch
        for line in folder.history() if folder else ():
            self.epoch = max(self.epoch, line["epoch"])
            value = self._value(line)
            if value is None:
                continue
            if self.best is None or self._sign * value < self._sign * self.best[0]:
                self.best = value, line["epoch"]
            self._trial.report(value, line["epoch"])
        if self.epoch > before:
            best = f"  best {self._metric} {self.best[0]:.4g}" if self.best else ""
            self._show(f"trial {self._trial.number}  epoch {self.epoch}/{self._epochs}{best}")
        return self.epoch > before

    def _is_hopeless(self) -> bool:
        return 0 < self.epoch < self._epochs and self._trial.is_hopeless()

    def _value(self, line: dict[str, Any]) -> float | None:
        """What an epoch is judged by; None if it could not be measured."""
        validation = line.get("validation", {})
        if self._metric not in validation:
            hint = suggest(self._metric, validation) or f"there are {', '.join(validation)}"
            raise SettingsError([Problem("--metric", f"the validation has no {self._metric!r}", hint)])
        value = validation[self._metric]
        return float(value) if value is not None and math.isfinite(value) else None


__all__ = ["POLL", "Making", "Outcome"]

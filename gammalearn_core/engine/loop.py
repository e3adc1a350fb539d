"""Training and validation: ignite drives, this says what happens when."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from ignite.engine import Engine
from ignite.engine import Events

from gammalearn_core.data.order import batches
from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.measuring import Measuring
from gammalearn_core.engine.measuring import mean_losses
from gammalearn_core.engine.progress import TrainingProgress
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.saving import Saving
from gammalearn_core.engine.schedule import Pace
from gammalearn_core.engine.schedule import advance
from gammalearn_core.engine.schedule import pace_of
from gammalearn_core.engine.state import Progress
from gammalearn_core.engine.state import restore
from gammalearn_core.engine.state import state_of
from gammalearn_core.engine.steps import evaluate_step
from gammalearn_core.engine.steps import read_all
from gammalearn_core.engine.steps import steps_per_epoch
from gammalearn_core.engine.steps import training_batches
from gammalearn_core.engine.training import train_step
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import StoppedError
from gammalearn_core.settings.ref import On

_log = logging.getLogger(__name__)


_SILENT = logging.getLogger("gammalearn_core.ignite")
"""ignite logs each exception that it passes on, which is told at the end anyway."""
_SILENT.setLevel(logging.CRITICAL)


class Loop:
    """Trains a running experiment, from its beginning or from its last checkpoint.

    After each epoch: validation, the user's handlers, then the checkpoint, so that it holds what handlers have counted.
    """

    def __init__(self, running: RunningExperiment, shown: TrainingProgress) -> None:
        self.running = running
        self.shown = shown
        self.progress = Progress()
        self.epoch_length = steps_per_epoch(running)
        self._lines: list[dict[str, Any]] = []
        self._saving = Saving(running, lambda: state_of(running, self.progress, self.epoch_length))
        self._epoch_start = time.monotonic()
        self._make_engines()

    def restore(self) -> bool:
        """Go on from the newest checkpoint that is whole, if there is one."""
        running = self.running
        state = running.world.first_does(lambda: checkpoint.load_newest(running.folder.checkpoints))
        if state is None:
            running.folder.keep_history(0)
            return False
        self.progress = restore(running, state, self.epoch_length)
        running.folder.keep_history(self.progress.epochs)
        done = running.trainer.state.iteration - self.progress.epochs * self.epoch_length
        within = f" and {done} of {self.epoch_length} steps" if done else ""
        _log.info("going on after %d of %d epochs%s", self.progress.epochs, running.settings.epochs, within)
        return True

    def train(self) -> None:
        """Train to the end.

        Raises
        ------
        StoppedError
            A signal or the end of the time asked for it; the last checkpoint is written.
        """
        trainer = self.running.trainer
        try:
            if trainer.state.iteration == (self.progress.epochs + 1) * self.epoch_length:
                # Stopped between the last step of an epoch and its end.
                trainer.fire_event(Events.EPOCH_COMPLETED)
            if not self.progress.complete:
                data = _Epochs(self.running)
                trainer.run(data, max_epochs=self.running.settings.epochs, epoch_length=self.epoch_length)
            if self.running.stop.agreed:
                raise stopped(self.running)
            self._saving.insist()
        except StoppedError:
            self.shown.close()
            if not self.progress.complete:
                self._saving.save_last()
            raise
        self.shown.close()

    def evaluate(self, engine: Engine, split: str) -> dict[str, float]:
        """Metrics of a split."""
        rows = self.running.splits[split]
        world = self.running.world
        world.copy_from_first(self.running.predicting.buffers())
        chosen = [b[world.rank :: world.size] for b in batches(rows, self.running.settings.batch_size)]
        engine.run(read_all(self.running, chosen), max_epochs=1, epoch_length=len(chosen))
        if self.running.stop.agreed:
            raise stopped(self.running)
        return dict(engine.state.metrics)

    def new_evaluator(self) -> Engine:
        """An engine that predicts and measures, without handlers of the user's."""
        engine = Engine(lambda _, batch: evaluate_step(self.running, batch))
        engine.logger = _SILENT
        Measuring(self.running).attach(engine)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._stop_evaluation)
        return engine

    def _make_engines(self) -> None:
        running = self.running
        running.trainer = Engine(lambda _, batch: train_step(running, batch))
        running.trainer.logger = _SILENT
        running.metric_names = Measuring(running).names()
        running.validator = self.new_evaluator()
        running.tester = self.new_evaluator()
        trainer = running.trainer
        trainer.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._count)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._advance_schedule, "step")
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._validate)
        self.shown.attach(trainer)
        self._attach_handlers()
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._end_step)
        for engine in running.engines.values():
            # ignite drops an exception that no handler raises again; whatever a user's handler does, this one does.
            engine.add_event_handler(Events.EXCEPTION_RAISED, _raise)

    def _attach_handlers(self) -> None:
        for index, item in enumerate(self.running.settings.handlers):
            part = self.running.built.parts[f"handlers[{index}]"]
            handler = part.make(self.running)
            if handler is None:
                continue
            if not callable(handler):
                what = f"gives {handler!r}, not a function that takes the engine"
                raise SettingsError([Problem(f"{part.where} {part.ref.label}", what)])
            self.running.handlers.append(handler)
            when = item if isinstance(item, On) else None
            engine = (when.engine if when else None) or part.fact("engine")
            event = Events[when.event if when else part.fact("event")]
            every = when.every if when else None
            self.running.engines[engine].add_event_handler(event(every=every) if every else event, handler)

    def _begin_epoch(self, engine: Engine) -> None:
        self._epoch_start = time.monotonic()
        if engine.state.iteration % self.epoch_length == 0:
            self.progress.sums = {}

    def _count(self, engine: Engine) -> None:
        output: Any = engine.state.output
        for name, (total, weight) in output["sums"].items():
            before = self.progress.sums.get(name, (0.0, 0.0))
            self.progress.sums[name] = (before[0] + total, before[1] + weight)

    def _advance_schedule(self, engine: Engine, now: Pace) -> None:
        if self.running.schedule is not None:
            advance(self.running.schedule, pace_of(self.running.built.parts["schedule"]), now, self._loss)

    @property
    def _loss(self) -> float:
        """The newest validation loss, or that of training if there is no validation."""
        latest = self.running.latest
        return latest.get("validation", latest.get("train", {})).get("loss", math.nan)

    def _validate(self, engine: Engine) -> None:
        self.running.latest["train"] = mean_losses(self.running, self.progress.sums)
        if len(self.running.splits["validation"]):
            self.running.latest["validation"] = self.evaluate(self.running.validator, "validation")

    def _end_epoch(self, engine: Engine) -> None:
        epoch = engine.state.epoch
        self._advance_schedule(engine, "epoch")
        self._advance_schedule(engine, "metric")
        self.progress.epochs = epoch
        self.progress.complete = bool(engine.should_terminate) or epoch == self.running.settings.epochs
        # Before the checkpoint: lines that are beyond it are dropped when a run goes on.
        self._lines.append(self._line(epoch, engine.state.iteration))
        self._write_lines()
        self._keep_if_best(epoch)
        self._saving.save_last()
        self.shown.epoch(epoch, self.running.latest)

    def _keep_if_best(self, epoch: int) -> None:
        if math.isfinite(self._loss) and self._loss < self.progress.best_loss:
            self.progress.best_loss, self.progress.best_epoch = self._loss, epoch
            self._saving.save_best()

    def _write_lines(self) -> None:
        """Write what is known of epochs; if the disk is full, it is tried again after the next one."""
        try:
            while self._lines:
                self.running.folder.append_metrics(self._lines[0])
                del self._lines[0]
        except OSError as error:
            _log.warning("metrics.jsonl is not written: %s", error.strerror)

    def _line(self, epoch: int, step: int) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "step": step,
            "seconds": round(time.monotonic() - self._epoch_start, 3),
            "learning_rate": [group["lr"] for group in self.running.optimizer.param_groups],
            **self.running.latest,
        }

    def _end_step(self, engine: Engine) -> None:
        """After everything else that a step brings, so that a checkpoint holds it."""
        if self.running.stop.agreed:
            engine.terminate(skip_completed=True)
        else:
            self._saving.save_in_time()

    def _stop_evaluation(self, engine: Engine) -> None:
        if self.running.stop.ask(self.running.world):
            engine.terminate(skip_completed=True)


class _Epochs:
    """Data of the trainer: each time it is iterated, the batches that are next."""

    def __init__(self, running: RunningExperiment) -> None:
        self._running = running

    def __iter__(self) -> Any:
        return training_batches(self._running)


def stopped(running: RunningExperiment) -> StoppedError:
    """The error that ends a run which was asked to stop."""
    return StoppedError(f"stopped by {running.stop.agreed}; the same command goes on with {running.folder.path}")


def _raise(engine: Engine, error: BaseException) -> None:
    raise error


__all__ = ["Loop", "stopped"]

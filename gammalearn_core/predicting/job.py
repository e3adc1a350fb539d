"""Predicting files one after the other, whatever becomes of each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import place_of
from gammalearn_core.predicting.model import Computing
from gammalearn_core.predicting.outputs import Layout
from gammalearn_core.predicting.outputs import Making
from gammalearn_core.predicting.outputs import Task
from gammalearn_core.predicting.outputs import is_done
from gammalearn_core.predicting.outputs import write
from gammalearn_core.predicting.shards import Shard
from gammalearn_core.predicting.streaming import predict_events
from gammalearn_core.predicting.telling import Pace
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.results.dl2 import write_irf_config
from gammalearn_core.results.predictions import Predictions

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Options:
    """How files are predicted."""

    output: Path
    """Folder of the DL2 files."""
    shard: Shard | None = None
    layout: Layout | None = None
    """None for that of each DL1 file."""
    batch_size: int = 128
    computing: Computing = field(factory=Computing)
    threads: int = 0
    """Of torch; 0 leaves its choice."""
    cuts: bool = True
    telescopes: tuple[int, ...] | None = None
    trust_settings: bool = False
    overwrite: bool = False


@define
class Counts:
    """What became of the files."""

    written: int = 0
    skipped: int = 0
    failed: list[Path] = field(factory=list)
    images: int = 0
    """Samples that the files have."""
    predicted: int = 0
    """Those that have a prediction."""
    outputs: list[Path] = field(factory=list)
    """DL2 files that are there now."""


class Job:
    """Predicts files one after the other."""

    def __init__(self, making: Making, options: Options, pace: Pace, ask: Callable[[], None]) -> None:
        self.counts = Counts()
        self._making = making
        self._options = options
        self._pace = pace
        self._ask = ask
        self._trained_on = _trained_on(making.run)

    def do(self, tasks: Sequence[Task]) -> None:
        """Predict what is not done yet.

        Raises
        ------
        SettingsError
            Something else is where outputs are to go; all of it is told, and nothing has been predicted.
        """
        left = self._left(tasks)
        if left:
            _make_folder(self._options.output)
        for task in left:
            self._ask()
            try:
                self._do_one(task)
            except (DataError, SettingsError) as error:
                self._fail(task, error)
            except GammalearnError:
                raise
            except Exception as error:
                _log.debug("%s", task.input, exc_info=True)
                raise RunFailedError(f"{task.input}: {type(error).__name__}: {error}{place_of(error)}") from error
            self._pace.finish_file()
        write_irf_config(self._options.output, self.counts.outputs, self._making.model.built.tasks)

    def _left(self, tasks: Sequence[Task]) -> list[Task]:
        """What is not done yet. All that is in the way is told at once."""
        left: list[Task] = []
        problems: list[Problem] = []
        for task in tasks:
            self._ask()
            try:
                if self._is_done(task):
                    self.counts.skipped += 1
                    self.counts.outputs.append(task.output)
                    self._pace.finish_file()
                else:
                    left.append(task)
            except SettingsError as error:
                problems += error.problems
            except DataError:
                left.append(task)  # told when it is its turn
        if problems:
            raise SettingsError(problems, "the outputs")
        if self.counts.skipped:
            _log.info("%d files are done already", self.counts.skipped)
        return left

    def _is_done(self, task: Task) -> bool:
        if self._options.overwrite or not task.output.exists():
            return False
        return is_done(task.output, self._making.facts(task.input))

    def _do_one(self, task: Task) -> None:
        started = datetime.now(UTC)
        facts = self._making.facts(task.input)
        with self._pace.waits():
            opened = self._making.model.reader.open(task.input)
        try:
            predictions = predict_events(
                self._making.model, opened.events, batch_size=self._options.batch_size, pace=self._pace, ask=self._ask
            )
            overwrite = self._options.overwrite
            write(task, predictions, self._making, facts, started=started, overwrite=overwrite)
        finally:
            opened.close()
        if facts["input"]["sha256"] in self._trained_on:
            _log.warning("%s: the run was trained with this file, so that its predictions look too good", task.input)
        self._count(task, predictions, opened.total)

    def _count(self, task: Task, predictions: Predictions, total: int) -> None:
        self.counts.written += 1
        self.counts.outputs.append(task.output)
        self.counts.images += total
        self.counts.predicted += len(predictions.rows)
        _log.info("%s: %d of %d predicted", task.output.name, len(predictions.rows), total)
        broken = {name: _not_finite(values) for name, values in predictions.values.items()}
        for name, count in broken.items():
            if count:
                _log.warning("%s: %d predictions of %s are not finite, and not valid", task.output.name, count, name)

    def _fail(self, task: Task, error: GammalearnError) -> None:
        lines = [str(p) for p in error.problems] if isinstance(error, SettingsError) else [str(error)]
        told = "; ".join(lines)
        _log.error("%s", told if str(task.input) in told else f"{task.input}: {told}")
        self.counts.failed.append(task.input)

    def summary(self) -> str:
        """What became of the files, in a line."""
        counts = self.counts
        parts = [f"{counts.written} files written to {self._options.output}"]
        parts += [f"{counts.skipped} were done already"] if counts.skipped else []
        parts += [f"{len(counts.failed)} could not be predicted"] if counts.failed else []
        told = f"{counts.predicted} of {counts.images} images predicted, {self._pace.speed}"
        return "\n".join(["; ".join(parts), *([told] if counts.written else [])])


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the folder {folder} cannot be made: {error.strerror}"
        raise SettingsError([Problem("--output", what)], "the command line") from error


def _not_finite(values: Mapping[str, NDArray[Any]]) -> int:
    """Samples without a finite value of each quantity."""
    finite = [np.isfinite(v) for v in values.values()]
    return int(np.count_nonzero(~np.logical_and.reduce(finite))) if finite else 0


def _trained_on(run: RecordedRun) -> set[str]:
    """Checksums of the files that the run has learned from."""
    items = run.record.get("data")
    known = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return {str(item.get("sha256")) for item in known if item.get("source") != "test"}


__all__ = ["Counts", "Job", "Options"]

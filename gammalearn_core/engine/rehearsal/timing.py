"""Speed of reading and of a step, and what a run would take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from collections.abc import Iterator

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.batch import Batch
from gammalearn_core.engine.rehearsal.few import neighbours
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.engine.steps import evaluate_step
from gammalearn_core.engine.steps import read_all
from gammalearn_core.engine.training import train_step

_BATCHES = 6
_SECONDS = 4.0
"""Time after which a measurement takes no further batch."""


@frozen(kw_only=True)
class Speed:
    """Seconds a sample, or a batch of the settings."""

    reading: float
    """Seconds a sample when it is read for the first time."""
    again: float
    """Seconds a sample when it is read again; that of memory if the set stays there."""
    kept: bool
    """Whether the whole set stays in memory."""
    step: float
    """Seconds of a training step."""
    evaluation: float
    """Seconds of a batch in validation and test."""
    batch: int
    ahead: bool
    """Whether reading and training go on at the same time."""

    def epoch(self, samples: int, *, first: bool, training: bool = True) -> float:
        """Seconds of a pass over so many samples."""
        read = samples * (self.reading if first or not self.kept else self.again)
        worked = samples / self.batch * (self.step if training else self.evaluation)
        return max(read, worked) if self.ahead else read + worked

    @property
    def reading_limits(self) -> bool:
        """Whether reading takes longer than training, after the first epoch."""
        return (self.again if self.kept else self.reading) * self.batch > self.step

    def run(self, sizes: dict[str, int], epochs: int) -> float:
        """Seconds of all epochs, their validation, and the test."""
        first, later = (
            self.epoch(sizes["train"], first=f) + self.epoch(sizes["validation"], first=f, training=False)
            for f in (True, False)
        )
        end = self.epoch(sizes["validation"], first=False, training=False)
        return first + (epochs - 1) * later + end + self.epoch(sizes["test"], first=True, training=False)


def measure(running: RunningExperiment, rows: NDArray[np.int64], *, ahead: bool) -> Speed:
    """The speeds of a running experiment, which learns nothing any more.

    Parameters
    ----------
    running : RunningExperiment
    rows : array of int
        The training split, all of it.
    ahead : bool
        Whether the settings have batches read ahead.
    """
    for group in running.optimizer.param_groups:
        # The same steps over and over would lead anywhere.
        group["lr"] = 0.0
    parts = neighbours(rows, size=running.settings.batch_size, batches=_BATCHES)
    found, cold = _timed(read_all(running, parts))
    _, warm = _timed(read_all(running, parts[: len(found)]))
    samples = sum(map(len, found))
    return Speed(
        reading=sum(cold) / samples,
        again=sum(warm) / samples,
        kept=running.source.capacity >= len(running.source.events),
        step=_median(running, found, lambda batch: train_step(running, batch)),
        evaluation=_median(running, found, lambda batch: evaluate_step(running, batch)),
        batch=len(found[0]),
        ahead=ahead,
    )


def _timed(batches: Iterator[Batch]) -> tuple[list[Batch], list[float]]:
    """Batches as they come, with the seconds that each took."""
    found: list[Batch] = []
    seconds: list[float] = []
    start = time.perf_counter()
    for batch in batches:
        now = time.perf_counter()
        found.append(batch)
        seconds.append(now - start)
        if sum(seconds) > _SECONDS:
            break
        start = time.perf_counter()
    return found, seconds


def _median(running: RunningExperiment, batches: list[Batch], work: Callable[[Batch], object]) -> float:
    """Seconds of a whole batch, without the first, which warms up; the device has finished each."""
    seconds: list[float] = []
    for batch in (batches * 2)[: _BATCHES + 1]:
        start = time.perf_counter()
        work(batch)
        if running.device.type == "cuda":
            torch.cuda.synchronize(running.device)
        seconds.append((time.perf_counter() - start) * len(batches[0]) / len(batch))
        if sum(seconds) > _SECONDS:
            break
    return statistics.median(seconds[1:] or seconds)


__all__ = ["Speed", "measure"]

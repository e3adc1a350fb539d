"""What the user sees while a run goes on: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch
from ignite.engine import Engine
from ignite.engine import Events
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.progress import TimeRemainingColumn

from gammalearn_core.engine.memory import peak_memory

_log = logging.getLogger("gammalearn_core.progress")
INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""
REFRESH = 0.25
"""Seconds between two looks of the bar on a terminal."""


class TrainingProgress:
    """Shows epoch, step, loss, rate and the time left, and a line of metrics after each epoch.

    Beside them is the share of the time that training waits for data, and the largest memory so far.
    """

    def __init__(self, console: Console, epochs: int, device: torch.device) -> None:
        self._console = console
        self._epochs = epochs
        self._device = device
        self._waited = self._asked = 0.0
        self._bar: Progress | None = None
        self._start = self._shown = 0.0
        self._events = self._steps = 0
        self._first = 0

    def attach(self, trainer: Engine) -> None:
        """Follow a trainer."""
        trainer.add_event_handler(Events.STARTED, self._started)
        trainer.add_event_handler(Events.GET_BATCH_STARTED, self._ask)
        trainer.add_event_handler(Events.GET_BATCH_COMPLETED, self._get)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._step)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """One line of losses and metrics."""
        parts = [f"{split} loss {values['loss']:.4g}" for split, values in metrics.items() if "loss" in values]
        validation = metrics.get("validation", {})
        parts += [f"{n} {v:.4g}" for n, v in validation.items() if "loss" not in n and not n.endswith("/n") and v == v]
        _log.info("epoch %d/%d  %s", epoch, self._epochs, "  ".join(parts))

    def _started(self, engine: Engine) -> None:
        self._start = self._shown = time.monotonic()
        self._first = engine.state.iteration
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
                refresh_per_second=1 / REFRESH,
            )
            total = self._epochs * (engine.state.epoch_length or 0)
            self._task = self._bar.add_task("training", total=total, completed=self._first, facts="")
            self._bar.start()

    def _ask(self, engine: Engine) -> None:
        self._asked = time.monotonic()

    def _get(self, engine: Engine) -> None:
        self._waited += time.monotonic() - self._asked

    def _step(self, engine: Engine) -> None:
        state = engine.state
        output: Any = state.output
        self._events += output["n"]
        now = time.monotonic()
        if now - self._shown < (INTERVAL if self._bar is None else REFRESH):
            return
        self._shown = now
        facts = f"loss {output['losses']['loss']:.4g}  {self._speed(now)}"
        if self._bar is not None:
            description = f"epoch {state.epoch}/{self._epochs}"
            self._bar.update(self._task, completed=state.iteration, description=description, facts=facts)
            return
        total = self._epochs * (state.epoch_length or 0)
        left = (now - self._start) / (state.iteration - self._first) * (total - state.iteration)
        where = f"epoch {state.epoch}/{self._epochs}  step {state.iteration}/{total}"
        _log.info("%s  %s  %s left", where, facts, timedelta(seconds=round(left)))

    def _speed(self, now: float) -> str:
        passed = max(now - self._start, 1e-9)
        memory = peak_memory(self._device) / 2**30
        return f"{self._events / passed:.0f} events/s  {self._waited / passed:.0%} waiting  {memory:.1f} GiB"


def console() -> Console:
    """The terminal, or the stream that output goes to."""
    return Console(file=sys.stderr)


def silent_console() -> Console:
    """Where processes other than the first one talk to."""
    return Console(quiet=True)


__all__ = ["INTERVAL", "REFRESH", "TrainingProgress", "console", "silent_console"]

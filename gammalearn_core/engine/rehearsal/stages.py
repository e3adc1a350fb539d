"""The stages of a rehearsal, each of which may fail alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attrs import define
from attrs import field
from ignite.engine import Engine
from ignite.engine import Events

from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.prepare import fit_transforms
from gammalearn_core.engine.rehearsal import telling
from gammalearn_core.engine.rehearsal.comparing import digests
from gammalearn_core.engine.rehearsal.few import size_problems
from gammalearn_core.engine.rehearsal.handlers import call_the_rest
from gammalearn_core.engine.rehearsal.page import Page
from gammalearn_core.engine.rehearsal.reloading import go_on_from
from gammalearn_core.engine.rehearsal.results import write_and_read_back
from gammalearn_core.engine.rehearsal.sizes import bytes_in
from gammalearn_core.engine.rehearsal.sizes import check_room
from gammalearn_core.engine.rehearsal.sizes import without_gradient
from gammalearn_core.engine.rehearsal.small import SmallRun
from gammalearn_core.engine.rehearsal.small import small_run
from gammalearn_core.engine.rehearsal.talking import quiet
from gammalearn_core.engine.rehearsal.timing import measure
from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.engine.run import write_settings
from gammalearn_core.engine.state import check_loadable
from gammalearn_core.engine.state import state_of
from gammalearn_core.errors import NonFiniteLossError
from gammalearn_core.settings.load import SettingsFile

_KEPT = "rehearsed.pt"
_EVENTS = 5
"""Events of a batch whose loss is not finite that are told."""


@define(kw_only=True)
class Stages:
    """A rehearsal of a built experiment."""

    file: SettingsFile
    folder: RunFolder
    logdir: Path
    ahead: bool
    """Whether the settings have batches read ahead."""
    page: Page
    troubles: Troubles
    ends: dict[str, str] = field(factory=dict)
    """Checksums of the state after the epoch; empty until it has ended."""

    def go_through(self, built: Built, description: dict[str, Any], record: dict[str, Any]) -> None:
        """All stages. One that needs what another would have given is left out if that has failed."""
        small = None
        with self.troubles.stage("data"):
            small = small_run(built, self.folder, self.troubles)
        if small is None:
            return
        try:
            with self.troubles.stage("rehearsal"):
                self._begin(small, description, record)
                with self.troubles.stage("training"):
                    self._train(small)
                self._tell_training(small)
                self._reload(small)
                self._end(small)
                self._time(small)
        finally:
            small.running.close()

    def _begin(self, small: SmallRun, description: dict[str, Any], record: dict[str, Any]) -> None:
        running = small.running
        telling.tell_data(self.page, small)
        for what in size_problems(small.sizes, running.settings.batch_size):
            self.troubles.warn("batch_size", what)
        write_settings(self.file, running, description)
        self.folder.write_json(self.folder.run_json, record | small.described)

    def _train(self, small: SmallRun) -> None:
        """An epoch of few steps, with its validation. A checkpoint is kept before the last step."""
        running = small.running
        with self.troubles.stage("checkpoint"):
            check_loadable(running)
        fit_transforms(running)
        # After the user's handlers, as the loop itself does it.
        event = Events.ITERATION_COMPLETED if len(small.order) > 1 else Events.STARTED
        running.trainer.add_event_handler(event, self._keep, small)
        try:
            with torch.autograd.set_detect_anomaly(True):
                small.loop.train()
        except NonFiniteLossError as error:
            self._tell_non_finite(error, small)
            return
        self.ends = digests(small)

    def _keep(self, engine: Engine, small: SmallRun) -> None:
        if engine.state.iteration == len(small.order) - 1:
            state = state_of(small.running, small.loop.progress, small.loop.epoch_length)
            checkpoint.save(self._kept, state)

    @property
    def _kept(self) -> Path:
        return self.folder.checkpoints / _KEPT

    def _tell_non_finite(self, error: NonFiniteLossError, small: SmallRun) -> None:
        what = str(error).partition(" The batch's events")[0]
        place = telling.first_not_finite(small.watch)
        lines = [f"first seen in {place}"] if place else []
        record = self.folder.read_json(self.folder.path / "non_finite.json") or {"events": []}
        lines += [", ".join(f"{n} {v}" for n, v in event.items()) for event in record["events"][:_EVENTS]]
        lines += [f"and {len(record['events']) - _EVENTS} more"] if len(record["events"]) > _EVENTS else []
        self.troubles.add("training", what, code=error.exit_code, lines=tuple(lines))

    def _tell_training(self, small: SmallRun) -> None:
        telling.tell_images(self.page, small.watch)
        telling.tell_tasks(self.page, small)
        telling.tell_network(self.page, small.running, small.watch)
        missing, _ = without_gradient(small.running.network, small.watch.reached, small.watch.moved)
        if missing and self.ends:
            self.troubles.warn(
                "network", f"no gradient reached {telling.named(missing)}: in these steps they did not learn"
            )

    def _reload(self, small: SmallRun) -> None:
        if not self.ends:
            return
        if not self._kept.is_file():
            self.troubles.add("checkpoint", "it could not be written")
            return
        same = False
        with self.troubles.stage("going on from a checkpoint"), quiet():
            folder = RunFolder(self.folder.path.with_name("again"))
            folder.path.mkdir()
            same = go_on_from(self._kept, small, self.ends, self.file, folder, self.troubles)
        telling.tell_checkpoint(self.page, step=len(small.order) - 1, same=same, size=self._kept.stat().st_size)

    def _end(self, small: SmallRun) -> None:
        written: list[Path] = []
        with self.troubles.stage("test"):
            written = write_and_read_back(small, self.troubles)
        if self.ends:
            call_the_rest(small.running, small.handlers)
        for calls in small.handlers:
            if calls.never:
                self.troubles.warn(calls.label, f"its turn never comes: {calls.when}, which comes {calls.total} times")
        telling.tell_handlers(self.page, small.handlers, trained=bool(self.ends))
        telling.tell_results(self.page, self.folder.path, written)
        if self._kept.is_file():
            rehearsed, samples = len(small.running.splits["test"]), small.sizes["test"]
            predictions = bytes_in(self.folder.predictions) * samples // max(1, rehearsed)
            check_room(self.logdir, self._kept.stat().st_size, predictions, self.page, self.troubles)

    def _time(self, small: SmallRun) -> None:
        if not self.ends:
            return
        with self.troubles.stage("speed"):
            speed = measure(small.running, small.splits["train"], ahead=self.ahead)
            telling.tell_speed(self.page, small.running, speed, small.sizes)


__all__ = ["Stages"]

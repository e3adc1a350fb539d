"""When checkpoints are written, and what becomes of those for which there is no room."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.errors import RunFailedError


class Saving:
    """Writes the checkpoints of a run; only its first process does.

    The last checkpoint knows which epoch is the best, so that it waits until the best one is on the disk.

    Parameters
    ----------
    running : RunningExperiment
    state : callable
        Gives the state as it is.
    """

    def __init__(self, running: RunningExperiment, state: Callable[[], dict[str, Any]]) -> None:
        self._running = running
        self._state = state
        self._held: dict[str, Any] | None = None
        self._is_saved = True
        self._saved = time.monotonic()

    def save_best(self) -> None:
        """Write the state as that of the best epoch; if there is no room, it is held until there is."""
        self._held = None
        state = self._state()
        if not self._save(checkpoint.BEST, state):
            self._held = deepcopy(state)

    def save_last(self) -> None:
        """Write the state to go on from."""
        # What a killed run has told of steps before the checkpoint is not told again.
        self._running.flush()
        self._saved = time.monotonic()
        if self._held is not None and self._save(checkpoint.BEST, self._held):
            self._held = None
        self._is_saved = self._held is None and self._save(checkpoint.LAST, self._state(), keep_as=checkpoint.PREVIOUS)

    def save_in_time(self) -> None:
        """Write it if the last one is as old as the settings say."""
        if time.monotonic() - self._saved > self._running.settings.checkpoint_minutes * 60:
            self.save_last()

    def insist(self) -> None:
        """Make sure that the end of training is on the disk.

        Raises
        ------
        RunFailedError
            It is not, and cannot be written.
        """
        if not self._is_saved:
            self.save_last()
        if not self._running.world.share(self._is_saved):
            what = f"the weights cannot be written to {self._running.folder.checkpoints}"
            raise RunFailedError(f"{what}. When they can, the same command goes on from the checkpoint that is there")

    def _save(self, name: str, state: dict[str, Any], *, keep_as: str | None = None) -> bool:
        if not self._running.world.first:
            return True
        folder = self._running.folder.checkpoints
        return checkpoint.save(folder / name, state, keep_as=folder / keep_as if keep_as else None)


__all__ = ["Saving"]

"""Ctrl-C, the signals of batch systems, and the end of the time: the first asks, a second Ctrl-C ends.

A handler only sets a flag. The loop looks at it between steps, so that nothing is written inside a handler.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from types import FrameType
from types import TracebackType
from typing import TYPE_CHECKING

from gammalearn_core.settings.fields import seconds

if TYPE_CHECKING:
    from gammalearn_core.engine.distributed import World

SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")


class StopRequest:
    """A context in which signals ask for a stop.

    Parameters
    ----------
    max_time : str, optional
        Time after which a stop is asked for, ``"[days-]hours:minutes:seconds"``.
    since : float, optional
        When that time began, by `time.monotonic`; now by default.

    Attributes
    ----------
    agreed : str
        Why all processes stop; empty as long as they do not.
    """

    def __init__(self, max_time: str | None = None, *, since: float | None = None) -> None:
        self.agreed = ""
        self._signal = ""
        self._max_time = max_time
        start = time.monotonic() if since is None else since
        self._end = start + seconds(max_time) if max_time else math.inf
        self._before: dict[int, object] = {}

    @property
    def reason(self) -> str:
        """Why this process is to stop; empty if it is not."""
        if self._signal or time.monotonic() < self._end:
            return self._signal
        return f"max_time={self._max_time!r}"

    def settle(self, anybody: bool) -> bool:
        """Whether all processes stop, if ``anybody`` is asked to; each must call it at the same place."""
        if anybody:
            self.agreed = self.reason or "another process"
        return anybody

    def ask(self, world: World) -> bool:
        """Whether any process is asked to stop. All processes must call it at the same place."""
        return self.settle(any(world.total([bool(self.reason)])))

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = signal.Signals(number).name


__all__ = ["SIGNALS", "StopRequest"]

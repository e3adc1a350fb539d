"""Ctrl-C and the signals of batch systems: the first asks, the second ends.

A handler only sets a flag. The loop looks at it between steps, so that nothing is written inside a handler.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from types import TracebackType

SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")


class StopRequest:
    """A context in which the signals ask for a stop.

    Attributes
    ----------
    signal : str
        The signal that was received; empty if none was.
    """

    def __init__(self) -> None:
        self.signal = ""
        self._before: dict[int, object] = {}

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
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number).name


__all__ = ["SIGNALS", "StopRequest"]

"""Messages of a rehearsal: all of them, DEBUG too, with the lines of the user's code where an error arose."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import redirect_stdout
from pathlib import Path

from rich.console import Console

from gammalearn_core.engine.rehearsal.troubles import Troubles
from gammalearn_core.engine.rehearsal.troubles import user_lines
from gammalearn_core.engine.rehearsal.troubles import user_lines_of_text

_OURS = "gammalearn_core"
_FORWARD = "Traceback of forward call that caused the error"
"""What torch's anomaly detection says before it shows where a bad gradient comes from."""


class _Talking(logging.Handler):
    """Prints messages as they are, with their level if it is not that of a plain message."""

    def __init__(self, console: Console, level: int, troubles: Troubles) -> None:
        super().__init__(level)
        self._console = console
        self._troubles = troubles

    def emit(self, record: logging.LogRecord) -> None:
        lines = [record.getMessage()]
        if _FORWARD in lines[0]:
            self._troubles.forward = user_lines_of_text(lines[0])
            return
        if record.levelno != logging.INFO:
            lines[0] = f"{record.levelname.lower()}: {lines[0]}"
        if record.exc_info and record.exc_info[1] is not None:
            lines += [f"    {line}" for line in user_lines(record.exc_info[1])]
        self._console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def debug_messages(console: Console, troubles: Troubles) -> Iterator[None]:
    """Print what the framework says, and the warnings of others."""
    ours, root = logging.getLogger(_OURS), logging.getLogger()
    attached = [
        (ours, _Talking(console, logging.DEBUG, troubles)),
        (root, _Talking(console, logging.WARNING, troubles)),
    ]
    before = (ours.level, ours.propagate)
    ours.setLevel(logging.DEBUG)
    ours.propagate = False
    for logger, handler in attached:
        logger.addHandler(handler)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for logger, handler in attached:
            logger.removeHandler(handler)
        ours.level, ours.propagate = before


@contextmanager
def kept_in(path: Path) -> Iterator[None]:
    """Also write messages to a file, as a run does."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger(_OURS).addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger(_OURS).removeHandler(handler)
        handler.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Say nothing, for what is done a second time."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


__all__ = ["debug_messages", "kept_in", "quiet"]

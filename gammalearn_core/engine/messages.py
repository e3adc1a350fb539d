"""Messages of a run: short on the terminal; with times and more detail in ``log.txt``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from gammalearn_core.engine.folder import RunFolder


class _ConsoleHandler(logging.Handler):
    """Prints messages as they are, above a progress bar if there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        self._console.print(prefix + self.format(record), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def messages(folder: RunFolder, console: Console) -> Iterator[None]:
    """Show and keep what the framework says while this context is open."""
    logger = logging.getLogger("gammalearn_core")
    to_file = logging.FileHandler(folder.log, encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers = (to_file, _ConsoleHandler(console))
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        to_file.close()
        logger.setLevel(level)
        logger.propagate = propagate


__all__ = ["messages"]

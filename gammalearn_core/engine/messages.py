"""Messages of a run: short on the terminal; with times and more detail in ``log.txt``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress

from rich.console import Console

from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.provenance.paths import nameless


class _QuietFileHandler(logging.FileHandler):
    """Goes on without a word if the disk is full: the run itself tells."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class _NamelessFormatter(logging.Formatter):
    """Does not tell whose the home folder is: run folders are passed on."""

    def format(self, record: logging.LogRecord) -> str:
        return nameless(super().format(record))


class _ConsoleHandler(logging.Handler):
    """Prints messages as they are, above a progress bar if there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        self._console.print(prefix + self.format(record), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def messages(folder: RunFolder | None, console: Console) -> Iterator[None]:
    """Show what the framework says while this context is open, and keep it if there is a run folder."""
    ours, root = logging.getLogger("gammalearn_core"), logging.getLogger()
    to_file = _QuietFileHandler(folder.log, encoding="utf-8") if folder is not None else logging.NullHandler()
    to_file.setFormatter(_NamelessFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # What others say goes to the file, and to the terminal if it is a warning.
    of_others = _ConsoleHandler(console)
    of_others.setLevel(logging.WARNING)
    attached = [(ours, to_file), (ours, _ConsoleHandler(console)), (root, to_file), (root, of_others)]
    before = (ours.level, ours.propagate, root.level)
    ours.setLevel(logging.DEBUG)
    ours.propagate = False
    root.setLevel(logging.INFO)
    for logger, handler in attached:
        logger.addHandler(handler)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for logger, handler in attached:
            logger.removeHandler(handler)
        to_file.close()
        ours.level, ours.propagate, root.level = before


class Held(logging.Handler):
    """Messages from before there is a run folder to keep them in."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)

    def tell(self) -> None:
        """Say them now."""
        ours = logging.getLogger("gammalearn_core")
        ours.removeHandler(self)
        for record in self._records:
            logging.getLogger(record.name).handle(record)
        self._records.clear()


@contextmanager
def held() -> Iterator[Held]:
    """Hold messages of the framework back until they are told, at the end of the context at the latest."""
    handler = Held()
    logging.getLogger("gammalearn_core").addHandler(handler)
    try:
        yield handler
    finally:
        handler.tell()


__all__ = ["Held", "held", "messages"]

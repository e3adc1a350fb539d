"""The file in which Optuna keeps a study: fit for network file systems, and for workers that are killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal import JournalFileSymlinkLock

from gammalearn_core.errors import DataError


def open_journal(path: Path) -> JournalStorage:
    """The journal, which is made if it is not there.

    Raises
    ------
    DataError
        It is damaged.
    """
    # Absolute, because the symbolic link that locks would otherwise lead nowhere and never be found stale.
    path = path.resolve()
    lock = JournalFileSymlinkLock(str(path))
    _mend(path, lock)
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(f"{path} is damaged ({error}); --study starts another study") from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes out, by a link beside a file; one that was killed is waited for half a minute."""
    path = path.resolve()
    if not path.exists():
        path.touch()
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _mend(journal: Path, lock: JournalFileSymlinkLock) -> None:
    """Cut off a line that was not written to its end, onto which the next would otherwise be appended."""
    if not journal.exists():
        return
    lock.acquire()
    try:
        with journal.open("rb+") as stream:
            text = stream.read()
            if text and not text.endswith(b"\n"):
                stream.truncate(text.rfind(b"\n") + 1)
    finally:
        lock.release()


__all__ = ["alone", "open_journal"]

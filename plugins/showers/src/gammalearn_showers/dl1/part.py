"""`PartFile`: an HDF5 file that gets its name only when it is complete."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import h5py

from gammalearn_core import GammalearnError


class DL1WriteError(GammalearnError):
    """A file could not be written: mostly because the disk is full."""


class PartFile:
    """An HDF5 file that is written beside its final place, as ``.<name>.part``.

    It is renamed when it is complete and on the disk. Anything else leaves no file of the final name, and no part
    file either, unless the process is killed: the next try then overwrites it.

    Parameters
    ----------
    path : Path
        Final place; a file that is there is replaced.

    Raises
    ------
    DL1WriteError
        The file cannot be created, or another process is writing it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = _part_of(path)
        with self._told():
            self._owned = self.part.open("ab")
        try:
            # HDF5 would look for a lock only after it has emptied the file.
            fcntl.flock(self._owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._owned.close()
            raise DL1WriteError(f"{path} is being written by another process, in {self.part.name}") from None
        except OSError:
            pass  # a file system without locks
        try:
            with self._told():
                # All writes are of whole chunks, so that HDF5 has no use for its cache of chunks.
                self.h5 = h5py.File(self.part, "w", rdcc_nbytes=0, locking=False)
        except BaseException:
            self._remove()
            raise

    @contextmanager
    def writing(self) -> Iterator[h5py.File]:
        """The open file; after an error, the part file is gone.

        Raises
        ------
        DL1WriteError
            The system did not let us write.
        """
        try:
            with self._told():
                yield self.h5
        except BaseException:
            self.discard()
            raise

    def complete(self) -> None:
        """Give the file its name.

        Raises
        ------
        DL1WriteError
            The system did not let us write; the part file is gone.
        """
        with self.writing():
            self.h5.close()
            os.fsync(self._owned)
            self.part.replace(self.path)
            _sync_folder(self.path.parent)
        self._owned.close()

    def discard(self) -> None:
        """Remove what was written; nothing happens if that is done, or the file complete."""
        if self._owned.closed:
            return
        # What cannot be written cannot be flushed either, and the file is to be removed.
        with suppress(OSError, RuntimeError):
            self.h5.close()
        self._remove()

    def _remove(self) -> None:
        self.part.unlink(missing_ok=True)
        self._owned.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DL1WriteError(
                f"{self.path} could not be written: {_reason(error)}\n    nothing of it was kept;"
                f" see that {self.path.parent} exists, is yours to write to and has space left, and start again"
            ) from error


def remove_part(path: Path) -> None:
    """Remove what a killed process left of a file, unless another process is writing it."""
    part = _part_of(path)
    with suppress(OSError), part.open("rb+") as left:
        fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _reason(error: OSError) -> str:
    """The system's words, which HDF5 buries in its own."""
    return os.strerror(error.errno) if error.errno else str(error)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["DL1WriteError", "PartFile", "remove_part"]

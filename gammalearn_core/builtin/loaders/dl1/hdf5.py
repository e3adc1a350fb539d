"""HDF5 files that are open for reading: few at a time, whatever their number, and never locked against others."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses

from gammalearn_core.builtin.loaders.dl1.instrument import Known
from gammalearn_core.builtin.loaders.dl1.places import RawFiles
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError

_LIMIT = 8
"""Files open at once. Each takes one or two megabytes, and a production has more than a process may open."""


class OpenFiles:
    """Files by path, opened when they are asked for; the one that was not used for longest is closed first.

    A thread that has a file holds the lock until it gives it back, so that no file is closed under its hands.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._files: OrderedDict[Path, h5py.File] = OrderedDict()
        self._lock = RLock()
        self._process = os.getpid()
        self.raw = RawFiles()
        self.cameras: Known = {}

    @contextmanager
    def open(self, path: Path) -> Iterator[h5py.File]:
        """A file, until the end of the context.

        Raises
        ------
        DataError
            It is not there, is no HDF5, or ends too early.
        """
        with self._lock, blamed(path):
            yield self._file(path)

    def close(self) -> None:
        """Close all files; they open again when they are asked for."""
        with self._lock:
            self.raw.close()
            while self._files:
                self._close_oldest()

    def _close_oldest(self) -> None:
        self._files.popitem(last=False)[1].close()

    def _file(self, path: Path) -> h5py.File:
        if os.getpid() != self._process:
            # Handles are not shared with a process that was forked: HDF5 would mix up where they are in the file.
            self._files, self._process = OrderedDict(), os.getpid()
        if path not in self._files:
            while len(self._files) >= self._limit:
                self._close_oldest()
            self._files[path] = open_hdf5(path)
        self._files.move_to_end(path)
        return self._files[path]


@contextmanager
def blamed(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a file is used is said of the file: one that is damaged may be so in any way."""
    try:
        yield
    except GammalearnError:
        raise
    except Exception as error:
        raise DataError(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def open_hdf5(path: Path) -> h5py.File:
    """A file, open for reading.

    Raises
    ------
    DataError
        It is not there, is no HDF5, or ends too early.
    """
    try:
        return h5py.File(path, "r", locking="best-effort")
    except (OSError, RuntimeError) as error:
        what = "is truncated: it ends too early" if "truncated" in str(error) else f"cannot be opened as HDF5: {error}"
        raise DataError(f"{path} {what}") from error


__all__ = ["OpenFiles", "blamed", "open_hdf5"]

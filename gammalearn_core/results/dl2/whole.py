"""Files that are whole or not there: written beside, flushed to the disk, opened once more and renamed."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import h5py

from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


class OutputError(GammalearnError):
    """A file cannot be written: the disk is full, the folder cannot be written to, another process writes it."""


class _Disk:
    """Bytes of a part file, as h5py's driver for file objects wants them.

    HDF5 is not told that a write has failed: the process would end by a segmentation fault (HDF5 2.0). The error is
    kept and raised when HDF5 has closed the file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def readinto(self, buffer: memoryview) -> int:
        read = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        buffer[read:] = bytes(len(buffer) - read)
        return len(buffer)

    def write(self, data: memoryview) -> int:
        with self._kept():
            left = memoryview(data).cast("B")
            while left:
                left = left[self._stream.write(left) :]
        return len(data)

    def truncate(self, size: int) -> int:
        with self._kept():
            self._stream.truncate(size)
        return size

    def flush(self) -> None:
        """Nothing: what is written is flushed once, in the end."""

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error


@contextmanager
def whole(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file that appears under its name, in place of what was there, when the block ends without an error.

    Until then it is ``.<name>.part``, which is removed if the block fails; what a killed process leaves of it is
    written over by the next one.

    Raises
    ------
    OutputError
        It cannot be written, or another process is writing it.
    """
    part = path.with_name(f".{path.name}.part")
    with _reserved(part, path) as stream:
        disk = _Disk(stream)
        try:
            with _telling(path, disk):
                with h5py.File(disk, "w") as h5:
                    yield h5
                _raise_kept(disk)
                os.fsync(stream.fileno())
                h5py.File(part, "r", locking=False).close()
                part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _raise_kept(disk: _Disk) -> None:
    if disk.error is not None:
        raise disk.error


def whole_text(path: Path, content: str) -> None:
    """Write a small text file so that it is whole or as it was, whatever other processes write there.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _telling(path):
        try:
            part.write_text(content, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    """Refuse to write over a file.

    Raises
    ------
    SettingsError
        There is one.
    """
    if path.exists():
        hint = "remove it, or write to another folder"
        raise SettingsError([Problem(str(path), "is there already, and is not written over", hint)])


@contextmanager
def _reserved(part: Path, path: Path) -> Iterator[BinaryIO]:
    """The part file, empty and locked for this process where the file system can lock."""
    with _telling(path):
        stream = open(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)  # noqa: SIM115
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{path}: another process is writing it; wait for it or end it") from None
        except OSError:
            pass
        if not _same(stream, part):
            raise OutputError(f"{path}: another process has just written it")
        stream.truncate(0)
        yield stream


def _same(stream: BinaryIO, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    return False


@contextmanager
def _telling(path: Path, disk: _Disk | None = None) -> Iterator[None]:
    """Say of which file an error of the system is, and what helps. HDF5 gives some as a `RuntimeError`."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        first = (disk and disk.error) or error
        raise OutputError(f"{path} cannot be written: {_reason(first)}; nothing is left of it") from error


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error) or "quota" in str(error).lower():
        return "the disk is full or the quota used up; make room and do it again"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


__all__ = ["OutputError", "refuse_existing", "whole", "whole_text"]

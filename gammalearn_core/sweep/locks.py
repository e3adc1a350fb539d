"""A lock on a file that ends with the processes that hold it, however they end."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class FileLock:
    """A lock that children may inherit: it is free when the last of those that hold it has ended.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     first, second = FileLock(Path(folder) / "lock"), FileLock(Path(folder) / "lock")
    ...     print(first.take(), second.take())
    ...     first.release()
    ...     print(second.take())
    ...     second.release()
    True False
    True
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[bytes] | None = None

    def take(self, *, unknown: bool = True) -> bool:
        """Try to take it; ``unknown`` is the answer where the file system cannot lock."""
        stream = self._path.open("ab")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            return False
        except OSError:
            stream.close()
            return unknown
        self._stream = stream
        return True

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a child needs to hold it too."""
        return () if self._stream is None else (self._stream.fileno(),)

    def release(self) -> None:
        """Let it go in this process."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


__all__ = ["FileLock"]

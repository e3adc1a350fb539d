"""What reading a file must not leave behind."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from damage.attributes import TRAP


def digest(path: Path) -> str:
    """What a file holds."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def traces(path: Path, content: str) -> list[str]:
    """What must not have happened, and has."""
    found = []
    if digest(path) != content:
        found.append("the file was changed")
    if not _lock(path, fcntl.LOCK_EX):
        found.append("the file is still open")
    if (path.parent / TRAP).exists():
        (path.parent / TRAP).unlink()
        found.append("code of the file was executed")
    if Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        found.append("there is a child process")
    if "tables" in sys.modules:
        found.append("PyTables was imported, which executes pickles")
    return found


def can_be_read(path: Path) -> bool:
    """Whether another may read the file now; HDF5 locks files with ``flock``."""
    return _lock(path, fcntl.LOCK_SH)


def _lock(path: Path, how: int) -> bool:
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, how | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def forget_the_peak() -> None:
    """Count the most memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Most memory so far, MB."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1000)


__all__ = ["can_be_read", "digest", "forget_the_peak", "peak", "traces"]

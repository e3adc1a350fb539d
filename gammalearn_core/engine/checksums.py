"""Checksums of input files, remembered in the user's cache: a terabyte is not read again at each start."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

_SETTLED = 2.0
"""Seconds after which a change of a file also changes its time, on any file system."""


def sha256_of(path: Path) -> str:
    """The checksum of a file.

    It is computed once for a path, size and time of change. ``GAMMALEARN_CACHE`` names the folder where it is kept;
    set and empty, nothing is kept. Nothing is ever written beside the data.
    """
    fact = _fact(path)
    remembered = _place(path)
    if remembered is not None and (known := _recalled(remembered, fact)):
        return known
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if remembered is not None and fact == _fact(path) and time.time() - path.stat().st_mtime > _SETTLED:
        _remember(remembered, {**fact, "sha256": digest})
    return digest


def _fact(path: Path) -> dict[str, str | int]:
    """What changes when the file does."""
    state = path.stat()
    return {"path": str(path.resolve()), "bytes": state.st_size, "time": state.st_mtime_ns, "inode": state.st_ino}


def _place(path: Path) -> Path | None:
    """Where the checksum of a path is kept, if it is."""
    given = os.environ.get("GAMMALEARN_CACHE")
    if given == "":
        return None
    folder = Path(given) if given else user_cache_path("gammalearn")
    name = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:32]
    return folder / "checksums" / f"{name}.json"


def _recalled(place: Path, fact: dict[str, str | int]) -> str:
    try:
        known = json.loads(place.read_text(encoding="utf-8"))
        same = all(known[name] == value for name, value in fact.items())
        return str(known["sha256"]) if same else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _remember(place: Path, known: dict[str, str | int]) -> None:
    """Keep a checksum; where that cannot be done, it is computed again the next time."""
    part = place.with_suffix(f".{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(place)
    except (OSError, ValueError):
        with suppress(OSError):
            part.unlink()


__all__ = ["sha256_of"]

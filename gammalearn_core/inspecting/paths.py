"""Which files are meant."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path


def expand(patterns: Iterable[str]) -> list[Path]:
    """Files that are named, those that match a pattern sorted, each once. What matches nothing stays as it is."""
    found: dict[str, Path] = {}
    for pattern in patterns:
        for path in _matches(pattern):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _matches(pattern: str) -> list[Path]:
    if os.path.lexists(pattern) or not glob.has_magic(pattern):
        return [Path(pattern)]
    matches = [Path(m) for m in sorted(glob.glob(os.path.expanduser(pattern), recursive=True))]
    return [m for m in matches if not m.is_dir()] or [Path(pattern)]


__all__ = ["expand"]

"""What is known of files as plain values: the JSON of ``gammalearn info --json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from gammalearn_core.inspecting.records import FileInfo

SCHEMA = 1
"""Version of the JSON; it is public API."""


def as_json(files: Sequence[FileInfo]) -> dict[str, Any]:
    """Everything that is known of these files, and sums."""
    return {"schema": SCHEMA, "files": [_file(info) for info in files], "total": _total(files)}


def _file(info: FileInfo) -> dict[str, Any]:
    values = attrs.asdict(info)
    problems = values.pop("problems")
    found: dict[str, Any] = _plain(values | {"usable": info.usable, "problems": problems})
    return found


def _total(files: Sequence[FileInfo]) -> dict[str, Any]:
    return {
        "files": len(files),
        "unusable": sum(not info.usable for info in files),
        "events": sum(info.events or 0 for info in files),
        "images": sum(info.images or 0 for info in files),
        "particles": sum_particles(files),
    }


def sum_particles(files: Sequence[FileInfo]) -> dict[str, int]:
    """Events by particle, of all files."""
    total: dict[str, int] = {}
    for info in files:
        for name, number in info.particles.items():
            total[name] = total.get(name, 0) + number
    return total


def _plain(value: Any) -> Any:
    """JSON has no NaN, and paths are texts there."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


__all__ = ["SCHEMA", "as_json", "sum_particles"]

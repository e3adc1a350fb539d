"""Where the DL2 files of a run are, and what it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import frozen

from gammalearn_core import Problem
from gammalearn_core import SettingsError

ENDING = ".h5"


@frozen(kw_only=True)
class Found:
    """Predictions that can be exported."""

    path: Path
    label: str
    """What an experiment is called that has no other name."""
    run_id: str
    """Tells runs of one experiment apart; empty if it is no run."""
    kind: str
    """``run``, ``baseline`` or ``files``."""
    files: tuple[Path, ...]


def find(path: Path, *, where: str = "RUN") -> Found:
    """A run, its baseline, or a folder of DL2 files.

    Raises
    ------
    SettingsError
        There is no DL2 file.
    """
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise SettingsError([Problem(where, f"{path} {what}", "name a run folder, or a folder of DL2 files")])
    is_run = (path / "run.json").is_file()
    inside = path / "predictions"
    folder = inside if is_run or inside.is_dir() else path
    files = sorted(p for p in folder.glob(f"*{ENDING}") if p.is_file()) if folder.is_dir() else []
    if not files:
        what = "the run has written no predictions" if is_run else f"there is no DL2 file in {folder}"
        hint = "it needs a test split, simulated DL1 files, and to have come to its end" if is_run else ""
        raise SettingsError([Problem(where, f"{path}: {what}", hint)])
    kind, label, run_id = _called(path.resolve())
    return Found(path=path, label=label, run_id=run_id, kind=kind, files=tuple(files))


def _called(path: Path) -> tuple[str, str, str]:
    run = read_json(path / "run.json")
    if run:
        return "run", str(run.get("experiment") or path.parent.name), str(run.get("run_id") or path.name)
    of = read_json(path.parent / "run.json") if (path / "baseline.json").is_file() else {}
    if of:
        name = str(of.get("experiment") or path.parent.parent.name)
        return "baseline", f"{name}_baseline", str(of.get("run_id") or path.parent.name)
    return "files", path.name, ""


def read_json(path: Path) -> dict[str, Any]:
    """An object; an empty one if there is none, or it is damaged: what is read of it is told, not needed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


__all__ = ["Found", "find", "read_json"]

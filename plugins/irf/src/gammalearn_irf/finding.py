"""Where the DL2 files of a run are."""

from __future__ import annotations

import json
from pathlib import Path

from gammalearn_core import Problem
from gammalearn_core import SettingsError

ENDINGS = (".h5", ".hdf5")


def find_files(path: Path, *, where: str = "RUN") -> list[Path]:
    """DL2 files of a run folder, or those in a folder of DL2 files.

    Raises
    ------
    SettingsError
        There are none.
    """
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise SettingsError([Problem(where, f"{path} {what}", "name a run folder, or a folder of DL2 files")])
    is_run = (path / "run.json").is_file()
    folder = path / "predictions" if is_run else path
    found = sorted(p for p in folder.glob("*") if p.suffix in ENDINGS and p.is_file()) if folder.is_dir() else []
    if not found:
        what = "the run has written no predictions" if is_run else f"there is no DL2 file in {folder}"
        hint = "it needs a test split, ctapipe DL1 files, and to have come to its end" if is_run else ""
        raise SettingsError([Problem(where, f"{path}: {what}", hint)])
    return found


def cuts_of(path: Path) -> list[str]:
    """A note on the cuts of a run, whose events are lost to the responses; nothing if there are none to know of."""
    try:
        filters = json.loads((path / "experiment.json").read_text(encoding="utf-8"))["filters"]
        names = [str(one.get("component") or one.get("callable")) for one in filters]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    what = "events that they leave out count as not detected, whatever the reason"
    return [f"cuts of the run: {', '.join(names)}; {what}"] if names else []


__all__ = ["cuts_of", "find_files"]

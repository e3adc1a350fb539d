"""Pages and figures as files, each whole or as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gammalearn_core.engine.folder import write_text
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.reporting.figures import write_figures
from gammalearn_core.reporting.run_page import Page

_OURS = '<meta name="generator" content="gammalearn-core'
_HEAD = 4000
"""Characters that are looked at for it."""


def write_report(
    path: Path, page: Page, *, svg: Path | None = None, png: Path | None = None, pdf: Path | None = None
) -> list[Path]:
    """Write a page, and its figures in the folders that are named.

    Returns
    -------
    list of Path
        What was written; the page first.

    Raises
    ------
    SettingsError
        It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page.html)
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror or error}"
        raise SettingsError([Problem("--output", what, "free space, or name another file")]) from error
    folders: Mapping[str, Path | None] = {"svg": svg, "png": png, "pdf": pdf}
    wanted = [(ending, folder) for ending, folder in folders.items() if folder is not None]
    files = [file for ending, folder in wanted for file in write_figures(folder, page.items, ending, page.labels)]
    return [path, *sorted(files)]


def check_free(path: Path) -> None:
    """Refuse to replace a file that is no page of ours.

    Raises
    ------
    SettingsError
        It is a folder, or another file.
    """
    if not path.exists():
        return
    if path.is_dir():
        raise SettingsError([Problem("--output", f"{path} is a folder", "name a file: -o report.html")])
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            ours = _OURS in stream.read(_HEAD)
    except OSError as error:
        raise SettingsError([Problem("--output", f"{path} cannot be written: {error.strerror or error}")]) from error
    if not ours:
        what = f"{path} is there already, and is no page of gammalearn"
        raise SettingsError([Problem("--output", what, "name another file, or delete it")])


__all__ = ["check_free", "write_report"]

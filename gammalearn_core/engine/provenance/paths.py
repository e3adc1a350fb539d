"""Paths as records keep them: they lead from one folder to another, and name no user."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from pathlib import PurePosixPath

_USER = "$USER"
"""Stands for a folder that is called like the user."""


def portable(path: Path, folder: Path) -> str:
    """A path from a folder; ``~`` is the home folder where the way would lead through it, ``$USER`` the user's name."""
    home = _home()
    try:
        way = Path(os.path.relpath(path, folder))
    except ValueError:  # another drive
        return path.name
    if home is not None and path.is_relative_to(home) and not folder.is_relative_to(home):
        way = "~" / path.relative_to(home)
    user = _user()
    return PurePosixPath(*(_USER if user and part == user else part for part in way.parts)).as_posix()


def found_again(text: str, folder: Path) -> Path:
    """The path that `portable` made this text of, if the machine is the same."""
    user, home = _user(), _home()
    path = Path(*(user if part == _USER and user else part for part in PurePosixPath(text).parts))
    if path.parts[:1] == ("~",) and home is not None:
        return home.joinpath(*path.parts[1:])
    return Path(os.path.normpath(folder / path))


def nameless(text: str) -> str:
    """A text in which ``~`` stands for the home folder."""
    home = _home()
    return text if home is None or home == Path(home.anchor) else text.replace(str(home), "~")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


__all__ = ["found_again", "nameless", "portable"]

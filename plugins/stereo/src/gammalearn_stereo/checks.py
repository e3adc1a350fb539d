"""Checks of what settings say of a network."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from gammalearn_core.api import OutputSpec


def check_whole(*, least: int = 1, **values: object) -> None:
    """Each value is a whole number of at least ``least``.

    Raises
    ------
    ValueError
        One is not.
    """
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_share(**values: object) -> None:
    """Each value is a number from 0 to less than 1.

    Raises
    ------
    ValueError
        One is not.
    """
    for name, value in values.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
            raise ValueError(f"{name} must be a number from 0 to less than 1, got {value!r}")


def check_tasks(outputs: OutputSpec) -> None:
    """There is a task.

    Raises
    ------
    ValueError
        There is none.
    """
    if not outputs.tasks:
        raise ValueError("a network needs at least one task, got none")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`` (did you mean 'LSTCam'?)``, or nothing if no name is like it.

    Examples
    --------
    >>> did_you_mean("LSTcam", ["LSTCam", "NectarCam"])
    " (did you mean 'LSTCam'?)"
    """
    folded = {other.casefold(): other for other in names}
    close = get_close_matches(name.casefold(), folded, n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


__all__ = ["check_share", "check_tasks", "check_whole", "did_you_mean"]

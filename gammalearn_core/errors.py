"""What can go wrong, and the exit code that says so.

Every error that a user can cause derives from `GammalearnError`; the command line prints its text, without a
traceback, and exits with its ``exit_code``.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from attrs import frozen

EXIT_DONE = 0
EXIT_CHECK_FAILED = 1
EXIT_SETTINGS = 2
EXIT_NON_FINITE = 3
EXIT_DATA = 4
EXIT_STOPPED = 75


class GammalearnError(Exception):
    """Base of every error that the framework raises on purpose."""

    exit_code: int = EXIT_CHECK_FAILED


class PluginError(GammalearnError):
    """A plug-in cannot be used; raised only when ``GAMMALEARN_STRICT_PLUGINS=1``."""

    exit_code = EXIT_SETTINGS


class UnknownComponentError(GammalearnError, LookupError):
    """No usable component has this id."""

    exit_code = EXIT_SETTINGS


class DataError(GammalearnError):
    """A data file is damaged, empty, or not what it was taken for."""

    exit_code = EXIT_DATA


class NonFiniteLossError(GammalearnError):
    """The loss became NaN or infinite; the optimizer has not used it."""

    exit_code = EXIT_NON_FINITE


class RunFailedError(GammalearnError):
    """Something in the run raised an error that nobody foresaw; its traceback is in ``log.txt``."""

    exit_code = EXIT_CHECK_FAILED


class StoppedError(GammalearnError):
    """The run was stopped by a signal and can be continued by the same command."""

    exit_code = EXIT_STOPPED


@frozen
class Problem:
    """One thing that is wrong with a settings file.

    Examples
    --------
    >>> print(Problem("network", "no component is named 'core.cnn'", "did you mean 'core.cnn2d'?"))
    network: no component is named 'core.cnn'
        did you mean 'core.cnn2d'?
    """

    where: str
    """The setting, file or plug-in that the problem belongs to."""
    what: str
    """What is wrong, and why."""
    hint: str = ""
    """What to do next."""
    kind: Literal["settings", "data"] = "settings"
    """Whether the settings are wrong (exit code 2) or the data that they name (exit code 4)."""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return text + (f"\n    {self.hint}" if self.hint else "")


class SettingsError(GammalearnError):
    """Everything that is wrong with an experiment, told at once.

    Parameters
    ----------
    problems : iterable of Problem
        In the order in which they are shown.
    file : str
        The settings file, if there is one.
    """

    def __init__(self, problems: Iterable[Problem], file: str = "") -> None:
        self.problems = tuple(problems)
        self.file = file
        super().__init__(self.problems, file)

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """2 if any setting is wrong; 4 if only the data are."""
        return EXIT_DATA if all(p.kind == "data" for p in self.problems) else EXIT_SETTINGS

    def __str__(self) -> str:
        count = len(self.problems)
        title = f"{self.file or 'the settings'}: {count} problem{'s' if count != 1 else ''}"
        return "\n".join([title, *(f"  {str(p).replace(chr(10), chr(10) + '  ')}" for p in self.problems)])


def place_of(error: BaseException) -> str:
    """' (file, line n)': where an error arose, for those who look for it in their own code."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


__all__ = [
    "EXIT_CHECK_FAILED",
    "EXIT_DATA",
    "EXIT_DONE",
    "EXIT_NON_FINITE",
    "EXIT_SETTINGS",
    "EXIT_STOPPED",
    "DataError",
    "GammalearnError",
    "NonFiniteLossError",
    "PluginError",
    "Problem",
    "RunFailedError",
    "SettingsError",
    "StoppedError",
    "UnknownComponentError",
    "place_of",
]

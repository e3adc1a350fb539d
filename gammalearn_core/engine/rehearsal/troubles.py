"""What goes wrong in a rehearsal, collected: one failure does not hide the next."""

from __future__ import annotations

import logging
import re
import sysconfig
import traceback
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from attrs import define
from attrs import field
from attrs import frozen

import gammalearn_core
from gammalearn_core.errors import EXIT_CHECK_FAILED
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import EXIT_NON_FINITE
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import SettingsError

_log = logging.getLogger(__name__)
_FRAMES = 3
"""Lines of the user's code that are shown, the innermost ones."""
_ANOMALY = "returned nan values"
"""How torch's anomaly detection says that a gradient is not a number."""
_FRAME = re.compile(r'File "(.*)", line (\d+), in (.*)\n +(.*)')
_Frame = tuple[str, int, str, str]
"""File, line, function and code."""
_MEMORY = "use a smaller batch_size, or accumulate=2 to pass it in two parts"


@frozen(kw_only=True)
class Trouble:
    """One thing that went wrong."""

    where: str
    """The component or stage."""
    what: str
    lines: tuple[str, ...] = ()
    """Lines of the user's code that led there, the innermost last."""
    code: int = EXIT_CHECK_FAILED
    """The exit code that tells of it; 0 for what only deserves a look."""

    @property
    def fails(self) -> bool:
        """Whether the run would fail, or do something else than it seems to."""
        return self.code != EXIT_DONE


@define
class Troubles:
    """All that went wrong, in order, each thing once."""

    found: list[Trouble] = field(factory=list)
    forward: tuple[str, ...] = ()
    """Lines of the user's code that made what has a gradient which is not finite, if there is one."""

    @property
    def failures(self) -> list[Trouble]:
        """What makes the rehearsal fail."""
        return [t for t in self.found if t.fails]

    @property
    def exit_code(self) -> int:
        """That of the first failure; 0 if there is none."""
        return next((t.code for t in self.failures), EXIT_DONE)

    def add(self, where: str, what: str, *, code: int = EXIT_CHECK_FAILED, lines: tuple[str, ...] = ()) -> None:
        """Note something that went wrong, unless it has been noted, or arose in the same lines as what has been."""
        if not any((t.where, t.what) == (where, what) or (lines and t.lines == lines) for t in self.found):
            self.found.append(Trouble(where=where, what=what, code=code, lines=lines))

    def warn(self, where: str, what: str) -> None:
        """Note something that deserves a look, and does not fail."""
        self.add(where, what, code=EXIT_DONE)

    def add_error(self, where: str, error: BaseException) -> None:
        """Note an error. A component that added its name to it is named in place of the stage."""
        _log.debug("%s: fails, and is told of at the end", where)
        if isinstance(error, SettingsError):
            for problem in error.problems:
                what = f"{problem.what}; {problem.hint}" if problem.hint else problem.what
                self.add(problem.where or where, what, code=error.exit_code, lines=user_lines(error))
            return
        named = getattr(error, "__notes__", [])
        lines = self.forward if _is_anomaly(error) else user_lines(error)
        self.add(named[-1] if named else where, _text(error), code=_code(error), lines=lines)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A part of the rehearsal that may fail alone."""
        try:
            yield
        except (Exception, SystemExit) as error:
            self.add_error(name, error)


def user_lines(error: BaseException) -> tuple[str, ...]:
    """Innermost lines of the traceback that are neither ours nor of an installed package, with their places.

    Those of other packages if there are none of the user's, but none for errors that we raise on purpose.
    """
    on_purpose = isinstance(error, GammalearnError)
    while error.__cause__ is not None:
        error = error.__cause__
    frames = [(f.filename, f.lineno or 0, f.name, f.line or "") for f in traceback.extract_tb(error.__traceback__)]
    users = [frame for frame in frames if not _is_installed(frame[0])]
    if not users and on_purpose:
        return ()
    return _shown(users or frames[-1:])


def user_lines_of_text(text: str) -> tuple[str, ...]:
    """The same of a traceback that was printed."""
    frames = [(file, int(line), name, code) for file, line, name, code in _FRAME.findall(text)]
    return _shown([frame for frame in frames if not _is_installed(frame[0])])


def _shown(frames: Sequence[_Frame]) -> tuple[str, ...]:
    lines: list[str] = []
    for file, number, name, code in frames[-_FRAMES:]:
        lines += [f"{Path(file).name}, line {number}, in {name}", *([f"    {code}"] if code else [])]
    return tuple(lines)


def _is_installed(file: str) -> bool:
    if not Path(file).is_file():  # generated or compiled
        return True
    path = Path(file).resolve()
    ours = Path(gammalearn_core.__file__).resolve().parent
    others = {
        Path(p).resolve() for name, p in sysconfig.get_paths().items() if name in ("stdlib", "purelib", "platlib")
    }
    return path.is_relative_to(ours) or any(path.is_relative_to(folder) for folder in others)


def _is_anomaly(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and _ANOMALY in str(error)


def _text(error: BaseException) -> str:
    if isinstance(error, GammalearnError):
        return str(error)
    if _is_anomaly(error):
        return f"the gradient is not finite, though the loss is: {error}"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{text}; {_MEMORY}" if isinstance(error, (MemoryError, torch.OutOfMemoryError)) else text


def _code(error: BaseException) -> int:
    if isinstance(error, GammalearnError):
        return error.exit_code
    if _is_anomaly(error):
        return EXIT_NON_FINITE
    return EXIT_CHECK_FAILED


__all__ = ["Trouble", "Troubles", "user_lines", "user_lines_of_text"]

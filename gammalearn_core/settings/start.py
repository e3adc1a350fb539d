"""Where the first weights of a network come from."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest


@frozen
class WeightsOf:
    """Weights of another run; made by `weights_of`, or by the path alone."""

    run: str | Path
    """The run folder; a relative path starts from the folder of the settings file."""
    only: tuple[str, ...] = ()
    """Beginnings of the names of weights that are taken; all if there are none."""
    which: Literal["best", "last"] = "best"
    """The weights that were tested, or those after the last epoch."""

    def folder(self, base: Path) -> Path:
        """The run folder, a relative path starting from ``base``."""
        try:
            return base / Path(self.run).expanduser()
        except RuntimeError:
            # '~name/…' where nobody has that name: a folder that is not there.
            return base / self.run


@frozen
class StartOf(WeightsOf):
    """The weights that a run has begun with itself, of which its folder keeps a copy: for doing it again."""


def weights_of(
    run: str | Path, *, only: str | Sequence[str] = (), which: Literal["best", "last"] = "best"
) -> WeightsOf:
    """The weights of a run, or a part of them, for the setting ``start_from``.

    Parameters
    ----------
    run : path
        A run folder.
    only : str or sequence of str
        Modules of the network whose weights are taken, such as ``"encoder"``; all of them by default. The others
        begin as they would without ``start_from``.
    which : {"best", "last"}
        Weights of the best epoch, which were tested, or the last ones.

    Examples
    --------
    >>> weights_of("runs/mono/20261124T190719Z-92a82be2", only="encoder").only
    ('encoder',)
    """
    problems = []
    names = (only,) if isinstance(only, str) else only
    if not isinstance(run, (str, Path)) or not str(run):
        problems.append(Problem("weights_of", f"expected the path of a run folder, got {run!r}"))
    if not isinstance(names, Sequence) or not all(isinstance(n, str) and n for n in names):
        problems.append(Problem("weights_of", f"only must be names of modules, got {only!r}"))
    if which not in ("best", "last"):
        problems.append(Problem("weights_of", f"which must be 'best' or 'last', got {which!r}"))
    if problems:
        raise SettingsError(problems)
    return WeightsOf(run, tuple(names), which)


def check_start(start: WeightsOf | None, base: Path) -> Iterator[Problem]:
    """Whether there is such a run folder; which weights it has is not looked at."""
    if start is None:
        return
    folder = start.folder(base)
    if not folder.is_dir():
        siblings = [p.name for p in folder.parent.glob("*") if p.is_dir()] if folder.parent.is_dir() else []
        hint = suggest(folder.name, siblings) or f"relative paths start from {base}"
        yield Problem("start_from", f"there is no run folder {str(start.run)!r}", hint)
    elif not (folder / "run.json").is_file():
        hint = "a run folder is <logdir>/<experiment>/<run id>, and holds run.json"
        yield Problem("start_from", f"{str(start.run)!r} is not a run folder", hint)


__all__ = ["StartOf", "WeightsOf", "check_start", "weights_of"]

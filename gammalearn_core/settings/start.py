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
    into: str = ""
    """The module here that they are the weights of; the whole network if it is empty."""

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


Start = WeightsOf | tuple[WeightsOf, ...]
"""The setting ``start_from``: the weights of one run, or of several."""


def weights_of(
    run: str | Path, *, only: str | Sequence[str] = (), which: Literal["best", "last"] = "best", into: str = ""
) -> WeightsOf:
    """The weights of a run, or a part of them, for the setting ``start_from``, alone or in a list of several.

    Parameters
    ----------
    run : path
        A run folder.
    only : str or sequence of str
        Modules of the network whose weights are taken, such as ``"encoder"``; all of them by default. The others
        begin as they would without ``start_from``.
    which : {"best", "last"}
        Weights of the best epoch, which were tested, or the last ones.
    into : str
        A module of the network here. It takes the weights, whose names begin with its own then: the weight
        ``body.0.weight`` of a run is that of ``encoders.LSTCam.body.0`` here with ``into="encoders.LSTCam"``.

    Examples
    --------
    >>> weights_of("runs/mono/20261124T190719Z-92a82be2", only="encoder").only
    ('encoder',)
    >>> weights_of("runs/mono/20261124T190719Z-92a82be2", only="body", into="encoders.LSTCam").into
    'encoders.LSTCam'
    """
    problems = []
    names = (only,) if isinstance(only, str) else only
    if not isinstance(run, (str, Path)) or not str(run):
        problems.append(Problem("weights_of", f"expected the path of a run folder, got {run!r}"))
    if not isinstance(names, Sequence) or not all(isinstance(n, str) and n for n in names):
        problems.append(Problem("weights_of", f"only must be names of modules, got {only!r}"))
    if which not in ("best", "last"):
        problems.append(Problem("weights_of", f"which must be 'best' or 'last', got {which!r}"))
    if not isinstance(into, str) or (into and not all(into.split("."))):
        hint = "into='encoders.LSTCam'"
        problems.append(Problem("weights_of", f"into must be the name of a module, got {into!r}", hint))
    if problems:
        raise SettingsError(problems)
    return WeightsOf(run, tuple(names), which, into)


def starts(start: Start) -> Iterator[tuple[str, WeightsOf]]:
    """Where each of them stands, and what it is."""
    if isinstance(start, WeightsOf):
        yield "start_from", start
        return
    for number, one in enumerate(start):
        yield f"start_from[{number}]", one


def check_start(start: Start | None, base: Path) -> Iterator[Problem]:
    """Whether there are such run folders; which weights they have is not looked at."""
    for where, one in starts(start) if start is not None else ():
        yield from _check_folder(where, one, base)


def _check_folder(where: str, start: WeightsOf, base: Path) -> Iterator[Problem]:
    folder = start.folder(base)
    if not folder.is_dir():
        siblings = [p.name for p in folder.parent.glob("*") if p.is_dir()] if folder.parent.is_dir() else []
        hint = suggest(folder.name, siblings) or f"relative paths start from {base}"
        yield Problem(where, f"there is no run folder {str(start.run)!r}", hint)
    elif not (folder / "run.json").is_file():
        hint = "a run folder is <logdir>/<experiment>/<run id>, and holds run.json"
        yield Problem(where, f"{str(start.run)!r} is not a run folder", hint)


__all__ = ["Start", "StartOf", "WeightsOf", "check_start", "starts", "weights_of"]

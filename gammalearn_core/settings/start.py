"""Where the first weights of a network come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError


@frozen
class WeightsOf:
    """Weights of another run; made by `weights_of`, or by the path alone."""

    run: str | Path
    """The run folder; a relative path starts from the folder of the settings file."""
    only: tuple[str, ...] = ()
    """Beginnings of the names of weights that are taken; all if there are none."""
    which: Literal["best", "last"] = "best"
    """The weights that were tested, or those after the last epoch."""


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


__all__ = ["WeightsOf", "weights_of"]

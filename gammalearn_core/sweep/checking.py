"""What is wrong with a sweep, told before any trial."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.overrides import override
from gammalearn_core.sweep.space import overrides
from gammalearn_core.sweep.space import samples


def check_sweep(experiment: Experiment, registry: Registry, path: Path) -> None:
    """Check the settings with every choice, and with both ends of every range.

    Parameters
    ----------
    experiment : Experiment
    registry : Registry
    path : Path
        The settings file.

    Raises
    ------
    SettingsError
        There is nothing to vary or nothing to judge by, or a key or a value is wrong.
    """
    problems = list(_joint_problems(experiment))
    if not problems:
        firsts = {key: samples(space)[0] for key, space in experiment.search.items()}
        problems = _problems(experiment, firsts, registry, path.resolve().parent)
        if not problems:
            problems = list(_problems_of_values(experiment, firsts, registry, path.resolve().parent))
    if problems:
        raise SettingsError(problems, str(path))


def require_optuna() -> None:
    """Raise, with the command that installs it, if Optuna is not there."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        what = f"a sweep needs Optuna, which cannot be imported: {error}"
        raise SettingsError([Problem("sweep", what, "pip install 'gammalearn-core[sweep]'")]) from error


def _joint_problems(experiment: Experiment) -> Iterator[Problem]:
    if not experiment.search:
        hint = "search={'optimizer.lr': log_uniform(1e-4, 1e-2), 'network.hidden': choice([16, 64])}"
        yield Problem("search", "there is nothing to vary", hint)
    if not experiment.validation and "validation" not in experiment.data:
        yield Problem("validation", "a sweep judges by the validation, and there is none", "validation=0.2")


def _problems(
    experiment: Experiment, values: Mapping[str, str], registry: Registry, folder: Path, of: str = ""
) -> list[Problem]:
    """Problems with some values; ``of`` is the key that only is to be blamed."""
    try:
        found = check(override(experiment, overrides(values)), registry, folder)
    except SettingsError as error:
        found = [_of_search(problem) for problem in error.problems]
    with_it = f", with {of}={values[of]}" if of else ""
    return [Problem(p.where + with_it, p.what, p.hint, p.kind) for p in found]


def _problems_of_values(
    experiment: Experiment, firsts: Mapping[str, str], registry: Registry, folder: Path
) -> Iterator[Problem]:
    for key, space in experiment.search.items():
        for value in samples(space)[1:]:
            yield from _problems(experiment, {**firsts, key: value}, registry, folder, key)


def _of_search(problem: Problem) -> Problem:
    """A problem of ``--set``, which the user has not written, as one of the search space."""
    keys = problem.where.removeprefix("--set ")
    return Problem(f"search[{keys!r}]", problem.what, problem.hint, problem.kind)


__all__ = ["check_sweep", "require_optuna"]

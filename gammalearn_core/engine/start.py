"""First weights of a network, read from other runs or from the copy that a run has kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from torch import Tensor

from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.first_weights import START
from gammalearn_core.engine.first_weights import WHERE
from gammalearn_core.engine.first_weights import FirstWeights
from gammalearn_core.engine.first_weights import StartWeights
from gammalearn_core.engine.first_weights import is_in
from gammalearn_core.engine.first_weights import kept
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest
from gammalearn_core.settings.start import Start
from gammalearn_core.settings.start import StartOf
from gammalearn_core.settings.start import WeightsOf
from gammalearn_core.settings.start import check_start
from gammalearn_core.settings.start import starts

_log = logging.getLogger(__name__)


def start_weights(start: Start, folder: Path, *, runs: Path | None = None) -> FirstWeights:
    """All weights that a network starts from: those of other runs, or those that a run has kept.

    Parameters
    ----------
    start : WeightsOf or tuple of WeightsOf
    folder : Path
        What relative paths start from.
    runs : Path, optional
        Runs of the experiment that wants them.

    Raises
    ------
    SettingsError
        With every problem of all of them.
    """
    if isinstance(start, StartOf):
        return _start_of(RunFolder(start.folder(folder)))
    found: list[StartWeights] = []
    problems: list[Problem] = []
    for where, one in starts(start):
        try:
            found.append(first_weights(one, folder, runs=runs, where=where))
        except SettingsError as error:
            problems += [attrs.evolve(problem, where=where) for problem in error.problems]
    if problems:
        raise SettingsError(problems)
    return FirstWeights(found)


def first_weights(start: WeightsOf, folder: Path, *, runs: Path | None = None, where: str = WHERE) -> StartWeights:
    """The weights of one other run that a network starts from. Nothing in its folder is executed.

    If the run has been deleted, they are taken from a run that has begun with them.

    Parameters
    ----------
    start : WeightsOf
    folder : Path
        What a relative path starts from.
    runs : Path, optional
        Runs of the experiment that wants them.
    where : str
        The setting, for messages about the network.

    Raises
    ------
    SettingsError
        There is no such run, it has no weights yet or they are damaged, or ``only`` names none of them.
    """
    run = RunFolder(start.folder(folder))
    if not run.path.exists() and runs is not None:
        wanted = (run.path.resolve().name, start.only, start.which)
        for heir in _heirs(runs):
            if (heir.run_id, heir.only, heir.which) == wanted:
                return attrs.evolve(heir, into=start.into, where=where)
    problems = list(check_start(start, folder))
    if problems:
        raise SettingsError(problems)
    record = _record(run)
    path = _checkpoint_of(run, start.which)
    state = _weights(path)
    problems = list(_unknown_parts(start.only, state))
    if problems:
        raise SettingsError(problems)
    if record.get("status") != "finished":
        _log.warning("the run %s has not finished: once it has other weights, this is another experiment", run.path)
    taken = {name: tensor for name, tensor in state.items() if is_in(name, start.only)}
    return StartWeights(
        run_id=record["run_id"], only=start.only, which=start.which, into=start.into, state=taken, where=where
    )


def _start_of(run: RunFolder) -> FirstWeights:
    try:
        weights = kept(run)
    except DataError as error:
        raise _damage(str(error)) from error
    if weights is None:
        raise _refusal(f"the run {run.path} has no copy of the weights that it began with", f"it has no {START}")
    return weights


def _heirs(runs: Path) -> Iterator[StartWeights]:
    """First weights of the runs of an experiment, those of the newest first."""
    for path in sorted(runs.glob(f"*/checkpoints/{START}"), reverse=True):
        try:
            weights = kept(RunFolder(path.parents[1]))
        except DataError as error:
            _log.warning("%s", error)
            continue
        yield from weights.parts if weights is not None else ()


def _record(run: RunFolder) -> dict[str, Any]:
    try:
        record = json.loads(run.run_json.read_text(encoding="utf-8"))
    except OSError as error:
        raise _damage(f"{run.run_json} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _damage(f"{run.run_json} is damaged: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("run_id"), str):
        raise _damage(f"{run.run_json} does not say which run it is")
    return record


def _checkpoint_of(run: RunFolder, which: str) -> Path:
    """A run without validation, or in its first epoch, has no best weights but the last."""
    names = (checkpoint.BEST, checkpoint.LAST) if which == "best" else (checkpoint.LAST,)
    found = next((run.checkpoints / name for name in names if (run.checkpoints / name).is_file()), None)
    if found is None:
        raise _refusal(f"the run {run.path} has no checkpoint yet", "it writes one after its first epoch")
    return found


def _weights(path: Path) -> dict[str, Tensor]:
    """The weights that predictions are made with: the moving average, if the run has one."""
    try:
        state: Any = checkpoint.load(path)
    except Exception as error:  # a stranger's file may raise anything
        cause = error.__cause__ or error
        why = cause.strerror if isinstance(cause, OSError) else "it is damaged, or not made of numbers alone"
        raise _damage(f"the checkpoint {path} cannot be read: {why}", "nothing in it has been executed") from error
    weights = predicting_weights(state)
    if weights is None:
        raise _damage(f"{path} does not hold the weights of a network")
    return weights


def predicting_weights(state: object) -> dict[str, Tensor] | None:
    """The weights of a checkpoint that predict: the moving average, if there is one; None if there are none."""
    average = state.get("part:average") if isinstance(state, dict) else None
    weights = state.get("part:network") if isinstance(state, dict) else None
    if isinstance(average, Mapping):
        weights = {n.removeprefix("module."): t for n, t in average.items() if n.startswith("module.")}
    if not isinstance(weights, Mapping) or not all(isinstance(t, Tensor) for t in weights.values()):
        return None
    return dict(weights)


def _unknown_parts(only: tuple[str, ...], state: Mapping[str, Tensor]) -> Iterator[Problem]:
    modules = list(dict.fromkeys(name.partition(".")[0] for name in state))
    for module in only:
        if not any(is_in(name, (module,)) for name in state):
            hint = suggest(module, modules) or f"it has {', '.join(modules)}"
            yield Problem(WHERE, f"the network of the run has no {module!r}", hint)


def _refusal(what: str, hint: str = "") -> SettingsError:
    return SettingsError([Problem(WHERE, what, hint)])


def _damage(what: str, hint: str = "") -> SettingsError:
    return SettingsError([Problem(WHERE, what, hint, kind="data")])


__all__ = ["first_weights", "predicting_weights", "start_weights"]

"""Settings changed on the command line: ``--set key=value`` and ``--fork RUN``. Imports nothing heavy."""

from __future__ import annotations

import argparse
import ast
import re
import warnings
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import attrs

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.replacing import LeadsNowhereError
from gammalearn_core.settings.replacing import nowhere
from gammalearn_core.settings.replacing import put
from gammalearn_core.settings.start import WeightsOf
from gammalearn_core.settings.start import weights_of

COMPONENTS = (
    "data",
    "network",
    "losses",
    "targets",
    "optimizer",
    "schedule",
    "balance",
    "filters",
    "weights",
    "transforms",
    "metrics",
    "handlers",
    "reports",
)
"""Settings that hold components: a text stands for the component of this id."""


def add_option(parser: argparse.ArgumentParser) -> None:
    """Declare ``--set``, which may be given many times; the texts are ``overrides``."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting: epochs=5, optimizer.lr=1e-3, filters.0.minimum=50; may be given many times",
    )


def override(experiment: Experiment, texts: Iterable[str]) -> Experiment:
    """Another experiment, some settings of which are changed; the given one stays as it is.

    A component is set before its parameters, whatever the order of the texts; of two values of one setting the last
    counts.

    Parameters
    ----------
    experiment : Experiment
    texts : iterable of str
        ``key=value``; keys are dotted. A value is a Python literal, or else text.

    Raises
    ------
    SettingsError
        A key names nothing, or the new settings are wrong. All problems are told together.

    Examples
    --------
    >>> from gammalearn_core import ref
    >>> experiment = Experiment(
    ...     name="energy", data=ref("core.dl1"), network=ref("core.cnn2d"), losses={"energy": ref("core.l1")}
    ... )
    >>> override(experiment, ["optimizer.lr=1e-3", "losses.energy=core.mse"]).optimizer
    ref('core.adamw', lr=0.001)
    """
    settings = {f.name: getattr(experiment, f.name) for f in attrs.fields(Experiment)}
    problems: list[Problem] = []
    pairs = [(key.strip(), sign, value) for key, sign, value in (text.partition("=") for text in texts)]
    for key, sign, value in sorted(pairs, key=lambda pair: pair[0].count(".")):
        try:
            if not key or not sign:
                nowhere("expected key=value", "--set epochs=5")
            settings[key.partition(".")[0]] = _changed(settings, key, value)
        except LeadsNowhereError as error:
            problems.append(Problem(f"--set {key}", *error.args))
        except SettingsError as error:
            problems += [Problem(f"--set {key}", p.what, p.hint) for p in error.problems]
    try:
        changed = Experiment(**settings)
    except SettingsError as error:
        problems += [_told(p, [key for key, _, _ in pairs]) for p in error.problems]
    if problems:
        raise SettingsError(problems)
    return changed


def apart_from_start(texts: Iterable[str]) -> list[str]:
    """Overrides that say nothing of the first weights, for those who get these otherwise.

    Examples
    --------
    >>> apart_from_start(["epochs=2", "start_from.only=encoder"])
    ['epochs=2']
    """
    return [text for text in texts if text.partition("=")[0].strip().partition(".")[0] != "start_from"]


def fork(experiment: Experiment, run: Path) -> Experiment:
    """The experiment with the first weights of another run; a relative path starts from the working directory."""
    return attrs.evolve(experiment, start_from=WeightsOf(run.expanduser().absolute()))


def _told(problem: Problem, keys: Sequence[str]) -> Problem:
    """A problem of the new settings, as one of the keys that have made it."""
    names = re.findall(r"\w+", problem.where)
    of_it = [key for key in dict.fromkeys(keys) if key.partition(".")[0] in names]
    return attrs.evolve(problem, where=f"--set {', '.join(of_it)}") if of_it else problem


def _changed(settings: Mapping[str, object], key: str, text: str) -> object:
    """A setting as it is with one override."""
    name, *keys = key.split(".")
    if name == "search":
        nowhere("what a sweep varies is said by the settings file alone", "write search={…} there")
    if name not in settings:
        nowhere("there is no such setting", suggest(name, settings) or "docs/settings.md lists the settings")
    if name == "data":
        keys = _through_the_only_source(settings[name], keys)
    if keys and name in ("targets", "metrics"):
        settings = _with_task(settings, name, keys[0])
    new = _text_setting(name, text) if not keys else None
    changed = put(settings[name], keys, _literal(text) if new is None else new, ids=name in COMPONENTS)
    return weights_of(changed) if name == "start_from" and isinstance(changed, str) else changed


def _through_the_only_source(sources: object, keys: list[str]) -> list[str]:
    """``data.paths`` is a parameter of the source, if there is one only."""
    if keys and isinstance(sources, Mapping) and len(sources) == 1 and keys[0] not in sources:
        return [*sources, *keys]
    return keys


def _with_task(settings: Mapping[str, object], name: str, task: str) -> Mapping[str, object]:
    """Targets and metrics of a task may be set that the settings leave to the core."""
    given, losses = settings[name], settings["losses"]
    if not isinstance(given, Mapping) or not isinstance(losses, Mapping) or task in given or task not in losses:
        return settings
    return {**settings, name: {**given, task: Ref(f"core.{task}") if name == "targets" else ()}}


def _text_setting(name: str, text: str) -> str | None:
    """The value of a setting that holds text, which may look like a number; None for other settings and values."""
    kind = str(attrs.fields_dict(Experiment)[name].type)
    if not kind.startswith("str") or isinstance(_literal(text), str) or (text == "None" and "None" in kind):
        return None
    return text


def _literal(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


__all__ = ["COMPONENTS", "add_option", "apart_from_start", "fork", "override"]

"""The experiment of a recorded run, made of components that are installed or of its settings file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

from gammalearn_core.engine.provenance import NUMBERS
from gammalearn_core.engine.provenance.code import FOLDER
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.names import LOCAL
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.reproducing.parameters import given
from gammalearn_core.reproducing.parameters import value_of
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.reproducing.telling import printable
from gammalearn_core.settings.elsewhere import Elsewhere
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.load import MODULE
from gammalearn_core.settings.load import SettingsFile
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.overrides import apart_from_start
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.start import StartOf

Files = Mapping[str, tuple[Path, ...]]
_ONE = {"network": "network", "optimizer": "optimizer", "balance": "loss", "schedule": "optimizer"}
_MANY = {"filters": "filter", "weights": "filter", "transforms": "transform", "reports": "report"}
_BY_TASK = {"targets": "target", "losses": "loss"}
"""Settings of components, and of which kind these are."""


def needs_settings(run: RecordedRun) -> list[str]:
    """Where the experiment has what only its settings file can give: callables and components of its own."""
    listed = run.record.get("settings_only") or []
    told = [str(where) for where in listed] if isinstance(listed, list) else []
    return list(dict.fromkeys([*told, *_own(run.described)]))


def _own(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        if "callable" in value or str(value.get("component", "")).startswith(f"{LOCAL}."):
            yield where
        for name, inner in value.items():
            inside = f"{where}[{name!r}]" if name != "parameters" else where
            yield from _own(inner, inside if where else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _own(inner, f"{where}[{index}]")


def rebuilt(run: RecordedRun, registry: Registry, files: Files) -> SettingsFile:
    """The experiment from ``experiment.json`` alone: ids of installed components, and plain parameters.

    Raises
    ------
    DataError
        The file is not what a run writes.
    SettingsError
        A setting is wrong.
    """
    try:
        experiment = _experiment(run, registry, files)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise DataError(f"{run.folder.experiment_json} is not what a run writes: {error!r}") from error
    return SettingsFile(
        path=run.folder.settings,
        source=run.source,
        experiment=experiment,
        module=ModuleType(MODULE),
        overrides=tuple(run.overrides),
    )


def _experiment(run: RecordedRun, registry: Registry, files: Files) -> Experiment:
    described = run.described

    def one(item: dict[str, Any], kind: str) -> Ref:
        return Ref(str(item["component"]), given(str(item["component"]), item["parameters"], registry, kind=kind))

    settings: dict[str, Any] = {"name": described["name"]}
    settings |= {name: value_of(described[name]) for name in NUMBERS if name in described}
    settings |= {name: one(described[name], kind) for name, kind in _ONE.items() if described.get(name) is not None}
    settings |= {name: [one(item, kind) for item in described[name]] for name, kind in _MANY.items()}
    for name, kind in _BY_TASK.items():
        settings[name] = {task: one(item, kind) for task, item in described[name].items()}
    settings["metrics"] = {task: [one(m, "metric") for m in items] for task, items in described["metrics"].items()}
    settings["handlers"] = [_when(one(item, "handler"), item) for item in described["handlers"]]
    settings["data"] = {
        source: _elsewhere(registry, one(item, "loader"), None, files.get(source, ()))
        for source, item in described["data"].items()
    }
    return Experiment(**settings, start_from=_start(run))


def _start(run: RecordedRun) -> StartOf | None:
    """The weights that the run began with, which it has kept."""
    return StartOf(run.folder.path) if run.described.get("start_from") else None


def _when(item: Ref, described: dict[str, Any]) -> Ref | On:
    if described.get("event") is None:
        return item
    return On(str(described["event"]), item, described.get("every"), described.get("engine"))


def _elsewhere(registry: Registry, item: Ref, paths: object, files: tuple[Path, ...]) -> Ref:
    """A loader that reads these files."""
    try:
        record = registry.find(str(item.target), kind="loader") if isinstance(item.target, str) else None
    except UnknownComponentError:
        return item  # told with all other problems when the experiment is checked
    if not isinstance(record, Loader) or record.paths not in item.parameters or not files:
        return item
    meant = Elsewhere(item.parameters[record.paths] if paths is None else paths, files)
    return Ref(item.target, {**item.parameters, record.paths: meant}, item.arguments)


def run_again(run: RecordedRun, registry: Registry, files: Files) -> SettingsFile:
    """The experiment that the copy of the settings file gives. This runs the file, and the modules in ``code/``."""
    sys.path.insert(0, str(run.folder.path.resolve() / FOLDER))
    file = load_settings(run.folder.settings, registry, apart_from_start(run.overrides))
    known = run.described.get("data")
    described = known if isinstance(known, dict) else {}
    data = {
        source: _elsewhere(registry, item, _paths(registry, item, described.get(source)), files.get(source, ()))
        for source, item in file.experiment.data.items()
    }
    changed = attrs.evolve(file.experiment, data=data, start_from=_start(run))
    return attrs.evolve(file, experiment=changed)


def _paths(registry: Registry, item: Ref, described: object) -> object:
    """The paths as they were described; None if they are not known."""
    parameters = described.get("parameters") if isinstance(described, dict) else None
    record = registry.records(item.target) if isinstance(item.target, str) else []
    name = next((r.paths for r in record if isinstance(r, Loader)), "paths")
    return value_of(parameters.get(name)) if isinstance(parameters, dict) else None


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Python writes no byte code beside the modules that it imports: the recorded run stays as it is."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def refuse_untrusted(run: RecordedRun, places: list[str]) -> SettingsError:
    """What is said of a run whose settings file would have to be run."""
    what = f"only the run's settings file can give {printable(', '.join(places))}, and it is code"
    hint = f"read {run.folder.settings} and {FOLDER}/ beside it, and add --trust-settings if you trust them"
    return SettingsError([Problem("", what, hint)], str(run.folder.path))


__all__ = ["Files", "needs_settings", "nothing_compiled", "rebuilt", "refuse_untrusted", "run_again"]

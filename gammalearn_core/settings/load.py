"""Running a settings file, and finding the experiment in it."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from attrs import frozen

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import KINDS
from gammalearn_core.plugin.names import NAME
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.experiment import Experiment
from gammalearn_core.settings.overrides import fork
from gammalearn_core.settings.overrides import override

MODULE = "gammalearn_settings"
"""The name under which a settings file is imported, so that ``f"{__name__}:MyNet"`` is an import string."""


@frozen(kw_only=True)
class SettingsFile:
    """A settings file that has been run."""

    path: Path
    source: bytes
    experiment: Experiment
    """As the file has it, with the overrides."""
    module: ModuleType
    overrides: tuple[str, ...] = ()
    """What the command line has set, ``key=value`` each."""

    @property
    def sha256(self) -> str:
        """Checksum of the file."""
        return hashlib.sha256(self.source).hexdigest()


def load_settings(
    path: Path, registry: Registry, overrides: Sequence[str] = (), *, fork_of: Path | None = None
) -> SettingsFile:
    """Run a settings file; hooks that it implements are registered as the plug-in ``local``.

    As for a script, modules beside the file can be imported. The working directory is not changed.

    Parameters
    ----------
    path : Path
    registry : Registry
    overrides : sequence of str
        Settings that are changed afterwards, ``key=value`` each. The file's own experiment stays as it is.
    fork_of : Path, optional
        The run whose weights the experiment begins with; a relative path starts from the working directory.

    Raises
    ------
    SettingsError
        The file cannot be read or run, it does not end with an `Experiment`, or it cannot be overridden so.
    """
    source = _read(path)
    module = _run(path, source)
    experiment = getattr(module, "experiment", None)
    if not isinstance(experiment, Experiment):
        raise SettingsError([_no_experiment(module, experiment)], str(path))
    _register_hooks(path, module, registry)
    if fork_of is not None:
        experiment = fork(experiment, fork_of)
    changed = _overridden(path, experiment, overrides)
    return SettingsFile(path=path, source=source, experiment=changed, module=module, overrides=tuple(overrides))


def _overridden(path: Path, experiment: Experiment, overrides: Sequence[str]) -> Experiment:
    try:
        return override(experiment, overrides) if overrides else experiment
    except SettingsError as error:
        raise SettingsError(error.problems, str(path)) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        names = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise SettingsError([Problem("", "there is no such file", suggest(path.name, names))], str(path)) from None
    except OSError as error:
        raise SettingsError([Problem("", f"cannot be read: {error.strerror}")], str(path)) from error


def _run(path: Path, source: bytes) -> ModuleType:
    loader = SourceFileLoader(MODULE, str(path.resolve()))
    spec = spec_from_file_location(MODULE, path.resolve(), loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules[MODULE] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except SettingsError as error:
        raise SettingsError(error.problems, f"{path}{_line(error, path)}") from None
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.filename == str(path) else f"{error.filename}, line {error.lineno}"
        raise SettingsError([Problem(where, f"SyntaxError: {error.msg}")], str(path)) from error
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise SettingsError(
            [Problem(_line(error, path).lstrip(":") and f"line {_line(error, path)[1:]}", what)], str(path)
        ) from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """':12' if the error arose on line 12 of the file."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _no_experiment(module: ModuleType, found: object) -> Problem:
    named = [n for n, v in vars(module).items() if isinstance(v, Experiment)]
    if named:
        return Problem(
            "", f"the experiment is called {named[0]!r}", f"write experiment = Experiment(…), not {named[0]}"
        )
    if found is not None:
        return Problem("experiment", f"is {type(found).__name__}, not an Experiment", "experiment = Experiment(…)")
    return Problem("", "does not define an experiment", "end the file with experiment = Experiment(…)")


def _register_hooks(path: Path, module: ModuleType, registry: Registry) -> None:
    hooks = [f"{NAME}_{plural}" for plural in KINDS.values()]
    marked = [name for name, value in vars(module).items() if hasattr(value, f"{NAME}_impl")]
    if not marked and not any(name in hooks for name in vars(module)):
        return
    plugin = registry.add_local(module)
    if plugin.state != "ok":
        raise SettingsError([Problem("hooks of this file", plugin.reason)], str(path))


__all__ = ["MODULE", "SettingsFile", "load_settings"]

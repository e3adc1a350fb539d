"""Loading one plug-in, alone: whatever it does wrong stays its own affair.

pluggy's own loader imports all plug-ins without a ``try`` and drops a second one of the same name in silence, so
discovery is ours and pluggy only checks and calls the hooks (pytest-dev/pluggy#419).
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from collections.abc import Iterator
from typing import Literal

import pluggy
from attrs import define
from attrs import field

from gammalearn_core.errors import PluginError
from gammalearn_core.plugin import hookspecs
from gammalearn_core.plugin.names import API_VERSION
from gammalearn_core.plugin.names import CORE
from gammalearn_core.plugin.names import IDENTIFIER
from gammalearn_core.plugin.names import KINDS
from gammalearn_core.plugin.names import LOCAL
from gammalearn_core.plugin.names import NAME
from gammalearn_core.plugin.names import api_text
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.records import RECORDS
from gammalearn_core.plugin.records import Component

State = Literal["ok", "disabled", "error", "incompatible", "conflict"]
HEAVY = ("torch", "ignite", "numpy", "h5py", "tables", "matplotlib", "tensorboard", "ctapipe", "ctaplot")


@define(kw_only=True)
class Plugin:
    """One row of ``gammalearn plugins list``: a plug-in, and how loading it went."""

    name: str
    distribution: str
    version: str
    state: State = "ok"
    reason: str = ""
    """One line on why the state is not ``ok``."""
    traceback: str = ""
    api: str = ""
    """The plug-in API that it was written for."""
    milliseconds: float = 0.0
    heavy: tuple[str, ...] = ()
    """Heavy modules that its import pulled in, which it must not."""
    components: tuple[Component, ...] = ()

    @property
    def owner(self) -> str:
        """The plug-in, with the distribution it comes from."""
        return f"plug-in {self.name!r} ({self.distribution} {self.version})".replace(" )", ")")


@define(kw_only=True)
class Entry:
    """A plug-in that has been found but not imported."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object] = field(repr=False)


class _FaultError(Exception):
    """Ends the loading of one plug-in with a state and a line for the table."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


def new_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows the hooks."""
    manager = pluggy.PluginManager(NAME)
    manager.add_hookspecs(hookspecs)
    return manager


def load(manager: pluggy.PluginManager, entry: Entry, *, strict: bool = False) -> Plugin:
    """Import and register one plug-in; on any failure it is rolled back whole.

    Raises
    ------
    PluginError
        On failure, if ``strict``.
    """
    plugin = Plugin(name=entry.name, distribution=entry.distribution, version=entry.version)
    before = set(sys.modules)
    start = time.perf_counter()
    try:
        plugin.components = _register(manager, plugin, entry)
    except _FaultError as fault:
        plugin.state, plugin.reason = fault.state, fault.reason
    except (Exception, SystemExit) as error:
        plugin.state, plugin.reason = "error", _first_line(error)
        plugin.traceback = traceback.format_exc()
    finally:
        plugin.milliseconds = (time.perf_counter() - start) * 1e3
        new = set(sys.modules) - before
        plugin.heavy = tuple(name for name in HEAVY if name in new)
    if plugin.state != "ok":
        if manager.has_plugin(entry.name):
            manager.unregister(name=entry.name)
        if strict:
            raise PluginError(f"{plugin.owner} is {plugin.state}: {plugin.reason}\n{plugin.traceback}".rstrip())
    return plugin


def _register(manager: pluggy.PluginManager, plugin: Plugin, entry: Entry) -> tuple[Component, ...]:
    if not IDENTIFIER.fullmatch(entry.name) or (entry.name == LOCAL and entry.distribution):
        raise _FaultError("error", f"{entry.name!r} is not a plug-in name: lower case letters, digits, _; not 'local'")
    module = entry.load()
    if entry.name not in (CORE, LOCAL):
        plugin.api = _check_api(getattr(module, "api_version", None))
    else:
        plugin.api = api_text()
    _check_hook_names(module)
    try:
        manager.register(module, entry.name)
    except pluggy.PluginValidationError as error:
        raise _FaultError("error", " ".join(str(error).split())) from error
    return tuple(_records(manager, module))


def _check_api(declared: object) -> str:
    """The declared version, if this core can serve it."""
    this = api_text()
    if declared is None:
        raise _FaultError("incompatible", f'does not say api_version = "{this}"')
    try:
        major, minor = (int(part) for part in str(declared).split("."))
    except ValueError:
        raise _FaultError("incompatible", f"api_version is {declared!r}, not of the form {this!r}") from None
    text = api_text((major, minor))
    if major != API_VERSION[0]:
        raise _FaultError("incompatible", f"written for plug-in API {text}, this is {this}")
    if minor > API_VERSION[1]:
        raise _FaultError("incompatible", f"written for plug-in API {text}, this is {this}: upgrade gammalearn-core")
    return text


def _check_hook_names(module: object) -> None:
    """Refuse misspelt hooks, which pluggy would accept and never call."""
    known = [f"{NAME}_{plural}" for plural in KINDS.values()]
    for attribute in vars(module):
        marked = hasattr(vars(module)[attribute], f"{NAME}_impl")
        if marked and attribute not in known:
            hint = suggest(attribute, known)
            raise _FaultError("error", f"no hook is named {attribute!r}" + (f", {hint}" if hint else ""))
        if attribute in known and callable(vars(module)[attribute]) and not marked:
            raise _FaultError("error", f"{attribute!r} is not marked with @hookimpl")


def _records(manager: pluggy.PluginManager, module: object) -> Iterator[Component]:
    """The records of every hook, each implementation called alone."""
    for kind, plural in KINDS.items():
        hook = f"{NAME}_{plural}"
        seen: set[str] = set()
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is not module:
                continue
            if implementation.wrapper or implementation.hookwrapper:
                raise _FaultError("error", f"{hook} must not be a wrapper")
            for record in implementation.function() or ():
                yield _checked(record, kind, hook, seen)


def _checked(record: object, kind: str, hook: str, seen: set[str]) -> Component:
    wanted = RECORDS[kind]
    if not isinstance(record, wanted):
        raise _FaultError("error", f"{hook} must yield {wanted.__name__} records, got {type(record).__name__}")
    if record.name in seen:
        raise _FaultError("error", f"declares the {record.kind} {record.name!r} twice")
    seen.add(record.name)
    return record


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


__all__ = ["HEAVY", "Entry", "Plugin", "State", "load", "new_manager"]

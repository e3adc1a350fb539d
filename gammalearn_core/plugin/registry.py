"""The registry: finds plug-ins, loads each alone, and answers for components by id."""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Callable
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any
from typing import cast

from gammalearn_core.errors import PluginError
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.loading import Entry
from gammalearn_core.plugin.loading import Plugin
from gammalearn_core.plugin.loading import load
from gammalearn_core.plugin.loading import new_manager
from gammalearn_core.plugin.names import CORE
from gammalearn_core.plugin.names import GROUP
from gammalearn_core.plugin.names import LOCAL
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.records import Component
from gammalearn_core.plugin.switches import Switches

_STATES = {
    "disabled": "is disabled",
    "error": "failed to load",
    "incompatible": "is incompatible",
    "conflict": "is declared twice",
}


class Registry:
    """Plug-ins and their components.

    Parameters
    ----------
    switches : Switches
        Which plug-ins may be loaded.

    Notes
    -----
    A registry is an object that is passed around; there is no global one. A new registry is empty: call `discover`.

    Examples
    --------
    >>> registry = Registry(Switches(none=True)).discover()
    >>> registry.find("core.l1", kind="loss").summary
    'Absolute difference'
    """

    def __init__(self, switches: Switches | None = None) -> None:
        self.switches = switches or Switches()
        self.plugins: dict[str, Plugin] = {}
        self._manager = new_manager()
        self._components: dict[str, dict[str, Component]] = {}
        self._former: dict[str, str] = {}

    def discover(self, entries: Iterable[Entry] | None = None) -> Registry:
        """Load the core and every installed plug-in, in alphabetical order; never raises unless strict."""
        self.add(_core_entry())
        groups: dict[str, list[Entry]] = {}
        for entry in _installed() if entries is None else entries:
            groups.setdefault(entry.name, []).append(entry)
        for name in sorted(groups):
            if name in (CORE, LOCAL):
                self._refuse(groups[name], f"the name {name!r} is reserved")
            elif len(groups[name]) > 1:
                self._refuse(groups[name], f"declared by {' and by '.join(_label(e) for e in groups[name])}")
            else:
                self.add(groups[name][0])
        return self

    def add(self, entry: Entry) -> Plugin:
        """Load one plug-in, unless it is switched off; then it is listed and not imported."""
        reason = self.switches.reason(entry.name, entry.distribution)
        if reason:
            plugin = Plugin(
                name=entry.name,
                distribution=entry.distribution,
                version=entry.version,
                state="disabled",
                reason=reason,
            )
        else:
            plugin = load(self._manager, entry, strict=self.switches.strict)
        self.plugins[plugin.name] = plugin
        for component in plugin.components:
            self._components.setdefault(f"{plugin.name}.{component.name}", {})[component.kind] = component
            self._former.update(
                {_qualified(plugin, old): f"{plugin.name}.{component.name}" for old in component.replaces}
            )
        return plugin

    def add_local(self, module: ModuleType) -> Plugin:
        """Register the hooks that a settings file implements as the plug-in ``local``, replacing an earlier one."""
        self._forget(LOCAL)
        return self.add(Entry(name=LOCAL, distribution="", version="", load=lambda: module))

    def find(self, id: str, *, kind: str | None = None) -> Component:
        """The record with this id.

        Raises
        ------
        UnknownComponentError
            There is none, it is of another kind, or its plug-in could not be loaded; the text says which.
        """
        current = self.current_id(id)
        found = self._components.get(current, {})
        if current != id:
            warnings.warn(f"{id!r} is now called {current!r}", DeprecationWarning, stacklevel=2)
        if not found:
            raise UnknownComponentError(self._explain(id, kind))
        if kind is not None and kind not in found:
            raise UnknownComponentError(f"{id!r} is {_article(next(iter(found)))}, not {_article(kind)}")
        return found[kind] if kind is not None else next(iter(found.values()))

    def current_id(self, id: str) -> str:
        """The id itself, or the present one of a component that was renamed."""
        return id if id in self._components else self._former.get(id, id)

    def records(self, id: str) -> list[Component]:
        """The records with this id; a filter and a target, say, may share it."""
        return list(self._components.get(self.current_id(id), {}).values())

    def components(self, kind: str | None = None) -> list[tuple[str, Component]]:
        """Ids and records, of one kind or of all, in alphabetical order."""
        pairs = ((id, c) for id, kinds in sorted(self._components.items()) for c in kinds.values())
        return [(id, c) for id, c in pairs if kind is None or c.kind == kind]

    def ids(self, kind: str | None = None) -> list[str]:
        """Ids of components, of one kind or of all, in alphabetical order."""
        return list(dict.fromkeys(id for id, _ in self.components(kind)))

    def plugin_of(self, id: str) -> Plugin:
        """The plug-in that declares this component."""
        return self.plugins[self.current_id(id).partition(".")[0]]

    def load(self, id: str, *, kind: str | None = None) -> Callable[..., Any]:
        """Import what a component's record points at.

        Raises
        ------
        UnknownComponentError
            As `find`, and if the import fails.
        """
        record = self.find(id, kind=kind)
        try:
            return import_string(record.target)
        except (Exception, SystemExit) as error:
            raise UnknownComponentError(
                f"{id!r} of {self.plugin_of(id).owner} cannot be imported from {record.target!r}:"
                f" {type(error).__name__}: {error}"
            ) from error

    def _explain(self, id: str, kind: str | None) -> str:
        """Why there is no component of this id, and what to do."""
        name, dot, _ = id.partition(".")
        owner = self.plugins.get(name) if dot else None
        if owner is not None and owner.state != "ok":
            advice = "" if owner.state == "disabled" else f"; 'gammalearn plugins show {name}' tells more"
            return f"{id!r} is missing because {owner.owner} {_STATES[owner.state]}: {owner.reason}{advice}"
        text = f"no component is named {id!r}"
        if dot and owner is None:
            text += f" (no plug-in {name!r} is installed)"
        hint = self._unqualified(id, kind) if not dot else suggest(id, self.ids(kind)) or suggest(id, self.ids())
        return f"{text}, {hint}" if hint else f"{text}; 'gammalearn plugins list --kind {kind or 'all'}' lists them"

    def _unqualified(self, short: str, kind: str | None) -> str:
        same = [id for id in self.ids(kind) if id.partition(".")[2] == short]
        if same:
            return f"did you mean {' or '.join(map(repr, same))}?"
        close = difflib.get_close_matches(short, [id.partition(".")[2] for id in self.ids(kind)], n=1)
        return f"did you mean {next(id for id in self.ids(kind) if id.endswith('.' + close[0]))!r}?" if close else ""

    def _refuse(self, entries: list[Entry], reason: str) -> None:
        name = entries[0].name
        first = entries[0]
        key = name if name not in self.plugins else f"{name} ({first.distribution})"
        self.plugins[key] = Plugin(
            name=name,
            distribution=", ".join(e.distribution for e in entries),
            version=", ".join(e.version for e in entries),
            state="conflict",
            reason=reason,
        )
        if self.switches.strict:
            raise PluginError(f"plug-in {name!r} is in conflict: {reason}")

    def _forget(self, name: str) -> None:
        self.plugins.pop(name, None)
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        self._components = {id: c for id, c in self._components.items() if not id.startswith(f"{name}.")}
        self._former = {old: id for old, id in self._former.items() if not id.startswith(f"{name}.")}


def import_string(target: str) -> Callable[..., Any]:
    """Import ``package.module:Name``."""
    module, _, path = target.partition(":")
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        value = getattr(value, part)
    return cast("Callable[..., Any]", value)


def _core_entry() -> Entry:
    from gammalearn_core import __version__

    return Entry(
        name=CORE,
        distribution="gammalearn-core",
        version=__version__,
        load=lambda: importlib.import_module("gammalearn_core.builtin.plugin"),
    )


def _installed() -> list[Entry]:
    points = entry_points(group=GROUP)
    return sorted((_entry(p) for p in points), key=lambda e: (e.name, e.distribution))


def _entry(point: EntryPoint) -> Entry:
    try:
        name, version = (point.dist.name, point.dist.version) if point.dist is not None else ("", "")
    except Exception:
        # A damaged installation, without METADATA: Python 3.11 gives None, later versions raise.
        name, version = "", ""
    return Entry(name=point.name, distribution=name or "", version=version or "", load=point.load)


def _label(entry: Entry) -> str:
    return f"{entry.distribution} {entry.version}"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _qualified(plugin: Plugin, old: str) -> str:
    return old if "." in old else f"{plugin.name}.{old}"


__all__ = ["Registry", "import_string"]

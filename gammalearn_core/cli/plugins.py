"""``gammalearn plugins``: what is installed, in which state, and what it provides."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import metadata
from typing import Any

import attrs

from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import EXIT_SETTINGS
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.loading import Plugin
from gammalearn_core.plugin.names import KINDS
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.records import Component
from gammalearn_core.plugin.registry import Registry

SCHEMA = 1
"""Version of the JSON that ``plugins list --json`` prints; it is public API."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``list`` and ``show``."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="one row a plug-in, or one a component with --kind")
    listing.add_argument("--json", action="store_true", help="machine-readable, with a schema number")
    kinds = [*KINDS.values(), "all"]
    listing.add_argument("--kind", metavar="KIND", choices=[*kinds, *KINDS], help=f"one of {', '.join(kinds)}")
    listing.add_argument("--timing", action="store_true", help="how long each plug-in took to import")
    showing = actions.add_parser("show", help="everything about one plug-in or component")
    showing.add_argument("name", help="a plug-in ('hexconv') or a component ('hexconv.resnet')")
    showing.add_argument("--json", action="store_true", help="machine-readable")


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Print the answer; a broken plug-in is a row, not a failure."""
    if arguments.action == "show":
        return _show(arguments.name, registry, as_json=arguments.json)
    kind = _singular(arguments.kind)
    if arguments.json:
        print(json.dumps(_listing(registry, kind), indent=2))
    elif kind:
        print(_table(_component_rows(registry, kind)))
    else:
        print(_table(_plugin_rows(registry, timing=arguments.timing)))
    return EXIT_DONE


def _singular(kind: str | None) -> str:
    return next((s for s, plural in KINDS.items() if kind in (s, plural)), kind or "")


def _sorted(registry: Registry) -> list[Plugin]:
    return sorted(registry.plugins.values(), key=lambda p: (p.name != "core", p.name))


def _plugin_rows(registry: Registry, *, timing: bool) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("NAME", "VERSION", "DISTRIBUTION", "API", "STATUS", *(["MS"] * timing), "PROVIDES")]
    for p in _sorted(registry):
        milliseconds = [f"{p.milliseconds:.0f}"] * timing
        rows.append((p.name, p.version, p.distribution, p.api, p.state, *milliseconds, _provides(p)))
    return rows


def _provides(plugin: Plugin) -> str:
    if plugin.state != "ok":
        return plugin.reason
    counts = Counter(c.kind for c in plugin.components)
    parts = [f"{n} {kind if n == 1 else KINDS[kind]}" for kind, n in counts.items()]
    slow = [f"slow: imports {', '.join(plugin.heavy)}"] if plugin.heavy else []
    return ", ".join(parts + slow) or "nothing"


def _component_rows(registry: Registry, kind: str) -> list[Sequence[str]]:
    chosen = registry.components(None if kind == "all" else kind)
    return [("ID", "KIND", "SUMMARY"), *((id, c.kind, c.summary) for id, c in chosen)]


def _table(rows: list[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = ("  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _listing(registry: Registry, kind: str) -> dict[str, Any]:
    wanted = "" if kind == "all" else kind
    return {"schema": SCHEMA, "plugins": [_plugin_json(p, wanted) for p in _sorted(registry)]}


def _plugin_json(plugin: Plugin, kind: str = "") -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "api": plugin.api,
        "status": plugin.state,
        "reason": plugin.reason,
        "heavy_imports": list(plugin.heavy),
        "components": [_component_json(plugin, c) for c in plugin.components if not kind or c.kind == kind],
    }


def _component_json(plugin: Plugin, component: Component) -> dict[str, Any]:
    fields = attrs.asdict(component, value_serializer=lambda _, __, v: dict(v) if isinstance(v, Mapping) else v)
    return {"id": f"{plugin.name}.{component.name}", "kind": component.kind} | fields


def _show(name: str, registry: Registry, *, as_json: bool) -> int:
    if "." in name:
        registry.find(name)
        plugin = registry.plugin_of(name)
        data = [_component_json(plugin, record) for record in registry.records(name)]
        texts = "\n\n".join(_component_text(d, plugin) for d in data)
        print(json.dumps({"schema": SCHEMA, "components": data}, indent=2) if as_json else texts)
        return EXIT_DONE
    found = registry.plugins.get(name)
    if found is None:
        same = [repr(id) for id in registry.ids() if id.partition(".")[2] == name]
        hint = suggest(name, registry.plugins) or (same and f"did you mean {' or '.join(same)}?")
        hint = hint or "'gammalearn plugins list' lists them"
        raise UnknownComponentError(f"no plug-in is named {name!r}, {hint}")
    print(json.dumps({"schema": SCHEMA, "plugin": _plugin_json(found)}, indent=2) if as_json else _plugin_text(found))
    if found.traceback:
        print(found.traceback.rstrip(), file=sys.stderr)
    return EXIT_DONE if found.state in ("ok", "disabled") else EXIT_SETTINGS


def _plugin_text(plugin: Plugin) -> str:
    facts = _distribution_facts(plugin.distribution)
    head = [
        ("plug-in", plugin.name),
        ("distribution", f"{plugin.distribution} {plugin.version}".strip()),
        ("summary", facts.get("Summary", "")),
        ("licence", facts.get("License-Expression", "") or facts.get("License", "")),
        ("home page", facts.get("Home-page", "") or facts.get("Project-URL", "")),
        ("plug-in API", plugin.api),
        ("status", f"{plugin.state}{': ' + plugin.reason if plugin.reason else ''}"),
        ("import", f"{plugin.milliseconds:.0f} ms{', slow: ' + ', '.join(plugin.heavy) if plugin.heavy else ''}"),
    ]
    rows: list[Sequence[str]] = [(c.kind, f"{plugin.name}.{c.name}", c.summary) for c in plugin.components]
    table = ["", _table(rows)] if rows else []
    return "\n".join([*_pairs(head), *table])


def _component_text(data: dict[str, Any], plugin: Plugin) -> str:
    plain = [(k, _fact_text(v)) for k, v in data.items() if k != "name"]
    return "\n".join([*_pairs([*plain, ("plug-in", f"{plugin.name} ({plugin.distribution} {plugin.version})")])])


def _fact_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({kind})" for name, kind in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _pairs(pairs: list[tuple[str, str]]) -> list[str]:
    shown = [(k, v) for k, v in pairs if v]
    width = max(len(k) for k, _ in shown)
    return [f"{k.ljust(width)}  {v}" for k, v in shown]


def _distribution_facts(distribution: str) -> dict[str, str]:
    try:
        found = metadata(distribution) if distribution else None
        return {key: found[key] for key in found} if found is not None else {}
    except PackageNotFoundError:
        return {}


__all__ = ["SCHEMA", "add_arguments", "execute"]

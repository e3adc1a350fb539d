"""The code of a run: plug-ins, components, and modules of the user's."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gammalearn_core.engine.build import Built
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.components import source_sha256
from gammalearn_core.plugin.names import LOCAL
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.load import MODULE
from gammalearn_core.settings.ref import Ref

FOLDER = "code"
"""Where a run folder keeps copies of the user's modules."""
_SOURCES = (".py", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".pyx")


def describe_plugins(built: Built) -> list[dict[str, Any]]:
    """Every plug-in that was found; of those that are used, the checksum of their source too."""
    used = {id.partition(".")[0] for id in _ids(built)}
    return [
        {
            "name": p.name,
            "distribution": p.distribution,
            "version": p.version,
            "status": p.state,
            "source_sha256": _package_sha256(built.registry, p.name) if p.name in used else None,
        }
        for p in built.registry.plugins.values()
    ]


def describe_components(built: Built) -> list[dict[str, Any]]:
    """Every component that is used: where, what and whose it is, and what was imported for it."""
    return [_describe_component(built, where, part) for where, part in _parts(built)]


def _describe_component(built: Built, where: str, part: Part) -> dict[str, Any]:
    target = part.ref.target
    if not isinstance(target, str):
        return {"where": where, **_callable(part, target)}
    plugin = built.registry.plugin_of(target)
    return {
        "where": where,
        "component": built.registry.current_id(target),
        "kind": part.kind,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "target": part.record.target if part.record is not None else None,
        "source_sha256": source_sha256(part.target),
    }


def _callable(part: Part, target: Callable[..., object]) -> dict[str, Any]:
    """A callable of the settings file, as a component."""
    inner = getattr(target, "func", target)
    name = f"{getattr(inner, '__module__', '?')}:{getattr(inner, '__qualname__', type(inner).__qualname__)}"
    return {"component": None, "kind": part.kind, "target": name, "source_sha256": source_sha256(inner)}


def settings_only(built: Built) -> list[str]:
    """Where the settings hold what no record can give back: callables, components of the file, other objects."""
    return [
        where
        for where, part in _parts(built)
        if not isinstance(part.ref.target, str)
        or part.ref.target.partition(".")[0] == LOCAL
        or not all(_is_plain(value) for name, value in part.resolved.items() if not _is_told(part, name, value))
    ]


def _is_told(part: Part, name: str, value: object) -> bool:
    """Whether a parameter holds paths, or components that are parts themselves."""
    if name in part.nested_kinds:
        return True
    paths = value if isinstance(value, (list, tuple)) else [value]
    return name == getattr(part.record, "paths", None) and all(isinstance(p, (str, Path)) for p in paths)


def _is_plain(value: object) -> bool:
    if isinstance(value, Ref):
        target = value.target
        known = isinstance(target, str) and target.partition(".")[0] != LOCAL
        return known and _is_plain(list(value.arguments)) and _is_plain(dict(value.parameters))
    if isinstance(value, Mapping):
        return all(isinstance(k, str) for k in value) and all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _parts(built: Built) -> Iterator[tuple[str, Part]]:
    """The parts of an experiment, those in their parameters, and the metrics of targets, by where they stand."""
    for where, part in built.parts.items():
        yield where, part
        yield from ((inner.where, inner) for inner in part.all_nested())
    for task, parts in built.metric_parts.items():
        named = ((f"metrics[{task!r}][{number}]", part) for number, part in enumerate(parts))
        yield from ((where, part) for where, part in named if where not in built.parts)


def _ids(built: Built) -> Iterator[str]:
    targets = (part.ref.target for _, part in _parts(built))
    return (built.registry.current_id(target) for target in targets if isinstance(target, str))


def _package_sha256(registry: Registry, plugin: str) -> str | None:
    """Checksum of the sources of the package that most components of a plug-in are in."""
    targets = (c.target for id, c in registry.components() if id.partition(".")[0] == plugin)
    packages = Counter(target.partition(":")[0].partition(".")[0] for target in targets)
    package = packages.most_common(1)[0][0] if packages else ""
    spec = find_spec(package) if package and plugin != LOCAL else None
    if spec is None or not spec.submodule_search_locations:
        return None
    digest = hashlib.sha256()
    for folder in map(Path, spec.submodule_search_locations):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in _SOURCES and p.is_file()):
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode(errors="surrogateescape"))
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def describe_modules(registry: Registry, folder: Path) -> list[dict[str, Any]]:
    """Modules beside the settings file that have been imported: where the run folder keeps them, and their checksum."""
    return [
        {"name": name, "path": place, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, place, path in _modules(registry, folder)
    ]


def copy_modules(registry: Registry, folder: Path, run: Path) -> None:
    """Keep a copy of these modules in the run folder, so that the settings file can be run from there."""
    for _, place, path in _modules(registry, folder):
        copy = run / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def _modules(registry: Registry, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Name, place in the run folder and file of each module of the user's."""
    packages = {c.target.partition(":")[0].partition(".")[0] for _, c in registry.components()}
    versioned = {"gammalearn_core", "__main__", MODULE, *packages}
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    for name, module in sorted(sys.modules.items()):
        file = str(getattr(module, "__file__", None))
        if not file.startswith(f"{folder}{os.sep}") or name.partition(".")[0] in versioned:
            continue
        path = Path(file).resolve()
        theirs = "site-packages" in path.parts or any(path.is_relative_to(place) for place in installed)
        if path.suffix == ".py" and path.is_file() and not theirs:
            yield name, "/".join([FOLDER, *_place(name, path)]), path


def _place(name: str, path: Path) -> list[str]:
    """Where a module lies from the folder that it is imported from."""
    parts = name.split(".")
    return [*parts, path.name] if path.name == "__init__.py" else [*parts[:-1], f"{parts[-1]}.py"]


__all__ = [
    "FOLDER",
    "copy_modules",
    "describe_components",
    "describe_modules",
    "describe_plugins",
    "settings_only",
]

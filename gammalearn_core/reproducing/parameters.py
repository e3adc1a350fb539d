"""Parameters of a component as they were before they were described."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from gammalearn_core.engine.components import plain
from gammalearn_core.engine.importing import STAND_IN
from gammalearn_core.engine.parameters import check_parameters
from gammalearn_core.engine.parameters import signature_of
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.nested import nested_kinds
from gammalearn_core.settings.nested import replaced
from gammalearn_core.settings.ref import Ref


def given(id: str, described: dict[str, Any], registry: Registry, *, kind: str) -> dict[str, Any]:
    """Parameters of a component that is named by its id.

    Those that are the component's own defaults are left out. Descriptions have lists for tuples too, so that a list
    becomes a tuple where the component wants one.
    """
    try:
        kinds = nested_kinds(registry.find(id, kind=kind))
        values = {
            str(name): _components_of(value, registry, kinds[name]) if name in kinds else value_of(value)
            for name, value in described.items()
        }
        target = registry.load(id, kind=kind)
    except UnknownComponentError:
        # Told with all other problems when the experiment is checked.
        return {str(name): value_of(value) for name, value in described.items()}
    signature = signature_of(target)
    defaults = {n: p.default for n, p in signature.parameters.items()} if signature is not None else {}
    return {
        name: _fitting(name, value, defaults.get(name), target, kinds)
        for name, value in values.items()
        if name not in defaults or json.dumps(plain(defaults[name])) != json.dumps(described[name])
    }


def _components_of(value: Any, registry: Registry, kind: str) -> Any:
    """Refs to components in a parameter, as they were before they were described."""
    if isinstance(value, list):
        return [_components_of(v, registry, kind) for v in value]
    if isinstance(value, dict) and isinstance(value.get("component"), str):
        return Ref(value["component"], given(value["component"], value["parameters"], registry, kind=kind))
    if isinstance(value, dict) and not isinstance(value.get("ref"), str):
        return {name: _components_of(v, registry, kind) for name, v in value.items()}
    return value_of(value)


def value_of(value: Any) -> Any:
    """A value as it was before `plain`."""
    if isinstance(value, list):
        return [value_of(v) for v in value]
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        if "ref" in value and set(value) <= {"ref", "arguments", "parameters"}:
            return Ref(str(value["ref"]), value_of(value["parameters"]), value_of(value.get("arguments", [])))
        return {name: value_of(v) for name, v in value.items()}
    return value


def _fitting(name: str, value: Any, default: object, target: Callable[..., object], kinds: Mapping[str, str]) -> Any:
    """The value, or the first form of it with tuples that the component accepts."""
    if not isinstance(value, list):
        return value
    forms = list(_forms(value))
    if isinstance(default, tuple):
        forms = [*forms[1:], forms[0]]
    return next((form for form in forms if _accepted(name, form, target, kinds)), value)


def _forms(value: list[Any]) -> Iterator[Any]:
    yield value
    yield tuple(value)
    if any(isinstance(v, list) for v in value):
        inner = [tuple(v) if isinstance(v, list) else v for v in value]
        yield inner
        yield tuple(inner)


def _accepted(name: str, value: Any, target: Callable[..., object], kinds: Mapping[str, str]) -> bool:
    meant = replaced("", {name: value}, kinds, lambda place: STAND_IN)
    problems = check_parameters("", Ref("", meant), target)
    return not any(f" {name} must be " in f" {problem.what}" for problem in problems)


__all__ = ["given", "value_of"]

"""Parameters of a component as they were before they were described."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from gammalearn_core.engine.components import plain
from gammalearn_core.engine.parameters import check_parameters
from gammalearn_core.engine.parameters import signature_of
from gammalearn_core.errors import UnknownComponentError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.ref import Ref


def given(id: str, described: dict[str, Any], registry: Registry, *, kind: str) -> dict[str, Any]:
    """Parameters of a component that is named by its id.

    Those that are the component's own defaults are left out. Descriptions have lists for tuples too, so that a list
    becomes a tuple where the component wants one.
    """
    values = {str(name): value_of(value) for name, value in described.items()}
    try:
        target = registry.load(id, kind=kind)
    except UnknownComponentError:
        return values  # told with all other problems when the experiment is checked
    signature = signature_of(target)
    defaults = {n: p.default for n, p in signature.parameters.items()} if signature is not None else {}
    return {
        name: _fitting(name, value, defaults.get(name), target)
        for name, value in values.items()
        if name not in defaults or json.dumps(plain(defaults[name])) != json.dumps(described[name])
    }


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


def _fitting(name: str, value: Any, default: object, target: Callable[..., object]) -> Any:
    """The value, or the first form of it with tuples that the component accepts."""
    if not isinstance(value, list):
        return value
    forms = list(_forms(value))
    if isinstance(default, tuple):
        forms = [*forms[1:], forms[0]]
    return next((form for form in forms if _accepted(name, form, target)), value)


def _forms(value: list[Any]) -> Iterator[Any]:
    yield value
    yield tuple(value)
    if any(isinstance(v, list) for v in value):
        inner = [tuple(v) if isinstance(v, list) else v for v in value]
        yield inner
        yield tuple(inner)


def _accepted(name: str, value: Any, target: Callable[..., object]) -> bool:
    problems = check_parameters("", Ref("", {name: value}), target)
    return not any(f" {name} must be " in f" {problem.what}" for problem in problems)


__all__ = ["given", "value_of"]

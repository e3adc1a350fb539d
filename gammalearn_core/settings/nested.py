"""Components that stand in parameters of a component. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from gammalearn_core.errors import Problem
from gammalearn_core.plugin.records import NESTED_KINDS
from gammalearn_core.plugin.records import is_nested
from gammalearn_core.settings import fields
from gammalearn_core.settings.ref import Ref

Place = tuple[str, str, object]
"""Where something stands, the kind of component that belongs there, and what stands there."""


def nested_kinds(declaring: object) -> Mapping[str, str]:
    """Parameters that hold components, and of which kind: what a record, or a callable in its place, declares."""
    declared = getattr(declaring, "nested", None)
    return declared if isinstance(declared, Mapping) and is_nested(declared) else {}


def places(where: str, parameters: Mapping[str, object], kinds: Mapping[str, str]) -> Iterator[Place]:
    """What stands where components belong, as it is given; None stands for none."""
    for name, kind in kinds.items():
        if name in parameters:
            yield from ((place, kind, value) for place, value in _leaves(f"{where}[{name!r}]", parameters[name]))


def components(
    where: str, parameters: Mapping[str, object], kinds: Mapping[str, str]
) -> Iterator[tuple[str, str, Ref]]:
    """The components among them, as refs."""
    for place, kind, value in places(where, parameters, kinds):
        if isinstance(value, Ref) or callable(value):
            yield place, kind, value if isinstance(value, Ref) else Ref(value)


def replaced(
    where: str, parameters: Mapping[str, object], kinds: Mapping[str, str], new: Callable[[str], object]
) -> dict[str, object]:
    """Parameters with something else for each component; ``new`` is called with the place."""
    return {
        name: _put(f"{where}[{name!r}]", value, new) if name in kinds else value for name, value in parameters.items()
    }


def check_nested(where: str, label: str, declaring: object, parameters: Mapping[str, object]) -> Iterator[Problem]:
    """Whether components stand where they belong. Nothing is looked up."""
    declared = getattr(declaring, "nested", None)
    if declared is not None and not is_nested(declared):
        hint = f"{{'encoder': {NESTED_KINDS[0]!r}}}, say"
        yield Problem(f"{where} {label}", f"its nested must name a kind for each parameter, got {declared!r}", hint)
    for name in nested_kinds(declaring):
        if name in parameters:
            yield from _wrong_names(f"{where}[{name!r}]", parameters[name])
    for place, _, value in places(where, parameters, nested_kinds(declaring)):
        yield from fields.component(place, value)


def _leaves(where: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{where}[{name!r}]", inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(f"{where}[{number}]", inner)
    elif value is not None:
        yield where, value


def _put(where: str, value: object, new: Callable[[str], object]) -> object:
    if isinstance(value, Mapping):
        return {name: _put(f"{where}[{name!r}]", inner, new) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_put(f"{where}[{number}]", inner, new) for number, inner in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    return None if value is None else new(where)


def _wrong_names(where: str, value: object) -> Iterator[Problem]:
    """Names are kept with the run, where they are texts."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                yield Problem(where, f"names must be texts, got {name!r}", f"write {str(name)!r}")
            yield from _wrong_names(f"{where}[{name!r}]", inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _wrong_names(f"{where}[{number}]", inner)


__all__ = ["check_nested", "components", "nested_kinds", "places", "replaced"]

"""A copy of a setting in which one part is another."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NoReturn

import attrs

from gammalearn_core.plugin.names import suggest
from gammalearn_core.settings.ref import On
from gammalearn_core.settings.ref import Ref
from gammalearn_core.settings.ref import on
from gammalearn_core.settings.start import WeightsOf
from gammalearn_core.settings.start import weights_of

_MAKERS = {On: on, WeightsOf: weights_of}


class LeadsNowhereError(Exception):
    """A key names nothing; the arguments are what is wrong and a hint."""


def put(value: object, keys: Sequence[str], new: object, *, ids: bool = False) -> object:
    """A copy of ``value`` in which what the keys lead to is ``new``.

    Texts in it stand for components where there are some now, and with ``ids``.
    """
    if not keys:
        return _components(new) if ids or _holds_components(value) else new
    key, rest = keys[0], keys[1:]
    if isinstance(value, Ref):
        return _in_ref(value, key, rest, new)
    if isinstance(value, (On, WeightsOf)):
        return _in_record(value, key, rest, new)
    if isinstance(value, Mapping):
        return _in_mapping(value, key, rest, new, ids=ids)
    if isinstance(value, (list, tuple)):
        items = list(value)
        number = _number(key, len(items))
        items[number] = put(items[number], rest, new, ids=ids)
        return type(value)(items) if type(value) in (list, tuple) else items
    if callable(value):
        name = getattr(value, "__qualname__", type(value).__name__)
        return nowhere(f"{name} is given no {key!r}", f"write ref({name}) in its place, which can hold parameters")
    hint = "set it to something first" if value is None else ""
    return nowhere(f"{value!r} has no {key!r}", hint)


def _holds_components(value: object) -> bool:
    """Whether this is a component, or a dictionary or a list in which there are some."""
    if isinstance(value, (Mapping, list, tuple)):
        return any(map(_holds_components, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, (Ref, On))


def _components(value: object) -> object:
    if isinstance(value, str):
        return Ref(value)
    if isinstance(value, (list, tuple)):
        return [_components(item) for item in value]
    return {name: _components(item) for name, item in value.items()} if isinstance(value, dict) else value


def _in_ref(value: Ref, key: str, rest: Sequence[str], new: object) -> Ref:
    """Set a parameter by its name or, if it was given without one, by its place."""
    if key.isdecimal():
        return Ref(value.target, value.parameters, put(value.arguments, [key, *rest], new))  # type: ignore[arg-type]
    if not key.isidentifier():
        nowhere(f"{key!r} cannot be the name of a parameter")
    if rest and key not in value.parameters:
        hint = suggest(key, value.parameters) or _given(value.parameters)
        nowhere(f"{value.label} is given no {key!r} that could hold {rest[0]!r}", hint)
    part = put(value.parameters.get(key), rest, new)
    return Ref(value.target, {**value.parameters, key: part}, value.arguments)


def _in_record(value: On | WeightsOf, key: str, rest: Sequence[str], new: object) -> object:
    """Set what ``on`` and ``weights_of`` are given; other keys are those of the handler."""
    fields = {f.name: getattr(value, f.name) for f in attrs.fields(type(value))}
    if isinstance(value, On) and key not in fields:
        key, rest = "handler", [key, *rest]
    if key not in fields:
        nowhere(f"weights_of has no {key!r}", suggest(key, fields) or _given(fields))
    return _MAKERS[type(value)](**fields | {key: put(fields[key], rest, new)})  # type: ignore[operator]


def _in_mapping(value: Mapping[object, object], key: str, rest: Sequence[str], new: object, *, ids: bool) -> object:
    names = {str(name): name for name in value}
    if key not in names:
        nowhere(f"there is no {key!r}", suggest(key, names) or _given(names))
    return {**value, names[key]: put(value[names[key]], rest, new, ids=ids)}


def _number(key: str, length: int) -> int:
    if not key.isdecimal():
        nowhere(f"expected a number in the list, counted from 0, got {key!r}")
    if int(key) >= length:
        there = f"those there are: 0 to {length - 1}" if length > 1 else "there is 0 alone" if length else "it is empty"
        nowhere(f"there is no number {int(key)} in the list", there)
    return int(key)


def _given(names: Iterable[object]) -> str:
    known = ", ".join(map(str, names))
    return f"there are {known}" if known else "there is none yet: set the whole"


def nowhere(what: str, hint: str = "") -> NoReturn:
    """Say that a key names nothing."""
    raise LeadsNowhereError(what, hint)


__all__ = ["LeadsNowhereError", "nowhere", "put"]

"""Parameters of components, checked against the signature of what will be called, before it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import get_args

from typeguard import CollectionCheckStrategy
from typeguard import ForwardRefPolicy
from typeguard import TypeCheckError
from typeguard import check_type

from gammalearn_core.errors import Problem
from gammalearn_core.plugin.names import suggest
from gammalearn_core.settings.ref import Ref

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def signature_of(target: Callable[..., object]) -> inspect.Signature | None:
    """The signature, or None where Python cannot tell."""
    try:
        return inspect.signature(target)
    except (TypeError, ValueError):
        return None


def check_parameters(
    where: str, item: Ref, target: Callable[..., object], *, keywords: tuple[str, ...] = (), positional: int = 0
) -> Iterator[Problem]:
    """Problems of a ref's parameters.

    Parameters
    ----------
    where : str
        The setting, for messages.
    item : Ref
    target : callable
        What the ref stands for.
    keywords : tuple of str
        Parameters that the core supplies by name.
    positional : int
        Number of arguments that the core supplies in front.
    """
    signature = signature_of(target)
    if signature is None:
        return
    where = f"{where} {item.label}"
    parameters = list(signature.parameters.values())
    own = [p for p in parameters[positional:] if p.kind in _NAMED and p.name not in keywords]
    names = [p.name for p in own]
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    for name, value in item.parameters.items():
        if name in keywords:
            yield Problem(where, f"{name!r} is given by the core, not by the settings")
        elif name in names:
            yield from _type_problem(where, own[names.index(name)], value, target)
        elif not open_ended:
            hint = suggest(name, names) or (f"it takes {', '.join(names)}" if names else "it takes none")
            yield Problem(where, f"unknown parameter {name!r}", hint)
    for p in own:
        if p.default is inspect.Parameter.empty and p.name not in item.parameters:
            yield Problem(where, f"parameter {p.name!r} is required")


def name_arguments(
    where: str, item: Ref, target: Callable[..., object], *, keywords: tuple[str, ...] = (), positional: int = 0
) -> tuple[Ref, list[Problem]]:
    """A ref whose parameters all have their names, those that it gives by their place too; and what is wrong with it.

    Parameters are as those of `check_parameters`. If something is wrong, the ref is as it was.
    """
    if not item.arguments:
        return item, []
    where, signature = f"{where} {item.label}", signature_of(target)
    if signature is None:
        return item, [Problem(where, "does not tell what its parameters are called, so that they need their names")]
    own = list(signature.parameters.values())[positional:]
    names = [p.name for p in own if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and p.name not in keywords]
    if len(item.arguments) > len(names):
        what = f"takes at most {len(names)} parameters without their names, got {len(item.arguments)}"
        return item, [Problem(where, what, f"they are {', '.join(names)}" if names else "")]
    placed = dict(zip(names, item.arguments, strict=False))
    twice = [_twice(where, name, place) for place, name in enumerate(placed) if name in item.parameters]
    return (item, twice) if twice else (Ref(item.target, placed | dict(item.parameters)), [])


def _twice(where: str, name: str, place: int) -> Problem:
    hint = f"once without its name, in place {place}: --set changes that by this number, as in filters.0.{place}=…"
    return Problem(where, f"parameter {name!r} is given twice", hint)


def defaults(
    item: Ref, target: Callable[..., object], skip: tuple[str, ...] = (), positional: int = 0
) -> dict[str, Any]:
    """The parameters of a ref with every default of its target filled in."""
    signature = signature_of(target)
    given = dict(item.parameters)
    if signature is None:
        return given
    parameters = list(signature.parameters.values())[positional:]
    missing = inspect.Parameter.empty
    known = {
        p.name: p.default for p in parameters if p.kind in _NAMED and p.name not in skip and p.default is not missing
    }
    return known | given


def _type_problem(
    where: str, parameter: inspect.Parameter, value: object, target: Callable[..., object]
) -> Iterator[Problem]:
    hint = _annotation(parameter, target)
    if hint is inspect.Parameter.empty:
        return
    if isinstance(value, bool) and hint in (int, float):
        yield Problem(where, f"{parameter.name} must be {_readable(hint)}, got {value!r}")
        return
    try:
        check_type(
            value,
            hint,
            forward_ref_policy=ForwardRefPolicy.IGNORE,
            collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS,
        )
    except TypeCheckError:
        yield Problem(where, f"{parameter.name} must be {_readable(hint)}, got {value!r}")


def _annotation(parameter: inspect.Parameter, target: Callable[..., object]) -> Any:
    """The annotation as a type; empty where it is missing or names what is imported for type checkers only."""
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return eval(annotation, getattr(inspect.unwrap(function), "__globals__", {}))
    except Exception:
        return inspect.Parameter.empty


def _readable(hint: Any) -> str:
    simple = {int: "a whole number", float: "a number", str: "text", bool: "True or False"}
    if hint in simple:
        return simple[hint]
    alone = inspect.isclass(hint) and not get_args(hint)
    return (
        (f"{hint.__module__}.{hint.__qualname__}".removeprefix("builtins.") if alone else str(hint))
        .replace("gammalearn_core.api.Maker", "ref(…)")
        .replace("collections.abc.", "")
        .replace("typing.", "")
        .replace("pathlib.", "")
        .replace("NoneType", "None")
    )


__all__ = ["check_parameters", "defaults", "name_arguments", "signature_of"]

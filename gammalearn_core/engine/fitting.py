"""Whether weights of other runs fit a network, and loading them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

from torch import Tensor
from torch import nn

from gammalearn_core.engine.first_weights import FirstWeights
from gammalearn_core.engine.first_weights import StartWeights
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest

_SHOWN = 6
"""Names of weights that a message tells at most."""


def load_start(network: nn.Module, start: FirstWeights) -> None:
    """Let a network begin with the weights of one or several other runs; other weights stay as they are.

    Raises
    ------
    SettingsError
        The network has other names or shapes, or a weight would be given twice. It is as it was.
    """
    state = network.state_dict()
    problems = [problem for weights in start.parts for problem in _misfits(state, weights)]
    problems = problems or list(_given_twice(state, start))
    if problems:
        raise SettingsError(problems)
    for weights in start.parts:
        network.load_state_dict(weights.placed, strict=False)


def _misfits(state: Mapping[str, Tensor], weights: StartWeights) -> Iterator[Problem]:
    if weights.into and not any(name.startswith(f"{weights.into}.") for name in state):
        hint = suggest(weights.into, _modules(state)) or f"it has {', '.join(_by_module(state))}"
        yield Problem(weights.where, f"the network here has no module {weights.into!r}", hint)
        return
    here = {name: tensor for name, tensor in state.items() if weights.takes(name)}
    hint = _fitting_part(state, weights)
    yield from _names(here, weights, hint)
    yield from _shapes(here, weights, hint)


def _names(here: Mapping[str, Tensor], weights: StartWeights, hint: str) -> Iterator[Problem]:
    """Weights that one of the two networks lacks."""
    unknown = [name for name in weights.placed if name not in here]
    absent = [name for name in here if name not in weights.placed]
    if unknown:
        yield Problem(weights.where, f"the network here lacks what the run has: {_listed(unknown)}", hint)
    if absent:
        what = f"the run lacks what the network here has: {_listed(absent)}"
        yield Problem(weights.where, what, "" if unknown else hint)


def _shapes(here: Mapping[str, Tensor], weights: StartWeights, hint: str) -> Iterator[Problem]:
    other = [
        f"{name} is {tuple(tensor.shape)} in the run, {tuple(here[name].shape)} here"
        for name, tensor in weights.placed.items()
        if name in here and tensor.shape != here[name].shape
    ]
    if other:
        yield Problem(weights.where, f"weights have other shapes: {_listed(other, '; ')}", hint)


def _given_twice(state: Mapping[str, Tensor], start: FirstWeights) -> Iterator[Problem]:
    """Weights that two runs would give, under one name or under two names of one module."""
    givers: dict[int, StartWeights] = {}
    for weights in start.parts:
        places = {state[name].data_ptr(): name for name in weights.placed if state[name].numel()}
        other = next((givers[place] for place in places if place in givers), None)
        if other is not None:
            twice = [name for place, name in places.items() if place in givers]
            what = f"{_listed(twice)}: {other.where} gives the same weights"
            yield Problem(weights.where, what, "let each module have the weights of one run: only=…, into=…")
        givers |= dict.fromkeys(places, weights)


def _fitting_part(state: Mapping[str, Tensor], weights: StartWeights) -> str:
    """A hint that names the modules which could be taken, and where they would fit."""
    theirs = _by_module(weights.state)
    for into in [weights.into] if weights.into else ["", *_modules(state)]:
        inside = f"{into}." if into else ""
        ours = _by_module({n.removeprefix(inside): t for n, t in state.items() if n.startswith(inside)})
        fitting = [module for module, shapes in theirs.items() if ours.get(module) == shapes]
        if fitting:
            place = f", into={into!r}" if into else ""
            return f"what fits is a part: weights_of(…, only={fitting!r}{place})"
    return ""


def _modules(state: Mapping[str, Tensor]) -> list[str]:
    """Names of modules that have weights, the outer ones first."""
    names = {".".join(parts[:n]) for parts in (name.split(".") for name in state) for n in range(1, len(parts))}
    return sorted(names, key=lambda name: (name.count("."), name))


def _by_module(state: Mapping[str, Tensor]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of weights by the module that they are in."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, tensor in state.items():
        found.setdefault(name.partition(".")[0], {})[name] = tuple(tensor.shape)
    return found


def _listed(texts: Iterable[str], separator: str = ", ") -> str:
    """The first of many texts, and how many more there are."""
    known = list(texts)
    more = f"{separator}and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return separator.join(known[:_SHOWN]) + more


__all__ = ["load_start"]

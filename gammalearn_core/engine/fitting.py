"""Whether weights of another run fit a network, and loading them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

from torch import Tensor
from torch import nn

from gammalearn_core.engine.start import WHERE
from gammalearn_core.engine.start import StartWeights
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError

_SHOWN = 6
"""Names of weights that a message tells at most."""


def load_into(network: nn.Module, weights: StartWeights) -> None:
    """Let a network begin with these weights; others stay as they are.

    Raises
    ------
    SettingsError
        The network has other names or shapes. It is as it was.
    """
    here = {name: tensor for name, tensor in network.state_dict().items() if weights.takes(name)}
    problems = [*_names(here, weights), *_shapes(here, weights)]
    if problems:
        raise SettingsError(problems)
    network.load_state_dict(dict(weights.state), strict=False)


def _names(here: Mapping[str, Tensor], weights: StartWeights) -> Iterator[Problem]:
    """Weights that one of the two networks lacks."""
    unknown = [name for name in weights.state if name not in here]
    absent = [name for name in here if name not in weights.state]
    if unknown:
        what = f"the network here lacks what the run has: {_listed(unknown)}"
        yield Problem(WHERE, what, _fitting_part(here, weights))
    if absent:
        what = f"the run lacks what the network here has: {_listed(absent)}"
        yield Problem(WHERE, what, "" if unknown else _fitting_part(here, weights))


def _shapes(here: Mapping[str, Tensor], weights: StartWeights) -> Iterator[Problem]:
    other = [
        f"{name} is {tuple(tensor.shape)} in the run, {tuple(here[name].shape)} here"
        for name, tensor in weights.state.items()
        if name in here and tensor.shape != here[name].shape
    ]
    if other:
        what = f"weights have other shapes: {_listed(other, '; ')}"
        yield Problem(WHERE, what, _fitting_part(here, weights))


def _fitting_part(here: Mapping[str, Tensor], weights: StartWeights) -> str:
    """A hint that names the modules which could be taken."""
    ours, theirs = _by_module(here), _by_module(weights.state)
    fitting = [module for module, shapes in theirs.items() if ours.get(module) == shapes]
    return f"what fits is a part: weights_of(…, only={fitting!r})" if fitting else ""


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


__all__ = ["load_into"]

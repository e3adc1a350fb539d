"""`backend_report`: which backend each layer of a model runs on, and why."""

from __future__ import annotations

from typing import NamedTuple
from typing import Protocol
from typing import runtime_checkable

from torch import nn

from gammalearn_hexconv.backends.choosing import Choice


@runtime_checkable
class _Layer(Protocol):
    def chosen_backend(self) -> Choice: ...


class LayerBackend(NamedTuple):
    """What computes one layer."""

    name: str
    """Name of the layer in the model."""
    layer: str
    """Its class."""
    backend: str
    reason: str


class BackendReport(tuple[LayerBackend, ...]):
    """What computes each layer of a model; as text, one line each."""

    __slots__ = ()

    def __str__(self) -> str:
        widths = [max((len(layer[i]) for layer in self), default=0) for i in range(3)]
        return "\n".join(
            "  ".join([*(part.ljust(width) for part, width in zip(layer, widths, strict=False)), layer.reason])
            for layer in self
        )


def backend_report(model: nn.Module) -> BackendReport:
    """Give which backend each layer over neighbours runs on, for inputs of the type and on the device of its weights.

    Raises
    ------
    ValueError
        A layer is bound to a backend that cannot run it.

    Examples
    --------
    >>> from gammalearn_hexconv import HexConv2d, HexLattice
    >>> conv = HexConv2d(1, 4, HexLattice([(0, 0), (1, 0), (0, 1)]), backend="gather")
    >>> print(backend_report(conv))
    (model)  HexConv2d  gather  it is asked for
    """
    return BackendReport(
        LayerBackend(name or "(model)", type(module).__name__, *module.chosen_backend())
        for name, module in model.named_modules()
        if isinstance(module, _Layer)
    )


__all__ = ["BackendReport", "LayerBackend", "backend_report"]

"""`fuse`: a copy of a network for inference, with layers fused."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor
from torch import nn
from torch.utils._pytree import tree_map

from gammalearn_hexconv.backends.report import BackendReport
from gammalearn_hexconv.backends.report import backend_report
from gammalearn_hexconv.fused.chain import FusedChain
from gammalearn_hexconv.fused.graph import Array
from gammalearn_hexconv.fused.graph import Graph
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.fused.linear import WideLinear
from gammalearn_hexconv.fused.lowering import CannotFuseError
from gammalearn_hexconv.fused.lowering import first_array
from gammalearn_hexconv.fused.lowering import lower


class Entry(NamedTuple):
    """What became of a module."""

    module: str
    """Its name."""
    fused: bool
    what: str
    """The number of layers that it is now, or why it is as it was."""


class FuseReport(tuple[Entry, ...]):
    """What became of the modules of a network; as text, one line each."""

    def __str__(self) -> str:
        return "\n".join(f"{e.module or 'network'}: {'fused, ' if e.fused else 'as it was, '}{e.what}" for e in self)


class FusedNetwork(nn.Module):
    """A network for inference, made by `fuse`.

    Takes and gives what the network does. What it takes is converted to `dtype`, what it gives to float32.

    Attributes
    ----------
    network : nn.Module
        A copy of the network, in which `FusedChain` stand for what is fused.
    report : FuseReport
        What is fused, and what is not and why.
    dtype : torch.dtype
        Of what is computed.
    """

    def __init__(self, network: nn.Module, report: FuseReport, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.report, self.dtype = network, report, dtype
        super().train(False)
        self.requires_grad_(False)

    def forward(self, *inputs: object) -> object:
        given = tree_map(lambda value: _converted(value, self.dtype), inputs)
        return tree_map(lambda value: _converted(value, torch.float32), self.network(*given))

    def backend_report(self) -> BackendReport:
        """Which backend computes each layer over neighbours, and why."""
        return backend_report(self)

    def train(self, mode: bool = True) -> FusedNetwork:
        """Refuse to be trained.

        Raises
        ------
        RuntimeError
            ``mode`` is True: batch norm is part of the weights now.
        """
        if mode:
            raise RuntimeError(
                "a fused network cannot be trained, as its batch norm is part of its weights: train the network that "
                "was given to fuse(), then fuse that"
            )
        return super().train(mode)


def _converted(value: object, dtype: torch.dtype) -> object:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def fuse(model: nn.Module, *, dtype: torch.dtype = torch.float32) -> FusedNetwork:
    """Copy a network for inference, with layers fused.

    Batch norm becomes part of convolutions; bias, residual, the batch norm that follows and ReLU are computed while a
    convolution's outputs are still in registers; attention takes one pass; and a few images at a time pass all layers.
    Weights are put into the order in which the kernel reads them once. The model itself is left as it is.

    Parameters
    ----------
    model : nn.Module
        In training or evaluation mode. `torch.nn.Sequential` and the blocks of `gammalearn_hexconv.networks` are
        fused; anything else stays as it is, see `FusedNetwork.report`.
    dtype : {torch.float32, torch.bfloat16}
        Of what is computed. With bfloat16, which has 8 bits of precision, sums are still made in float32.

    Returns
    -------
    FusedNetwork
        It can be copied, pickled and moved. Where the kernel is not available plain torch computes the same.

    Raises
    ------
    ValueError
        The dtype is another, or nothing can be fused.

    Examples
    --------
    >>> from gammalearn_hexconv import HexConv2d, HexLattice
    >>> lattice = HexLattice([(0, 0), (1, 0), (0, 1)])
    >>> model = nn.Sequential(HexConv2d(2, 16, lattice), nn.BatchNorm2d(16), nn.ReLU())
    >>> fused = fuse(model)
    >>> print(fused.report)
    network: fused, 1 layer
    >>> fused(torch.zeros(5, 2, 3, 1)).shape
    torch.Size([5, 16, 3, 1])
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be torch.float32 or torch.bfloat16, got {dtype!r}")
    entries: list[Entry] = []
    network = _fused(copy.deepcopy(model).eval(), "", dtype, entries)
    if not any(entry.fused for entry in entries):
        raise ValueError(f"nothing of the {type(model).__name__} can be fused:\n{FuseReport(entries)}")
    _convert(network, dtype)
    _widen(network)
    return FusedNetwork(network, FuseReport(entries), dtype)


def _fused(module: nn.Module, name: str, dtype: torch.dtype, entries: list[Entry]) -> nn.Module:
    """What stands for a module: a chain, or the module with chains in it."""
    row = [child for child in getattr(module, "in_a_row", ()) if isinstance(getattr(module, child), nn.Module)]
    if row:
        chain = _chain(nn.Sequential(*(getattr(module, child) for child in row)), dtype)
        if isinstance(chain, FusedChain):
            entries.append(Entry(" + ".join(_join(name, child) for child in row), True, _count(chain)))
            for child, stand_in in zip(row, (chain, *(nn.Identity() for _ in row[1:])), strict=True):
                setattr(module, child, stand_in)
    if first_array(module) is None:
        return module
    chain = _chain(module, dtype)
    if isinstance(chain, FusedChain):
        entries.append(Entry(name, True, _count(chain)))
        return chain
    entries.append(Entry(name, False, chain))
    for child_name, child in module.named_children():
        setattr(module, child_name, _fused(child, _join(name, child_name), dtype, entries))
    return module


def _join(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child


def _count(chain: FusedChain) -> str:
    return f"{len(chain.layers)} layer" + "s" * (len(chain.layers) != 1)


def _chain(module: nn.Module, dtype: torch.dtype) -> FusedChain | str:
    """A chain for a module, or why there is none."""
    given = first_array(module)
    if given is None:
        return "there is no convolution over neighbours in it"
    graph = Graph(Array(*given))
    try:
        graph.output = lower(module, graph, 0)
    except CannotFuseError as error:
        return str(error)
    graph.fuse()
    return FusedChain(graph, dtype)


def _convert(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert what is not fused."""
    for module in _unfused(network):
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.detach().to(dtype), requires_grad=False))
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_floating_point():
                setattr(module, name, buffer.to(dtype))


def _widen(network: nn.Module) -> None:
    """Have the kernel compute linear layers of many features."""
    for module in _unfused(network):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear) and WideLinear.takes(child):
                setattr(module, name, WideLinear(child))


def _unfused(module: nn.Module) -> list[nn.Module]:
    if isinstance(module, FusedChain):
        return []
    return [module, *(grandchild for child in module.children() for grandchild in _unfused(child))]


__all__ = ["Entry", "FuseReport", "FusedNetwork", "fuse"]

"""From modules to the layers of a `Graph`."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.fused.graph import Graph
from gammalearn_hexconv.fused.layers import Attention
from gammalearn_hexconv.fused.layers import Convolution
from gammalearn_hexconv.fused.layers import Gate
from gammalearn_hexconv.fused.layers import Means
from gammalearn_hexconv.fused.layers import Scaling
from gammalearn_hexconv.modules import HexConv2d
from gammalearn_hexconv.networks.attention import DualAttention
from gammalearn_hexconv.networks.attention import SpatialAttention
from gammalearn_hexconv.networks.attention import SqueezeExcite
from gammalearn_hexconv.networks.blocks import ConvNormAct
from gammalearn_hexconv.networks.blocks import NormActConv
from gammalearn_hexconv.networks.blocks import PreActivationLayer
from gammalearn_hexconv.networks.blocks import ResidualBlock
from gammalearn_hexconv.table import NeighbourTable


class CannotFuseError(ValueError):
    """A module that fused networks have no layer for; the text says why."""


@singledispatch
def lower(module: nn.Module, graph: Graph, x: int) -> int:
    """Append the layers of a module that reads array ``x``; gives the number of the array that it writes.

    Raises
    ------
    CannotFuseError
        There are no such layers.
    """
    raise CannotFuseError(f"there is no fused {type(module).__name__}")


@lower.register
def _(module: nn.Sequential, graph: Graph, x: int) -> int:
    for child in module:
        x = lower(child, graph, x)
    return x


@lower.register(nn.Identity)
@lower.register(nn.Dropout)
def _(module: nn.Module, graph: Graph, x: int) -> int:
    return x


@lower.register
def _(module: nn.ReLU, graph: Graph, x: int) -> int:
    return _relu(graph, x)


def _relu(graph: Graph, x: int) -> int:
    layer = Scaling(x, graph.like(x))
    layer.relu = True
    return graph.add(layer)


def _added(graph: Graph, x: int, other: int) -> int:
    layer = Scaling(x, graph.like(x))
    layer.other = other
    return graph.add(layer)


@lower.register
def _(module: nn.BatchNorm2d, graph: Graph, x: int) -> int:
    if module.running_mean is None or module.running_var is None:
        raise CannotFuseError("a BatchNorm2d without running statistics depends on the batch")
    scale = (module.running_var.double() + module.eps).rsqrt()
    scale = scale if module.weight is None else scale * module.weight.double()
    shift = -module.running_mean.double() * scale
    shift = shift if module.bias is None else shift + module.bias.double()
    return graph.add(Scaling(x, graph.like(x), scale, shift))


@lower.register
def _(module: HexConv2d, graph: Graph, x: int) -> int:
    if module.backend not in ("auto", "indirect"):
        raise CannotFuseError(f"a HexConv2d runs on the backend {module.backend!r}")
    return _convolution(graph, x, module.weight, module.bias, module.site, module.groups)


def _convolution(graph: Graph, x: int, weight: Tensor, bias: Tensor | None, site: Site, groups: int = 1) -> int:
    if graph.arrays[x] != (site.n_in, weight.shape[1] * groups):
        wanted, got = (site.n_in, weight.shape[1] * groups), tuple(graph.arrays[x])
        raise CannotFuseError(f"a convolution wants (pixels, channels) = {wanted}, and is given {got}")
    return graph.add(Convolution(x, graph.array(site.n_out, len(weight)), weight, bias, site, groups))


@lower.register
def _(module: nn.Conv2d, graph: Graph, x: int) -> int:
    simple = module.kernel_size == (1, 1) and module.stride == (1, 1) and module.groups == 1
    if not simple or module.padding not in ((0, 0), "valid"):
        raise CannotFuseError("of Conv2d, only 1x1 without stride, padding or groups is fused")
    return _convolution(graph, x, module.weight.flatten(2), module.bias, _each(graph.arrays[x].pixels))


def _each(pixels: int) -> Site:
    return Site(NeighbourTable(np.arange(pixels)[:, None], pixels))


@lower.register
def _(module: ConvNormAct, graph: Graph, x: int) -> int:
    x = lower(module.conv, graph, x)
    return _relu(graph, x if module.norm is None else lower(module.norm, graph, x))


@lower.register
def _(module: NormActConv, graph: Graph, x: int) -> int:
    return lower(module.conv, graph, x if module.norm is None else _relu(graph, lower(module.norm, graph, x)))


@lower.register
def _(module: PreActivationLayer, graph: Graph, x: int) -> int:
    kept = x if module.shortcut is None else lower(module.shortcut, graph, x)
    return _added(graph, lower(module.second, graph, lower(module.first, graph, x)), kept)


@lower.register
def _(module: ResidualBlock, graph: Graph, x: int) -> int:
    change = _relu(graph, lower(module.norm1, graph, lower(module.conv1, graph, x)))
    return _relu(graph, _added(graph, lower(module.norm2, graph, lower(module.conv2, graph, change)), x))


@lower.register
def _(module: SqueezeExcite, graph: Graph, x: int) -> int:
    layer = Attention(x, graph.like(x), graph.arrays[x], 1.0)
    layer.gate = _gate(module, graph, x)
    return graph.add(layer)


@lower.register
def _(module: SpatialAttention, graph: Graph, x: int) -> int:
    layer = Attention(x, graph.like(x), graph.arrays[x], 0.0)
    _score(module, graph, layer)
    return graph.add(layer)


@lower.register
def _(module: DualAttention, graph: Graph, x: int) -> int:
    layer = Attention(x, graph.like(x), graph.arrays[x], 1.0)
    layer.gate = _gate(module.channel, graph, x)
    _score(module.spatial, graph, layer)
    return graph.add(layer)


def _gate(module: SqueezeExcite, graph: Graph, x: int) -> int:
    pixels, channels = graph.arrays[x]
    means = graph.add(Means(x, graph.array(0, channels), pixels, channels))
    return graph.add(Gate(means, graph.array(0, channels), module.reduce, module.expand))


def _score(module: SpatialAttention, graph: Graph, layer: Attention) -> None:
    reduced = _relu(graph, lower(module.norm, graph, lower(module.reduce, graph, layer.x)))
    layer.score_by(reduced, graph.array(0, graph.arrays[layer.x].pixels), module.score)


def first_array(module: nn.Module) -> tuple[int, int] | None:
    """Pixels and channels that a module takes, by its first convolution; None if it has none."""
    conv = next((child for child in module.modules() if isinstance(child, HexConv2d)), None)
    return None if conv is None else (conv.table.n_in, conv.in_channels)


__all__ = ["CannotFuseError", "first_array", "lower"]

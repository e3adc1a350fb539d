"""`Graph`: layers that read and write numbered arrays, and how they are fused."""

from __future__ import annotations

from typing import NamedTuple

from gammalearn_hexconv.fused.layers import Attention
from gammalearn_hexconv.fused.layers import Convolution
from gammalearn_hexconv.fused.layers import Layer
from gammalearn_hexconv.fused.layers import Scaling


class Array(NamedTuple):
    """What is known of an array."""

    pixels: int
    """0 for a vector, float32 whatever the type of the images."""
    channels: int


class Graph:
    """Layers in the order in which they are computed; array 0 is the input.

    Parameters
    ----------
    given : Array
        The input.
    """

    def __init__(self, given: Array) -> None:
        self.arrays = [given]
        self.layers: list[Layer] = []
        self.output = 0

    def array(self, pixels: int, channels: int) -> int:
        """Number of a new array."""
        self.arrays.append(Array(pixels, channels))
        return len(self.arrays) - 1

    def like(self, number: int) -> int:
        """Number of a new array like another."""
        return self.array(*self.arrays[number])

    def add(self, layer: Layer) -> int:
        """Append a layer; gives the number of the array that it writes."""
        if isinstance(layer, Scaling):
            layer.sizes = self.arrays[layer.x]
        self.layers.append(layer)
        return layer.y

    def fuse(self) -> None:
        """Compute as much as possible in as few layers as possible."""
        for rule in (self._cut_scaling, self._fold, self._add_residual, self._cut, self._second):
            for layer in list(self.layers):
                if isinstance(layer, Scaling):
                    rule(layer)

    def _maker(self, number: int) -> Layer | None:
        return next((layer for layer in self.layers if number == layer.y), None)

    def _uses(self, number: int) -> int:
        return sum(layer.reads().count(number) for layer in self.layers) + (number == self.output)

    def _sole(self, number: int) -> Layer | None:
        """What makes an array that is used once."""
        return self._maker(number) if self._uses(number) == 1 else None

    def _merge(self, into: Layer, layer: Layer) -> None:
        into.y, into.relu = layer.y, layer.relu
        self.layers.remove(layer)

    def _cut_scaling(self, layer: Scaling) -> None:
        maker = self._sole(layer.x)
        if _only_cuts(layer) and isinstance(maker, Scaling) and not maker.relu:
            self._merge(maker, layer)

    def _fold(self, layer: Scaling) -> None:
        maker = self._sole(layer.x)
        if not isinstance(maker, Convolution) or maker.relu or layer.scale is None or layer.shift is None:
            return
        maker.fold(layer.scale, layer.shift)
        if layer.other < 0:
            self._merge(maker, layer)
        else:
            layer._vector("scale", None)
            layer._vector("shift", None)

    def _add_residual(self, layer: Scaling) -> None:
        if layer.other < 0 or layer.scale is not None:
            return
        for number, residual in ((layer.x, layer.other), (layer.other, layer.x)):
            maker = self._sole(number)
            if isinstance(maker, Convolution) and not maker.relu and maker.other < 0:
                maker.other, maker.y, maker.relu = residual, layer.y, layer.relu
                self.layers.remove(maker)
                self.layers[self.layers.index(layer)] = maker
                return

    def _cut(self, layer: Scaling) -> None:
        maker = self._sole(layer.x)
        if _only_cuts(layer) and isinstance(maker, (Convolution, Attention)) and not maker.relu:
            self._merge(maker, layer)

    def _second(self, layer: Scaling) -> None:
        maker = self._maker(layer.x)
        if not isinstance(maker, Convolution) or maker.second >= 0 or layer.other >= 0 or not layer.relu:
            return
        if layer.scale is not None and layer.shift is not None:
            maker.also(layer.y, layer.scale, layer.shift)
            self.layers.remove(layer)


def _only_cuts(layer: Scaling) -> bool:
    return layer.relu and layer.scale is None and layer.other < 0


__all__ = ["Array", "Graph"]

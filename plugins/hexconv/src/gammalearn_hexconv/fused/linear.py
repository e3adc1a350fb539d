"""`WideLinear`: a linear layer of many features, by the kernel of the convolutions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.fused.chain import Program
from gammalearn_hexconv.fused.graph import Array
from gammalearn_hexconv.fused.layers import Convolution
from gammalearn_hexconv.kernel import available
from gammalearn_hexconv.steady import SteadyLinear
from gammalearn_hexconv.table import NeighbourTable

CHANNELS = 64
"""Features are taken for pixels with so many channels, all of which one output pixel sees."""
PART = 16
"""Pixels of a part of the weights: it stays in a cache for all images, and its sums are short, hence exact."""
LEAST = 1024
"""Fewer features are left to torch."""


class WideLinear(SteadyLinear):
    """A linear layer that the kernel computes for float32 on the CPU where no gradient is wanted, and else torch.

    Parameters
    ----------
    linear : nn.Linear
        The layer whose parameters it has.

    Examples
    --------
    >>> linear = nn.Linear(2048, 8)
    >>> rows = torch.randn(3, 2048)
    >>> bool(torch.allclose(WideLinear(linear)(rows), linear(rows), atol=1e-5))
    True
    """

    def __init__(self, linear: nn.Linear) -> None:
        with torch.device("meta"):
            super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None)
        self.weight, self.bias = linear.weight, linear.bias
        self._program: Program | None = None

    @staticmethod
    def takes(linear: nn.Linear) -> bool:
        """Whether a layer can be made one."""
        wide = linear.in_features >= LEAST and linear.in_features % CHANNELS == 0
        return wide and type(linear) in (nn.Linear, SteadyLinear)

    def forward(self, input: Tensor) -> Tensor:
        if not self._suits(input):
            return super().forward(input)
        if self._program is None:
            self._program = _program(self.weight, self.bias)
        return self._program(input.contiguous().view(len(input), self.in_features // CHANNELS, CHANNELS)).flatten(1)

    def _suits(self, input: Tensor) -> bool:
        if torch.compiler.is_compiling() or torch.compiler.is_exporting() or not available():
            return False
        plain = input.dtype == self.weight.dtype == torch.float32 and input.dim() == 2
        differentiable = torch.is_grad_enabled() and (input.requires_grad or self.weight.requires_grad)
        cpu = input.device.type == "cpu" and self.weight.device.type == "cpu"
        return plain and cpu and not differentiable and input.shape[1] == self.in_features

    def _apply(self, *args: object, **kwargs: object) -> WideLinear:
        self._program = None
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        self._program = None
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict[str, object]:
        # Packed weights are in the order of this processor.
        return {**self.__dict__, "_program": None}


def _program(weight: Tensor, bias: Tensor | None) -> Program:
    """Convolutions of one output pixel, each of which sees a part of the pixels and adds what the one before gave."""
    by_pixel = weight.detach().view(len(weight), -1, CHANNELS)
    n_pixels = by_pixel.shape[1]
    layers: list[Convolution] = []
    for first in range(0, n_pixels, PART):
        numbers = range(first, min(first + PART, n_pixels))
        site = Site(NeighbourTable([numbers], n_pixels))
        part = by_pixel[:, first : first + PART].transpose(1, 2)
        layer = Convolution(0, len(layers) + 1, part, None if layers else bias, site)
        layer.other = len(layers) or -1
        layers.append(layer)
    arrays = [Array(n_pixels, CHANNELS), *(Array(1, len(weight)) for _ in layers)]
    return Program(layers, arrays, len(layers), torch.float32, chunk=None)


__all__ = ["WideLinear"]

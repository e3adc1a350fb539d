"""`WideLinear`: a linear layer of many features, by the kernel of the convolutions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.kernel import available
from gammalearn_hexconv.kernel import calls
from gammalearn_hexconv.kernel import packing
from gammalearn_hexconv.steady import SteadyLinear

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
        self._parts: list[tuple[Tensor, Tensor]] | None = None

    @staticmethod
    def takes(linear: nn.Linear) -> bool:
        """Whether a layer can be made one."""
        wide = linear.in_features >= LEAST and linear.in_features % CHANNELS == 0
        return wide and type(linear) in (nn.Linear, SteadyLinear)

    def forward(self, input: Tensor) -> Tensor:
        if not self._suits(input):
            return super().forward(input)
        if self._parts is None:
            self._parts = _parts(self.weight)
        pixels = input.contiguous().view(len(input), self.in_features // CHANNELS, CHANNELS)
        sums: Tensor | None = None
        for weight, rows in self._parts:
            packed, bias = (weight, 1, self.out_features), self.bias if sums is None else None
            sums, _ = calls.conv_act(pixels, packed, rows, bias, sums, second=None, relu=False)
        assert sums is not None
        return sums.flatten(1)

    def _suits(self, input: Tensor) -> bool:
        if torch.compiler.is_compiling() or torch.compiler.is_exporting() or not available():
            return False
        plain = input.dtype == self.weight.dtype == torch.float32 and input.dim() == 2
        differentiable = torch.is_grad_enabled() and (input.requires_grad or self.weight.requires_grad)
        cpu = input.device.type == "cpu" and self.weight.device.type == "cpu"
        return plain and cpu and not differentiable and input.shape[1] == self.in_features

    def _apply(self, *args: object, **kwargs: object) -> WideLinear:
        self._parts = None
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        self._parts = None
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict[str, object]:
        # Packed weights are in the order of this processor.
        return {**self.__dict__, "_parts": None}


def _parts(weight: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Packed weights of each part, and the pixels that it sees."""
    by_pixel = weight.detach().view(len(weight), -1, CHANNELS)
    numbers = torch.arange(by_pixel.shape[1], dtype=torch.int32)
    pairs = zip(torch.split(by_pixel, PART, dim=1), torch.split(numbers, PART), strict=True)
    return [(packing.pack(part.transpose(1, 2), 1, torch.float32).weights, rows[None]) for part, rows in pairs]


__all__ = ["WideLinear"]

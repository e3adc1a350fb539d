"""`NormConv`: batch norm, ReLU and a convolution, forward and backward, as calls of the kernel.

Images are (images, pixels, channels), contiguous, float32 or bfloat16, on the CPU, and have been checked.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gammalearn_hexconv.fused.calls import MomentsCall
from gammalearn_hexconv.fused.calls import NormaliseCall
from gammalearn_hexconv.fused.calls import NormaliseGradCall
from gammalearn_hexconv.fused.calls import address
from gammalearn_hexconv.fused.calls import run
from gammalearn_hexconv.fused.images import DTYPES
from gammalearn_hexconv.fused.images import floats
from gammalearn_hexconv.fused.normalisation import BY_X
from gammalearn_hexconv.kernel import calls

Tables = tuple[Tensor, Tensor, Tensor]


def _sizes(x: Tensor) -> tuple[int, int, int, int]:
    return DTYPES[x.dtype], x.shape[0] * x.shape[1], x.shape[2], torch.get_num_threads()


def statistics_of(x: Tensor, epsilon: float) -> Tensor:
    """Mean, biased variance and ``1 / sqrt(variance + epsilon)`` of each channel, (3, channels)."""
    results = torch.empty(3, x.shape[2])
    run("hex_moments", MomentsCall(*_sizes(x), epsilon, x.data_ptr(), *map(address, results.unbind())))
    return results


class NormConv(NamedTuple):
    """Batch norm, ReLU and a convolution, or without ``norm`` the convolution alone."""

    norm: tuple[Tensor, Tensor] | None
    """Weight and bias."""
    weight: Tensor
    bias: Tensor | None
    tables: Tables

    def activated(self, x: Tensor, statistics: Tensor) -> Tensor:
        """What the convolution takes."""
        if self.norm is None:
            return x
        mean, _, inverse = statistics.unbind()
        scale, shift, y = floats(self.norm[0]) * inverse, floats(self.norm[1]), torch.empty_like(x)
        pointers = map(address, (x, None, mean, scale, shift, y))
        run("hex_normalise", NormaliseCall(*_sizes(x), True, *pointers))
        return y

    def forward(self, x: Tensor, statistics: Tensor, residual: Tensor | None = None) -> Tensor:
        """What the convolution gives, plus a residual."""
        weight = self.weight, 1, len(self.weight)
        given = self.activated(x, statistics)
        return calls.conv_act(given, weight, self.tables[0], self.bias, residual, second=None, relu=False)[0]

    def backward(self, grad: Tensor, x: Tensor, statistics: Tensor, more: Tensor | None) -> list[Tensor | None]:
        """Gradients: of x with ``more`` added, then of norm's weight and bias, and of the convolution's."""
        given = self.activated(x, statistics)
        sums, bias_sums = calls.weight_grad(given, grad, self.tables, 1, bias=self.bias is not None)
        below = calls.input_grad(grad, self.weight, self.tables, 1)
        conv_grads = sums.to(self.weight.dtype), None if self.bias is None else bias_sums.to(self.bias.dtype)
        if self.norm is None:
            return [below if more is None else below.add_(more), None, None, *conv_grads]
        mean, _, inverse = statistics.unbind()
        scale, shift = floats(self.norm[0]) * inverse, floats(self.norm[1])
        grads = torch.empty(x.shape[2]), torch.empty(x.shape[2])
        inputs = map(address, (x, None, below, mean, inverse, scale, shift, more))
        results = map(address, (below, None, *grads))
        run("hex_normalise_grad", NormaliseGradCall(*_sizes(x), BY_X, *inputs, *results))
        norm_grads = grads[0].to(self.norm[0].dtype), grads[1].to(self.norm[1].dtype)
        return [below, *norm_grads, *conv_grads]


__all__ = ["NormConv", "Tables", "statistics_of"]

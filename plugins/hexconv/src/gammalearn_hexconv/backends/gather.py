"""Gathered convolution: what the taps see side by side, then one product of matrices an image.

A few images at a time, so that what is gathered stays in the cache. The gradient of the input is gathered as well,
through the inverse of the table.

Products are those of single images, and of whole vectors of output channels, because with these the libraries of
matrices that torch is built with give an image the same bits whatever the batch and the number of threads. That is
what was found with MKL on processors with AVX-512, not what it promises.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

from gammalearn_hexconv.backends.gathering import Gathering
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.backends.tracing import is_followed

_VECTOR = 16
"""Output channels of products are a multiple of this."""
_CHUNK = 1 << 18
"""Numbers gathered at a time on a CPU: one MiB of single precision."""


def conv2d(pixels: Tensor, weight: Tensor, bias: Tensor | None, site: Site, groups: int) -> Tensor:
    """Convolve ``(n, n_in, in_channels)`` to ``(n, n_out, out_channels)``."""
    if is_followed():
        return _whole(pixels, weight, bias, site.seen, site.n_out, groups)
    output: Tensor = _Conv.apply(pixels, weight, bias, Gathering.of(site), groups)  # type: ignore[no-untyped-call]
    return output


def _whole(pixels: Tensor, weight: Tensor, bias: Tensor | None, seen: Tensor, n_out: int, groups: int) -> Tensor:
    """The same without a loop, as compilers want it."""
    n_taps = weight.shape[2]
    columns = F.pad(pixels, (0, 0, 0, 1)).index_select(1, seen)
    columns = columns.view(pixels.shape[0], n_out, n_taps, groups, -1).transpose(2, 3).flatten(3)
    matrices = _matrices(weight, groups)
    output = (columns.transpose(1, 2) @ matrices).transpose(1, 2).flatten(2)
    return output if bias is None else output + bias


def _matrices(weight: Tensor, groups: int) -> Tensor:
    """``(groups, n_taps * in_channels // groups, out_channels // groups)``."""
    n, per_group, n_taps = weight.shape
    return weight.view(groups, n // groups, per_group, n_taps).permute(0, 3, 2, 1).flatten(1, 2).contiguous()


def _padded(values: Tensor) -> Tensor:
    """The same with zeros up to whole vectors of the last dimension."""
    return F.pad(values, (0, -values.shape[-1] % _VECTOR))


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(pixels: Tensor, weight: Tensor, bias: Tensor | None, gathering: Gathering, groups: int) -> Tensor:
        return _convolved(pixels, weight, bias, gathering, groups)

    @staticmethod
    def setup_context(
        ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Tensor | None, Gathering, int], output: Tensor
    ) -> None:
        pixels, weight, _, ctx.gathering, ctx.groups = inputs  # type: ignore[attr-defined]
        ctx.save_for_backward(pixels, weight)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pixels, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        gathering, groups, wanted = ctx.gathering, ctx.groups, ctx.needs_input_grad  # type: ignore[attr-defined]
        (gradient,) = gradients
        of_pixels = of_weight = of_bias = None
        if wanted[0]:
            of_pixels = _back(gradient, weight, gathering, groups)
        if wanted[1]:
            of_weight = _WeightGradient.apply(pixels, gradient, gathering, groups)  # type: ignore[no-untyped-call]
        if wanted[2]:
            of_bias = gradient.sum(dim=(0, 1))
        return of_pixels, of_weight, of_bias, None, None


def _back(gradient: Tensor, weight: Tensor, gathering: Gathering, groups: int) -> Tensor:
    back = gathering.weights_back(weight, groups)
    output: Tensor = _Conv.apply(gradient, back, None, gathering.backwards, groups)  # type: ignore[no-untyped-call]
    return output


class _WeightGradient(torch.autograd.Function):
    @staticmethod
    def forward(pixels: Tensor, gradient: Tensor, gathering: Gathering, groups: int) -> Tensor:
        return _weight_gradient(pixels, gradient, gathering, groups)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Gathering, int], output: Tensor) -> None:
        pixels, gradient, ctx.gathering, ctx.groups = inputs  # type: ignore[attr-defined]
        ctx.save_for_backward(pixels, gradient)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pixels, gradient = ctx.saved_tensors  # type: ignore[attr-defined]
        gathering, groups, wanted = ctx.gathering, ctx.groups, ctx.needs_input_grad  # type: ignore[attr-defined]
        (weight,) = gradients
        of_pixels = _back(gradient, weight, gathering, groups) if wanted[0] else None
        of_gradient = None
        if wanted[1]:
            of_gradient = _Conv.apply(pixels, weight, None, gathering, groups)  # type: ignore[no-untyped-call]
        return of_pixels, of_gradient, None, None


def _convolved(pixels: Tensor, weight: Tensor, bias: Tensor | None, gathering: Gathering, groups: int) -> Tensor:
    n_out = gathering.table.n_out
    output = pixels.new_empty(pixels.shape[0], n_out, weight.shape[0])
    matrices = _padded(_matrices(weight, groups))
    for images, columns in _gathered(pixels, gathering, groups):
        for group, values in enumerate(output[images].chunk(groups, dim=2)):
            product = torch.bmm(columns[group], matrices[group].expand(columns.shape[1], -1, -1))
            values.copy_(product[:, :, : values.shape[2]])
    return output if bias is None else output.add_(bias)


def _weight_gradient(pixels: Tensor, gradient: Tensor, gathering: Gathering, groups: int) -> Tensor:
    n_taps, out = gathering.table.n_taps, gradient.shape[2] // groups
    exact = torch.promote_types(pixels.dtype, torch.float32)
    total = pixels.new_zeros(groups, out, n_taps * pixels.shape[2] // groups, dtype=exact)
    for images, columns in _gathered(pixels, gathering, groups):
        for group, values in enumerate(gradient[images].chunk(groups, dim=2)):
            for product in torch.bmm(_padded(values).transpose(1, 2), columns[group]):
                total[group] += product[:out]
    return total.view(groups * out, n_taps, -1).transpose(1, 2).contiguous().to(pixels.dtype)


def _gathered(pixels: Tensor, gathering: Gathering, groups: int) -> Iterator[tuple[slice, Tensor]]:
    """Some images at a time, and what is seen of them: ``(groups, images, n_out, n_taps * channels // groups)``."""
    n, _, channels = pixels.shape
    n_out, n_taps = gathering.table.n_out, gathering.table.n_taps
    step = max(1, _CHUNK // (n_out * n_taps * channels)) if pixels.device.type == "cpu" else max(1, n)
    for start in range(0, n, step):
        images = slice(start, min(start + step, n))
        seen = F.pad(pixels[images], (0, 0, 0, 1)).index_select(1, gathering.seen)
        seen = seen.view(-1, n_out, n_taps, groups, channels // groups)
        yield images, seen.permute(3, 0, 1, 2, 4).flatten(3)


__all__ = ["conv2d"]

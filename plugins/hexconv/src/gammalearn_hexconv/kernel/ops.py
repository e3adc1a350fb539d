"""The kernel's operations for torch: convolution and its gradients here, and those of the neighbouring modules.

They take images stored channels last, (images, pixels, channels), contiguous, float32 or bfloat16, and the int32
tensors of a neighbour table (`NeighbourTable.tensors`). Each is differentiable by means of the others, as often as one
likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gammalearn_hexconv.kernel import calls
from gammalearn_hexconv.kernel import library
from gammalearn_hexconv.kernel.act_ops import conv_act
from gammalearn_hexconv.kernel.act_ops import pack_weight
from gammalearn_hexconv.kernel.pool_ops import avg_pool
from gammalearn_hexconv.kernel.pool_ops import avg_pool_grad
from gammalearn_hexconv.kernel.pool_ops import max_pool
from gammalearn_hexconv.kernel.pool_ops import max_pool_grad

if TYPE_CHECKING:
    from typing import Any

if library.available():
    library.share_openmp()

_TABLES = "Tensor rows, Tensor inv_rows, Tensor inv_taps, int groups"


@torch.library.custom_op(
    "gammalearn_hexconv::conv",
    mutates_args=(),
    schema=f"(Tensor x, Tensor weight, Tensor? bias, {_TABLES}) -> Tensor",
)
def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, groups: int
) -> Tensor:
    """Convolve images on a lattice.

    Parameters
    ----------
    x : Tensor, (images, pixels, channels)
        Images, contiguous, float32 or bfloat16; sums are taken in float32.
    weight : Tensor, (out_channels, channels / groups, taps)
        Weights, float32 or bfloat16.
    bias : Tensor or None, (out_channels,)
        Added to each output.
    rows : Tensor of int32, (out_pixels, taps)
        The input pixel that each tap shows of each output pixel, -1 where there is none.
    inv_rows, inv_taps : Tensor of int32, (pixels, columns) and (columns,)
        The inverse of ``rows``: the output pixels that see each input pixel, and the tap of each column.
    groups : int
        Number of groups of channels that are convolved apart.

    Returns
    -------
    Tensor, (images, out_pixels, out_channels)
        Of the dtype of ``x``. An infinite weight makes NaN where its neighbour is missing, as zero times infinity is.

    Raises
    ------
    ValueError, TypeError
        A tensor has not the shape, dtype, device or layout that is wanted, or a table has indices that are not pixels.
    """
    return calls.conv(x, weight, bias, (rows, inv_rows, inv_taps), groups)


@torch.library.custom_op(
    "gammalearn_hexconv::conv_input_grad",
    mutates_args=(),
    schema=f"(Tensor grad, Tensor weight, {_TABLES}) -> Tensor",
)
def conv_input_grad(
    grad: Tensor, weight: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, groups: int
) -> Tensor:
    """Give the gradient of the images of `conv`, which is a transposed convolution: the adjoint of `conv`.

    ``grad`` is (images, out_pixels, out_channels); the result is (images, pixels, channels), of its dtype.
    """
    return calls.input_grad(grad, weight, (rows, inv_rows, inv_taps), groups)


@torch.library.custom_op(
    "gammalearn_hexconv::conv_weight_grad",
    mutates_args=(),
    schema=f"(Tensor x, Tensor grad, {_TABLES}, bool bias) -> (Tensor, Tensor)",
)
def conv_weight_grad(
    x: Tensor, grad: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, groups: int, bias: bool
) -> tuple[Tensor, Tensor]:
    """Give the gradients of the weight of `conv` and, if asked for, of its bias (else empty), in float32."""
    return calls.weight_grad(x, grad, (rows, inv_rows, inv_taps), groups, bias=bias)


@conv.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, groups: int
) -> Tensor:
    return x.new_empty((x.shape[0], rows.shape[0], weight.shape[0]))


@conv_input_grad.register_fake
def _(grad: Tensor, weight: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, groups: int) -> Tensor:
    return grad.new_empty((grad.shape[0], inv_rows.shape[0], weight.shape[1] * groups))


@conv_weight_grad.register_fake
def _(
    x: Tensor, grad: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, groups: int, bias: bool
) -> tuple[Tensor, Tensor]:
    shape = (grad.shape[2], x.shape[2] // groups, rows.shape[1])
    bias_shape = (grad.shape[2] if bias else 0,)
    return x.new_empty(shape, dtype=torch.float32), x.new_empty(bias_shape, dtype=torch.float32)


def _save_conv(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias, *tables, ctx.groups = inputs
    ctx.bias_dtype = None if bias is None else bias.dtype
    ctx.save_for_backward(x, weight, *tables)


def _conv_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, *tables = ctx.saved_tensors
    needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
    grad = grad.contiguous()
    x_grad = conv_input_grad(grad, weight, *tables, ctx.groups) if needs_x else None
    weight_grad = bias_grad = None
    if needs_weight or needs_bias:
        sums, bias_sums = conv_weight_grad(x, grad, *tables, ctx.groups, needs_bias)
        weight_grad = sums.to(weight.dtype)
        bias_grad = bias_sums.to(ctx.bias_dtype) if needs_bias else None
    return x_grad, weight_grad, bias_grad, *([None] * 4)


def _save_input_grad(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.groups = inputs
    ctx.save_for_backward(*tensors)


def _input_grad_backward(ctx: Any, change: Tensor) -> tuple[Tensor | None, ...]:
    grad, weight, *tables = ctx.saved_tensors
    needs_grad, needs_weight = ctx.needs_input_grad[:2]
    change = change.contiguous()
    grad_grad = conv(change, weight, None, *tables, ctx.groups) if needs_grad else None
    weight_grad = None
    if needs_weight:
        weight_grad = conv_weight_grad(change, grad, *tables, ctx.groups, False)[0].to(weight.dtype)
    return grad_grad, weight_grad, *([None] * 4)


def _save_weight_grad(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.groups, ctx.bias = inputs
    ctx.save_for_backward(*tensors)


def _weight_grad_backward(ctx: Any, weight_change: Tensor, bias_change: Tensor) -> tuple[Tensor | None, ...]:
    x, grad, *tables = ctx.saved_tensors
    needs_x, needs_grad = ctx.needs_input_grad[:2]
    x_grad = conv_input_grad(grad, weight_change, *tables, ctx.groups) if needs_x else None
    bias = bias_change if ctx.bias else None
    grad_grad = conv(x, weight_change, bias, *tables, ctx.groups) if needs_grad else None
    return x_grad, grad_grad, *([None] * 5)


conv.register_autograd(_conv_backward, setup_context=_save_conv)
conv_input_grad.register_autograd(_input_grad_backward, setup_context=_save_input_grad)
conv_weight_grad.register_autograd(_weight_grad_backward, setup_context=_save_weight_grad)
torch.library.register_autocast("gammalearn_hexconv::conv", "cpu", torch.bfloat16)

__all__ = [
    "avg_pool",
    "avg_pool_grad",
    "conv",
    "conv_act",
    "conv_input_grad",
    "conv_weight_grad",
    "max_pool",
    "max_pool_grad",
    "pack_weight",
]

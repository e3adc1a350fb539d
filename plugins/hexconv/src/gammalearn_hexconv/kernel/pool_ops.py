"""The kernel's pooling for torch, on images stored channels last: (images, pixels, channels), contiguous."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gammalearn_hexconv.kernel import pool_calls


@torch.library.custom_op(
    "gammalearn_hexconv::max_pool",
    mutates_args=(),
    schema="(Tensor x, Tensor rows, bool compat) -> (Tensor, Tensor)",
)
def max_pool(x: Tensor, rows: Tensor, compat: bool) -> tuple[Tensor, Tensor]:
    """Give the largest value among the pixels that each output sees, and the pixel that has it.

    Parameters
    ----------
    x : Tensor, (images, pixels, channels)
        Images, contiguous, float32 or bfloat16.
    rows : Tensor of int32, (out_pixels, taps)
        The pixels that each output sees, -1 where there is none.
    compat : bool
        Let zeros stand for missing pixels, as IndexedConv does. Otherwise they take no part, and an output that sees no
        pixel is minus infinity.

    Returns
    -------
    values : Tensor, (images, out_pixels, channels)
        NaN where there is one among the pixels.
    argmax : Tensor of int32, (images, out_pixels, channels)
        The first pixel with the value; -1 where it is the zero of a missing pixel, or where there is none.
    """
    return pool_calls.max_pool(x, rows, compat=compat)


@torch.library.custom_op(
    "gammalearn_hexconv::max_pool_grad",
    mutates_args=(),
    schema="(Tensor grad, Tensor argmax, SymInt pixels) -> Tensor",
)
def max_pool_grad(grad: Tensor, argmax: Tensor, pixels: int) -> Tensor:
    """Give the gradient of the images of `max_pool`, (images, pixels, channels)."""
    return pool_calls.max_pool_grad(grad, argmax, pixels)


@torch.library.custom_op(
    "gammalearn_hexconv::avg_pool",
    mutates_args=(),
    schema="(Tensor x, Tensor rows, Tensor inv_rows, Tensor inv_taps, bool count_include_missing) -> Tensor",
)
def avg_pool(x: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, count_include_missing: bool) -> Tensor:
    """Give the mean of the pixels that each output sees.

    The sum is divided by the number of taps if ``count_include_missing``, else by the number of pixels; an output that
    sees no pixel is 0. Shapes and tables are those of `gammalearn_hexconv.kernel.ops.conv`.
    """
    return pool_calls.mean_pool(x, rows, count_missing=count_include_missing)


@torch.library.custom_op(
    "gammalearn_hexconv::avg_pool_grad",
    mutates_args=(),
    schema="(Tensor grad, Tensor rows, Tensor inv_rows, Tensor inv_taps, bool count_include_missing) -> Tensor",
)
def avg_pool_grad(
    grad: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, count_include_missing: bool
) -> Tensor:
    """Give the gradient of the images of `avg_pool`, (images, pixels, channels)."""
    return pool_calls.mean_pool_grad(grad, rows, inv_rows, inv_taps, count_missing=count_include_missing)


@max_pool.register_fake
def _(x: Tensor, rows: Tensor, compat: bool) -> tuple[Tensor, Tensor]:
    shape = (x.shape[0], rows.shape[0], x.shape[2])
    return x.new_empty(shape), x.new_empty(shape, dtype=torch.int32)


@max_pool_grad.register_fake
def _(grad: Tensor, argmax: Tensor, pixels: int) -> Tensor:
    return grad.new_empty((grad.shape[0], pixels, grad.shape[2]))


@avg_pool.register_fake
def _(x: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, count_include_missing: bool) -> Tensor:
    return x.new_empty((x.shape[0], rows.shape[0], x.shape[2]))


@avg_pool_grad.register_fake
def _(grad: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, count_include_missing: bool) -> Tensor:
    return grad.new_empty((grad.shape[0], inv_rows.shape[0], grad.shape[2]))


def _save_max(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.pixels = inputs[0].shape[1]
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _max_backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    return max_pool_grad(grad.contiguous(), ctx.saved_tensors[0], ctx.pixels), None, None


def _save_max_grad(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _max_grad_backward(ctx: Any, change: Tensor) -> tuple[Tensor | None, ...]:
    argmax = ctx.saved_tensors[0].long()
    return change.gather(1, argmax.clamp(min=0)) * (argmax >= 0), None, None


def _save_tables(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tables, ctx.count = inputs[1:]
    ctx.save_for_backward(*tables)


def _avg_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return avg_pool_grad(grad.contiguous(), *ctx.saved_tensors, ctx.count), *([None] * 4)


def _avg_grad_backward(ctx: Any, change: Tensor) -> tuple[Tensor | None, ...]:
    return avg_pool(change.contiguous(), *ctx.saved_tensors, ctx.count), *([None] * 4)


max_pool.register_autograd(_max_backward, setup_context=_save_max)
max_pool_grad.register_autograd(_max_grad_backward, setup_context=_save_max_grad)
avg_pool.register_autograd(_avg_backward, setup_context=_save_tables)
avg_pool_grad.register_autograd(_avg_grad_backward, setup_context=_save_tables)

__all__ = ["avg_pool", "avg_pool_grad", "max_pool", "max_pool_grad"]

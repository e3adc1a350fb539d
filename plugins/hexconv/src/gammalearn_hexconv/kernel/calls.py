"""Calls the kernel: checked tensors go in, new tensors come out."""

from __future__ import annotations

from ctypes import addressof
from ctypes import byref
from typing import TYPE_CHECKING

import torch

from gammalearn_hexconv.kernel import library as kernel
from gammalearn_hexconv.kernel import plans
from gammalearn_hexconv.kernel.checks import DTYPES
from gammalearn_hexconv.kernel.checks import check_images
from gammalearn_hexconv.kernel.checks import check_size
from gammalearn_hexconv.kernel.checks import check_table
from gammalearn_hexconv.kernel.checks import check_vector
from gammalearn_hexconv.kernel.checks import check_weight

if TYPE_CHECKING:
    from torch import Tensor

    from gammalearn_hexconv.kernel.plans import Plan


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _done(status: int) -> None:
    if status:
        raise MemoryError("the convolution kernel could not get its working memory")


def pack(weight: Tensor, groups: int, dtype: torch.dtype, *, transposed: bool = False) -> Tensor:
    """Copy weights into the order in which the kernel reads them, for images of a dtype.

    Parameters
    ----------
    weight : Tensor, (outputs, inputs of a group, taps)
        Of any strides.
    groups : int
        Number of groups.
    dtype : torch.dtype
        Of the images that the weights will multiply.
    transposed : bool
        For the input gradient, which takes outputs to inputs.

    Returns
    -------
    Tensor of uint8
        Fit for this process: the order depends on the processor.
    """
    check_weight(weight, groups)
    out, inputs, taps = weight.shape
    steps = weight.stride()
    outputs = out // groups
    sizes = (inputs, outputs, taps) if transposed else (outputs, inputs, taps)
    strides = (steps[1], steps[0]) if transposed else steps[:2]
    library = kernel.library()
    packed = torch.empty(library.hex_packed_bytes(DTYPES[dtype], groups, *sizes), dtype=torch.uint8)
    call = kernel.PackCall(
        *(DTYPES[weight.dtype], DTYPES[dtype], groups, *sizes, outputs * steps[0], *strides, steps[2]),
        *(weight.data_ptr(), packed.data_ptr()),
    )
    library.hex_pack(byref(call))
    return packed


def run_conv(
    x: Tensor,
    packed: Tensor,
    plan: Plan,
    sizes: tuple[int, int, int, int],
    *,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    relu: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Convolve checked images with packed weights; sizes are groups, inputs and outputs of a group, and taps."""
    groups, inputs, outputs, taps = sizes
    images, pixels = x.shape[:2]
    check_size(images, plan.n_outputs, groups * outputs)
    y = x.new_empty((images, plan.n_outputs, groups * outputs))
    second = None if scale is None else torch.empty_like(y)
    call = kernel.ConvCall(
        *(
            DTYPES[x.dtype],
            images,
            pixels,
            plan.n_outputs,
            groups,
            inputs,
            outputs,
            taps,
            relu,
            torch.get_num_threads(),
        ),
        *(addressof(plan.struct), x.data_ptr(), packed.data_ptr()),
        *map(_address, (bias, residual, scale, shift, y, second)),
    )
    _done(kernel.library().hex_conv(byref(call)))
    return y, second


def _check_plan(plan: Plan, pixels: int, taps: int, name: str) -> None:
    if plan.largest >= pixels:
        raise ValueError(f"{name} has the pixel {plan.largest}, and the images have {pixels} pixels")
    if plan.n_taps > taps:
        raise ValueError(f"{name} has {plan.n_taps} taps, and the weight has {taps}")


def _check_channels(x: Tensor, channels: int, name: str) -> None:
    if x.shape[2] != channels:
        raise ValueError(f"{name} has {x.shape[2]} channels, and the weight is for {channels}")


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, rows: Tensor, groups: int) -> Tensor:
    """Convolve; see `gammalearn_hexconv.kernel.ops.conv`."""
    check_images(x, "x")
    check_table(rows, "rows")
    packed = pack(weight, groups, x.dtype)
    out, inputs, taps = weight.shape
    _check_channels(x, inputs * groups, "x")
    plan = plans.forward(rows)
    if plan.n_columns != taps:
        raise ValueError(f"rows has {plan.n_columns} taps, and the weight has {taps}")
    _check_plan(plan, x.shape[1], taps, "rows")
    sizes = (groups, inputs, out // groups, taps)
    return run_conv(x, packed, plan, sizes, bias=check_vector(bias, out, "bias"))[0]


def input_grad(grad: Tensor, weight: Tensor, tables: tuple[Tensor, Tensor, Tensor], groups: int) -> Tensor:
    """Take the gradient back to the input; see `gammalearn_hexconv.kernel.ops.conv_input_grad`."""
    rows, inv_rows, inv_taps = tables
    check_images(grad, "grad")
    check_table(rows, "rows")
    check_table(inv_rows, "inv_rows")
    check_table(inv_taps, "inv_taps", 1)
    packed = pack(weight, groups, grad.dtype, transposed=True)
    out, inputs, taps = weight.shape
    _check_channels(grad, out, "grad")
    plan = plans.inverse(inv_rows, inv_taps)
    plans.check_pair(rows, inv_rows, inv_taps)
    _check_plan(plan, grad.shape[1], taps, "inv_rows")
    return run_conv(grad, packed, plan, (groups, out // groups, inputs, taps))[0]


def weight_grad(x: Tensor, grad: Tensor, rows: Tensor, groups: int, *, bias: bool) -> tuple[Tensor, Tensor]:
    """Give the gradients of weight and bias; see `gammalearn_hexconv.kernel.ops.conv_weight_grad`."""
    check_images(x, "x")
    check_images(grad, "grad")
    check_table(rows, "rows")
    plan = plans.forward(rows)
    _check_plan(plan, x.shape[1], plan.n_taps, "rows")
    inputs, out = x.shape[2], grad.shape[2]
    if grad.dtype != x.dtype or grad.shape[:2] != (x.shape[0], plan.n_outputs):
        raise ValueError(
            f"grad is {grad.dtype} {tuple(grad.shape)}, it must be {x.dtype} ({x.shape[0]}, {plan.n_outputs}, channels)"
        )
    if groups < 1 or inputs % groups or out % groups or not inputs or not out:
        raise ValueError(f"{inputs} input and {out} output channels do not go into {groups} groups")
    check_size(out, inputs // groups, plan.n_taps, 64)
    gradient = torch.empty(out, inputs // groups, plan.n_taps)
    bias_gradient = torch.empty(out if bias else 0)
    call = kernel.WeightGradCall(
        *(DTYPES[x.dtype], x.shape[0], x.shape[1], plan.n_outputs, groups, inputs // groups, out // groups),
        *(plan.n_taps, torch.get_num_threads(), addressof(plan.struct), x.data_ptr(), grad.data_ptr()),
        *(gradient.data_ptr(), bias_gradient.data_ptr() if bias else None),
    )
    _done(kernel.library().hex_weight_grad(byref(call)))
    return gradient, bias_gradient


__all__ = ["conv", "input_grad", "pack", "run_conv", "weight_grad"]

"""Calls the kernel's convolution: checked tensors go in, new tensors come out."""

from __future__ import annotations

from ctypes import addressof
from ctypes import byref
from typing import TYPE_CHECKING

import torch

from gammalearn_hexconv.kernel import library as kernel
from gammalearn_hexconv.kernel import plans
from gammalearn_hexconv.kernel.checks import DTYPES
from gammalearn_hexconv.kernel.checks import check_images
from gammalearn_hexconv.kernel.checks import check_pixels
from gammalearn_hexconv.kernel.checks import check_size
from gammalearn_hexconv.kernel.checks import check_status
from gammalearn_hexconv.kernel.checks import check_table
from gammalearn_hexconv.kernel.checks import check_vector
from gammalearn_hexconv.kernel.memory import keep_freed_memory
from gammalearn_hexconv.kernel.packing import Sizes
from gammalearn_hexconv.kernel.packing import pack
from gammalearn_hexconv.kernel.packing import packed_before

if TYPE_CHECKING:
    from torch import Tensor

    from gammalearn_hexconv.kernel.packing import Packed
    from gammalearn_hexconv.kernel.plans import Plan


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _run(
    x: Tensor,
    packed: Packed,
    plan: Plan,
    *,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    second: tuple[Tensor, Tensor] | None = None,
    relu: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Convolve tensors that have been checked; ``second`` is scale and shift."""
    keep_freed_memory()
    groups, outputs, inputs, taps = packed.sizes
    images, pixels, channels = x.shape
    if channels != groups * inputs:
        raise ValueError(f"the images have {channels} channels, and the weight is for {groups * inputs}")
    check_size(images, plan.n_outputs, groups * outputs)
    y = x.new_empty((images, plan.n_outputs, groups * outputs))
    also = None if second is None else torch.empty_like(y)
    scale, shift = second or (None, None)
    sizes = (images, pixels, plan.n_outputs, groups, inputs, outputs, taps)
    call = kernel.ConvCall(
        *(DTYPES[x.dtype], *sizes, relu, torch.get_num_threads()),
        *(addressof(plan.struct), x.data_ptr(), packed.weights.data_ptr()),
        *map(_address, (bias, residual, scale, shift, y, also)),
    )
    check_status(kernel.library().hex_conv(byref(call)))
    return y, also


def _forward_plan(x: Tensor, rows: Tensor) -> Plan:
    check_images(x, "x")
    check_table(rows, "rows")
    plan = plans.forward(rows)
    plan.check_inputs(x.shape[1], "rows")
    return plan


def _check_taps(rows: Tensor, packed: Packed) -> None:
    if rows.shape[1] != packed.sizes.taps:
        raise ValueError(f"rows has {rows.shape[1]} taps, and the weight has {packed.sizes.taps}")


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, tables: tuple[Tensor, Tensor, Tensor], groups: int) -> Tensor:
    """Convolve; see `gammalearn_hexconv.kernel.ops.conv`."""
    rows, inv_rows, _ = tables
    plan = _forward_plan(x, rows)
    check_pixels(x, "x", inv_rows, "input")
    packed = pack(weight, groups, x.dtype)
    _check_taps(rows, packed)
    return _run(x, packed, plan, bias=check_vector(bias, weight.shape[0], "bias"))[0]


def input_grad(grad: Tensor, weight: Tensor, tables: tuple[Tensor, Tensor, Tensor], groups: int) -> Tensor:
    """Take the gradient back to the input; see `gammalearn_hexconv.kernel.ops.conv_input_grad`."""
    rows, inv_rows, inv_taps = tables
    grad = grad.contiguous()  # it may not be what the graph that torch.compile has made says of it
    check_images(grad, "grad")
    check_table(rows, "rows")
    check_pixels(grad, "grad", rows, "output")
    check_table(inv_rows, "inv_rows")
    check_table(inv_taps, "inv_taps", 1)
    plan = plans.inverse(inv_rows, inv_taps)
    plans.check_pair(rows, inv_rows, inv_taps)
    plan.check_inputs(grad.shape[1], "inv_rows")
    packed = pack(weight, groups, grad.dtype, transposed=True)
    _check_taps(rows, packed)
    return _run(grad, packed, plan)[0]


def weight_grad(
    x: Tensor, grad: Tensor, tables: tuple[Tensor, Tensor, Tensor], groups: int, *, bias: bool
) -> tuple[Tensor, Tensor]:
    """Give the gradients of weight and bias; see `gammalearn_hexconv.kernel.ops.conv_weight_grad`."""
    rows, inv_rows, _ = tables
    plan = _forward_plan(x, rows)
    check_pixels(x, "x", inv_rows, "input")
    grad = grad.contiguous()
    check_images(grad, "grad")
    wanted = (x.shape[0], plan.n_outputs)
    if grad.dtype != x.dtype or grad.shape[:2] != wanted:
        raise ValueError(f"grad is {grad.dtype} {tuple(grad.shape)}, it must be {x.dtype} {wanted} and channels")
    inputs, outputs = x.shape[2], grad.shape[2]
    if groups < 1 or inputs % groups or outputs % groups or not inputs or not outputs:
        raise ValueError(f"{inputs} input and {outputs} output channels do not go into {groups} groups")
    check_size(outputs, inputs // groups, plan.n_columns, 64)
    sums = torch.empty(outputs, inputs // groups, plan.n_columns)
    bias_sums = torch.empty(outputs if bias else 0)
    call = kernel.WeightGradCall(
        *(DTYPES[x.dtype], x.shape[0], x.shape[1], plan.n_outputs, groups, inputs // groups, outputs // groups),
        *(plan.n_columns, torch.get_num_threads(), addressof(plan.struct), x.data_ptr(), grad.data_ptr()),
        *(sums.data_ptr(), bias_sums.data_ptr() if bias else None),
    )
    check_status(kernel.library().hex_weight_grad(byref(call)))
    return sums, bias_sums


def conv_act(
    x: Tensor,
    weight: tuple[Tensor, int, int],
    rows: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    *,
    second: tuple[Tensor | None, Tensor | None] | None,
    relu: bool,
) -> tuple[Tensor, Tensor]:
    """Convolve for inference; see `gammalearn_hexconv.kernel.act_ops.conv_act`.

    ``weight`` is the weight, packed or not, the number of groups, and that of output channels.
    """
    plan = _forward_plan(x, rows)
    packed = _take(weight, x, plan)
    _check_taps(rows, packed)
    channels = packed.sizes.groups * packed.sizes.outputs
    shape = (x.shape[0], plan.n_outputs, channels)
    if residual is not None:
        check_images(residual, "residual")
        if residual.dtype != x.dtype or residual.shape != shape:
            raise ValueError(f"residual is {residual.dtype} {tuple(residual.shape)}, it must be {x.dtype} {shape}")
    scale, shift = (check_vector(v, channels, "scale and shift") for v in second or (None, None))
    if second is not None and (scale is None or shift is None):
        raise ValueError("a second output needs scale and shift")
    also = None if scale is None or shift is None else (scale, shift)
    bias = check_vector(bias, channels, "bias")
    y, extra = _run(x, packed, plan, bias=bias, residual=residual, second=also, relu=relu)
    return y, y.new_empty(0) if extra is None else extra


def _take(weight: tuple[Tensor, int, int], x: Tensor, plan: Plan) -> Packed:
    tensor, groups, channels = weight
    if tensor.dim() == 3:
        return pack(tensor, groups, x.dtype)
    if groups < 1 or x.shape[2] % groups or channels % groups:
        raise ValueError(f"{x.shape[2]} input and {channels} output channels do not go into {groups} groups")
    return packed_before(tensor, Sizes(groups, channels // groups, x.shape[2] // groups, plan.n_columns), x.dtype)


__all__ = ["conv", "conv_act", "input_grad", "weight_grad"]

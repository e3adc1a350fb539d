"""Calls the kernel's pooling: checked tensors go in, new tensors come out."""

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
from gammalearn_hexconv.kernel.checks import check_status
from gammalearn_hexconv.kernel.checks import check_table

if TYPE_CHECKING:
    from torch import Tensor

    from gammalearn_hexconv.kernel.plans import Plan


def _plan(x: Tensor, rows: Tensor) -> Plan:
    check_images(x, "x")
    check_table(rows, "rows")
    plan = plans.forward(rows)
    plan.check_inputs(x.shape[1], "rows")
    check_size(x.shape[0], plan.n_outputs, x.shape[2])
    return plan


def _run(
    x: Tensor,
    plan: Plan,
    *,
    zeros: bool = False,
    input_scale: Tensor | None = None,
    output_scale: Tensor | None = None,
    which: Tensor | None = None,
) -> Tensor:
    images, pixels, channels = x.shape
    y = x.new_empty((images, plan.n_outputs, channels))
    scales = (None if scale is None else scale.data_ptr() for scale in (input_scale, output_scale))
    call = kernel.PoolCall(
        *(DTYPES[x.dtype], images, pixels, plan.n_outputs, channels, plan.n_columns, zeros, torch.get_num_threads()),
        *(addressof(plan.struct), x.data_ptr(), *scales, y.data_ptr(), None if which is None else which.data_ptr()),
    )
    check_status(kernel.library().hex_pool(byref(call)))
    return y


def max_pool(x: Tensor, rows: Tensor, *, compat: bool) -> tuple[Tensor, Tensor]:
    """Pool by maximum; see `gammalearn_hexconv.kernel.pool_ops.max_pool`."""
    plan = _plan(x, rows)
    which = torch.empty((x.shape[0], plan.n_outputs, x.shape[2]), dtype=torch.int32)
    return _run(x, plan, zeros=compat, which=which), which


def max_pool_grad(grad: Tensor, which: Tensor, pixels: int) -> Tensor:
    """Take the gradient back to the pixels that were the largest."""
    grad = grad.contiguous()
    check_images(grad, "grad")
    check_table(which, "argmax", 3)
    if which.shape != grad.shape:
        raise ValueError(f"argmax is {tuple(which.shape)} and grad {tuple(grad.shape)}; they must be alike")
    if pixels < 0 or (which.numel() and not -1 <= int(which.min()) <= int(which.max()) < pixels):
        raise ValueError(f"argmax has indices that are not among the {pixels} pixels")
    images, outputs, channels = grad.shape
    check_size(images, pixels, channels)
    y = grad.new_empty((images, pixels, channels))
    call = kernel.MaxPoolGradCall(
        *(DTYPES[grad.dtype], images, pixels, outputs, channels, torch.get_num_threads()),
        *(grad.data_ptr(), which.data_ptr(), y.data_ptr()),
    )
    check_status(kernel.library().hex_max_pool_grad(byref(call)))
    return y


def mean_pool(x: Tensor, rows: Tensor, *, count_missing: bool) -> Tensor:
    """Pool by mean; see `gammalearn_hexconv.kernel.pool_ops.avg_pool`."""
    plan = _plan(x, rows)
    scale = torch.full((plan.n_outputs,), 1 / plan.n_columns) if count_missing else plans.inverse_counts(rows)
    return _run(x, plan, output_scale=scale)


def mean_pool_grad(grad: Tensor, rows: Tensor, inv_rows: Tensor, inv_taps: Tensor, *, count_missing: bool) -> Tensor:
    """Take the gradient of means back to their pixels."""
    check_table(rows, "rows")
    check_table(inv_taps, "inv_taps", 1)
    grad = grad.contiguous()
    plan = _plan(grad, inv_rows)
    plans.check_pair(rows, inv_rows, inv_taps)
    if grad.shape[1] != rows.shape[0]:
        raise ValueError(f"grad has {grad.shape[1]} pixels, and rows has {rows.shape[0]}")
    scale = torch.full((len(rows),), 1 / rows.shape[1]) if count_missing else plans.inverse_counts(rows)
    return _run(grad, plan, input_scale=scale)


__all__ = ["max_pool", "max_pool_grad", "mean_pool", "mean_pool_grad"]

"""Weights in the order in which the kernel reads them."""

from __future__ import annotations

from ctypes import byref
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import NamedTuple

import torch

from gammalearn_hexconv.kernel import library as kernel
from gammalearn_hexconv.kernel.checks import DTYPES
from gammalearn_hexconv.kernel.checks import check_weight

if TYPE_CHECKING:
    from torch import Tensor


class Sizes(NamedTuple):
    """Sizes of a convolution."""

    groups: int
    outputs: int
    """Output channels of a group."""
    inputs: int
    """Input channels of a group."""
    taps: int


class Packed(NamedTuple):
    """Packed weights, and what they are for."""

    weights: Tensor
    """uint8, (n_bytes,): fit for this process only, as the order depends on the processor."""
    sizes: Sizes


@lru_cache(maxsize=1024)
def packed_bytes(sizes: Sizes, dtype: torch.dtype) -> int:
    """Count the bytes of packed weights for images of a dtype."""
    return int(kernel.library().hex_packed_bytes(DTYPES[dtype], *sizes))


def pack(weight: Tensor, groups: int, dtype: torch.dtype, *, transposed: bool = False) -> Packed:
    """Copy weights, (outputs, inputs of a group, taps) of any strides, for images of a dtype.

    With ``transposed`` they are for the input gradient, which takes outputs to inputs.

    Raises
    ------
    ValueError, TypeError
        The weights have not the shape or dtype that is wanted.
    """
    check_weight(weight, groups)
    outputs, inputs, taps = weight.shape[0] // groups, weight.shape[1], weight.shape[2]
    output_step, input_step, tap_step = weight.stride()
    sizes = Sizes(groups, inputs, outputs, taps) if transposed else Sizes(groups, outputs, inputs, taps)
    steps = (input_step, output_step) if transposed else (output_step, input_step)
    packed = torch.empty(packed_bytes(sizes, dtype), dtype=torch.uint8)
    call = kernel.PackCall(
        *(DTYPES[weight.dtype], DTYPES[dtype], *sizes, outputs * output_step, *steps, tap_step),
        *(weight.data_ptr(), packed.data_ptr()),
    )
    kernel.library().hex_pack(byref(call))
    return Packed(packed, sizes)


def packed_before(weights: Tensor, sizes: Sizes, dtype: torch.dtype) -> Packed:
    """Take weights that were packed before.

    Raises
    ------
    ValueError
        They are not for a convolution of these sizes and images of this dtype.
    """
    if weights.dtype != torch.uint8 or weights.device.type != "cpu" or weights.dim() != 1:
        raise ValueError(f"packed weights must be uint8, (n_bytes,), on the CPU, not {weights.dtype} {weights.shape}")
    if min(sizes) < 1 or weights.numel() != packed_bytes(sizes, dtype) or not weights.is_contiguous():
        raise ValueError(f"the packed weights, {weights.numel()} bytes, are not for {sizes} and images of {dtype}")
    return Packed(weights, sizes)


__all__ = ["Packed", "Sizes", "pack", "packed_before", "packed_bytes"]

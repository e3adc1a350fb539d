"""Convolution and what follows it in one pass, for inference."""

from __future__ import annotations

import torch
from torch import Tensor

from gammalearn_hexconv.kernel import calls
from gammalearn_hexconv.kernel import packing


@torch.library.custom_op(
    "gammalearn_hexconv::pack_weight",
    mutates_args=(),
    schema="(Tensor weight, int groups, ScalarType dtype) -> Tensor",
)
def pack_weight(weight: Tensor, groups: int, dtype: torch.dtype) -> Tensor:
    """Put weights into the order in which the kernel reads them, to spare `conv_act` doing it at each call.

    Parameters
    ----------
    weight : Tensor, (out_channels, channels / groups, taps)
        Weights, float32 or bfloat16.
    groups : int
        Number of groups.
    dtype : torch.dtype
        Of the images: float32 or bfloat16.

    Returns
    -------
    Tensor of uint8, (n_bytes,)
        Only for this process: the order depends on the processor.
    """
    return packing.pack(weight, groups, dtype).weights


@torch.library.custom_op(
    "gammalearn_hexconv::conv_act",
    mutates_args=(),
    schema=(
        "(Tensor x, Tensor weight, Tensor? bias, Tensor? residual, Tensor? scale, Tensor? shift, Tensor rows, "
        "int groups, bool relu, bool second, int out_channels=0) -> (Tensor, Tensor)"
    ),
)
def conv_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    rows: Tensor,
    groups: int,
    relu: bool,
    second: bool,
    out_channels: int = 0,
) -> tuple[Tensor, Tensor]:
    """Convolve, add bias and residual, cut at zero; and prepare the input of the next layer besides.

    There is no gradient: it is for inference.

    Parameters
    ----------
    x : Tensor, (images, pixels, channels)
        Images, contiguous, float32 or bfloat16.
    weight : Tensor
        (out_channels, channels / groups, taps), or what `pack_weight` makes of it.
    bias, scale, shift : Tensor or None, (out_channels,)
        Numbers for each output channel.
    residual : Tensor or None, (images, out_pixels, out_channels)
        Added to the convolution, contiguous, of the dtype of ``x``.
    rows : Tensor of int32, (out_pixels, taps)
        The input pixel that each tap shows of each output pixel, -1 where there is none.
    groups : int
        Number of groups.
    relu : bool
        Give max(0, y) for y = conv(x) + bias + residual.
    second : bool
        Give max(0, y * scale + shift) too, of the y that is given.
    out_channels : int
        Number of output channels; for packed weights, which do not say.

    Returns
    -------
    y, second : Tensor, (images, out_pixels, out_channels)
        Of the dtype of ``x``; the second is empty if it is not asked for.
    """
    also = (scale, shift) if second else None
    return calls.conv_act(x, (weight, groups, out_channels), rows, bias, residual, second=also, relu=relu)


@conv_act.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    rows: Tensor,
    groups: int,
    relu: bool,
    second: bool,
    out_channels: int = 0,
) -> tuple[Tensor, Tensor]:
    shape = (x.shape[0], rows.shape[0], out_channels or weight.shape[0])
    return x.new_empty(shape), x.new_empty(shape if second else (0,))


@pack_weight.register_fake
def _(weight: Tensor, groups: int, dtype: torch.dtype) -> Tensor:
    outputs, inputs, taps = map(int, weight.shape)  # the layout of packed weights depends on them, so they are fixed
    sizes = packing.Sizes(groups, outputs // groups, inputs, taps)
    return weight.new_empty(packing.packed_bytes(sizes, dtype), dtype=torch.uint8)


__all__ = ["conv_act", "pack_weight"]

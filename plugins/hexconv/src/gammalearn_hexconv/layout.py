"""From ``(n, channels, pixels)`` to how backends want it, and back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def pixels_last(image: Tensor, *, channels: int | None, n_pixels: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Give ``(n, n_pixels, channels)``, and what turns such an output into the shape that the input had.

    Parameters
    ----------
    image : Tensor, (n, channels, n_pixels), (n, channels, n_pixels, 1) or (channels, n_pixels)
        Of any strides.
    channels : int or None
        Channels that are expected; None if any number is right.
    n_pixels : int
        Pixels that are expected.

    Raises
    ------
    ValueError
        The shape is another.
    TypeError
        The input is not of a floating type.
    """
    _check(image, channels, n_pixels)
    if image.ndim == 2:
        return image.t().unsqueeze(0), lambda output: output.squeeze(0).t()
    if image.ndim == 3:
        return image.transpose(1, 2), lambda output: output.transpose(1, 2)
    # The strides of the last dimension tell torch whether an image is stored channels-last.
    return image.squeeze(3).transpose(1, 2), lambda output: output.unsqueeze(2).permute(0, 3, 1, 2)


def autocast(image: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Give the tensors in the type that autocast asks for, as it would those of a convolution of torch."""
    device = image.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return image, weight, bias
    dtype = torch.get_autocast_dtype(device)
    return _cast(image, dtype), _cast(weight, dtype), None if bias is None else _cast(bias, dtype)


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.to(dtype)


def _check(image: Tensor, channels: int | None, n_pixels: int) -> None:
    if not image.is_floating_point():
        raise TypeError(f"expected an input of a floating type, got {image.dtype}: convert it, as with `.float()`")
    shape = tuple(image.shape)
    right = shape[-2:] if len(shape) == 2 else shape[1:3] if shape[3:] in ((), (1,)) else ()
    if len(right) != 2 or right[1] != n_pixels or channels not in (None, right[0]):
        wanted = f"(n, {channels or 'channels'}, {n_pixels})"
        raise ValueError(f"expected an input of the shape {wanted}, got {shape}")


__all__ = ["autocast", "pixels_last"]

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


def autocast(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """Give the tensors in the type that autocast asks for, as it would those of a convolution of torch."""
    first = tensors[0]
    assert first is not None
    device = first.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(t.to(dtype) if t is not None and t.dtype != torch.float64 else t for t in tensors)


def _check(image: Tensor, channels: int | None, n_pixels: int) -> None:
    shape = tuple(image.shape)
    if not image.is_floating_point():
        raise TypeError(f"expected an input of a floating type, got {image.dtype}: convert it, as with `.float()`")
    pixels = shape[2:3] if len(shape) in (3, 4) else shape[1:2]
    last = shape[3:] in ((), (1,))
    found = shape[1] if len(shape) in (3, 4) else shape[0] if shape else None
    if len(shape) not in (2, 3, 4) or not last or channels not in (None, found) or pixels != (n_pixels,):
        wanted = f"(n, {channels or 'channels'}, {n_pixels})"
        raise ValueError(f"expected an input of the shape {wanted}, got {shape}")


__all__ = ["autocast", "pixels_last"]

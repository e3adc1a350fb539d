"""What is checked of images before a pointer goes to the kernel."""

from __future__ import annotations

import torch
from torch import Tensor

DTYPES = {torch.float32: 0, torch.bfloat16: 1}
"""Types of numbers, with theirs in ``hexconv.h``."""


def check_images(images: Tensor, name: str, like: Tensor | None = None) -> None:
    """Refuse what is not ``(n, channels, height, width)`` in channels-last memory, float32 or bfloat16, on the CPU.

    Raises
    ------
    ValueError, TypeError
        It is not, or it has not the shape and type of ``like``.
    """
    if images.device.type != "cpu" or images.dtype not in DTYPES:
        raise TypeError(f"{name} must be float32 or bfloat16 on the CPU, got {images.dtype} on {images.device}")
    if images.dim() != 4 or not images.is_contiguous(memory_format=torch.channels_last):
        raise ValueError(
            f"{name} must be (n, channels, height, width) in channels-last memory, got the shape {tuple(images.shape)} "
            f"with the strides {images.stride()}"
        )
    if like is not None and (images.shape != like.shape or images.dtype != like.dtype):
        raise ValueError(
            f"{name} must be {like.dtype} {tuple(like.shape)} as the images are, "
            f"got {images.dtype} {tuple(images.shape)}"
        )


def check_vectors(width: int, **vectors: Tensor | None) -> None:
    """Refuse vectors that are not dense, on the CPU, with a number for each channel.

    Raises
    ------
    ValueError
        One is not; the message names it.
    """
    for name, vector in vectors.items():
        if vector is None:
            continue
        if vector.shape != (width,) or vector.device.type != "cpu" or vector.dtype not in DTYPES:
            raise ValueError(
                f"{name} must have {width} numbers, float32 or bfloat16 on the CPU, "
                f"got {vector.dtype} {tuple(vector.shape)} on {vector.device}"
            )


def floats(vector: Tensor) -> Tensor:
    """Its numbers as float32, side by side."""
    return vector.detach().float().contiguous()


__all__ = ["DTYPES", "check_images", "check_vectors", "floats"]

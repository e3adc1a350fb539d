"""What is checked before a pointer goes to the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

DTYPES = {torch.float32: 0, torch.bfloat16: 1}
"""The dtypes of images and weights, with their numbers in hexconv.h."""

LARGEST = 2**40
"""No tensor that the kernel makes may have more elements: far more than there is memory, far fewer than overflow."""


def check_images(x: Tensor, name: str) -> None:
    """Raise unless images are dense, (images, pixels, channels), float32 or bfloat16, on the CPU."""
    if x.device.type != "cpu":
        raise ValueError(f"{name} is on {x.device}; the compiled kernel runs on the CPU. Choose another backend")
    if x.dtype not in DTYPES:
        raise TypeError(f"{name} is {x.dtype}; the compiled kernel takes float32 and bfloat16. Choose another backend")
    if x.dim() != 3:
        raise ValueError(f"{name} must be (images, pixels, channels), its shape is {tuple(x.shape)}")
    if x.shape[2] >= 2**31:
        raise ValueError(f"{name} has {x.shape[2]} channels, which is too many")
    if not x.is_contiguous() or x.data_ptr() % x.itemsize:
        raise ValueError(f"{name} must be contiguous and aligned, its strides are {x.stride()} for {tuple(x.shape)}")


def check_weight(weight: Tensor, groups: int) -> None:
    """Raise unless a weight is (outputs, inputs of a group, taps), and its outputs go into groups."""
    if weight.device.type != "cpu" or weight.dtype not in DTYPES:
        raise TypeError(f"weight is {weight.dtype} on {weight.device}; it must be float32 or bfloat16 on the CPU")
    if weight.dim() != 3 or 0 in weight.shape:
        raise ValueError(f"weight must be (outputs, inputs, taps), none of them 0, its shape is {tuple(weight.shape)}")
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(f"{weight.shape[0]} output channels do not go into {groups} groups")
    if weight.shape[0] * weight.shape[1] * weight.shape[2] * 64 > LARGEST:
        raise ValueError(f"a weight of the shape {tuple(weight.shape)} is too large")


def check_vector(vector: Tensor | None, channels: int, name: str) -> Tensor | None:
    """Give a vector with a number for each channel in float32, contiguous; raise if it is not one."""
    if vector is None:
        return None
    if vector.device.type != "cpu" or vector.dtype not in DTYPES or vector.shape != (channels,):
        raise ValueError(
            f"{name} must have {channels} numbers, float32 or bfloat16 on the CPU, "
            f"it is {vector.dtype} {tuple(vector.shape)} on {vector.device}"
        )
    if vector.dtype == torch.float32 and vector.is_contiguous():
        return vector
    return vector.to(torch.float32).contiguous()


def check_table(table: Tensor, name: str, dims: int = 2) -> None:
    """Raise unless a table is dense int32 on the CPU; what it says is checked where its plan is made."""
    if table.dtype != torch.int32 or table.device.type != "cpu":
        raise TypeError(f"{name} must be int32 on the CPU, it is {table.dtype} on {table.device}")
    if table.dim() != dims or not table.is_contiguous():
        raise ValueError(f"{name} must have {dims} dimensions and be contiguous, its shape is {tuple(table.shape)}")


def check_pixels(x: Tensor, name: str, table: Tensor, of: str) -> None:
    """Raise unless images have as many pixels as a table has rows."""
    if x.shape[1] != table.shape[0]:
        raise ValueError(f"{name} has {x.shape[1]} pixels, and the table has {table.shape[0]} {of} pixels")


def check_size(*sizes: int) -> None:
    """Raise if a tensor of so many elements is too large."""
    product = 1
    for size in sizes:
        product *= max(size, 1)
    if product > LARGEST:
        raise ValueError(f"a tensor of the shape {sizes} is too large")


def check_status(status: int) -> None:
    """Raise if the kernel could not do its work."""
    if status:
        raise MemoryError("the kernel could not get the working memory that it needs")


__all__ = [
    "DTYPES",
    "check_images",
    "check_pixels",
    "check_size",
    "check_status",
    "check_table",
    "check_vector",
    "check_weight",
]

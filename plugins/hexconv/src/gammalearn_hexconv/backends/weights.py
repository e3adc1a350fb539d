"""Weights of a convolution as those of its transpose."""

from __future__ import annotations

from torch import Tensor


def swapped(weight: Tensor, groups: int) -> Tensor:
    """``(a, b // groups, n_taps)`` as ``(b, a // groups, n_taps)``: what is an input becomes an output."""
    if groups == 1:
        return weight.transpose(0, 1)
    n, per_group, n_taps = weight.shape
    grouped = weight.reshape(groups, n // groups, per_group, n_taps)
    return grouped.transpose(1, 2).reshape(groups * per_group, n // groups, n_taps)


__all__ = ["swapped"]

"""Operations that give an image the same numbers, bit by bit, in every batch, where those of torch do not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

_ROWS = 4
"""Rows that a matrix product does at a time; those that are left over are summed in another order."""


class SteadyLinear(nn.Linear):
    """A linear layer whose rows do not depend on the batch that they are in.

    Rows of zeros fill the batch to a multiple of four. torch's matrix products then give a row the same numbers in any
    batch, if it has a multiple of four features: so it is found to be, but nothing promises it. Compiled or exported it
    is an ordinary linear layer. Parameters and state are those of `torch.nn.Linear`.

    Examples
    --------
    >>> layer = SteadyLinear(16, 4)
    >>> rows = torch.randn(7, 16)
    >>> bool((layer(rows[:1]) == layer(rows)[:1]).all())
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        n = input.shape[0]
        tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if torch.compiler.is_compiling() or tracing or n % _ROWS == 0:
            return super().forward(input)
        return super().forward(F.pad(input, (0, 0, 0, -n % _ROWS)))[:n]


def steady_sigmoid(x: Tensor) -> Tensor:
    """The sigmoid, of the hyperbolic tangent: torch computes the last numbers of a tensor otherwise than the others.

    Examples
    --------
    >>> steady_sigmoid(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return 0.5 + 0.5 * torch.tanh(0.5 * x)


__all__ = ["SteadyLinear", "steady_sigmoid"]

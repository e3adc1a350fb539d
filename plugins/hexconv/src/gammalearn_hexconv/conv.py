"""`HexConv2d`: convolution over a pixel and its six neighbours."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv.lattice import TAPS
from gammalearn_hexconv.lattice import HexLattice


class HexConv2d(nn.Module):
    """Convolution over a pixel and its six neighbours; those outside the camera count as zero.

    Takes ``(n, in_channels, lattice.n_pixels)`` and gives ``(n, out_channels, out_lattice.n_pixels)``.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels.
    lattice : HexLattice
        Where the input's pixels are.
    stride : {1, 2}
        With 1 the output is on the same pixels, in the same order; with 2 it is on `HexLattice.coarsen`.
    bias : bool
        Whether a constant is added to each output channel.

    Attributes
    ----------
    weight : Parameter, (out_channels, in_channels, 7)
        In the order of `gammalearn_hexconv.lattice.TAPS`, initialised as by `torch.nn.Conv2d`.
    bias : Parameter, (out_channels,), or None
    out_lattice : HexLattice
        Where the output's pixels are.

    Raises
    ------
    ValueError
        The stride is neither 1 nor 2, or an input has another shape.

    Examples
    --------
    >>> conv = HexConv2d(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> conv(torch.zeros(5, 2, 3)).shape
    torch.Size([5, 16, 3])
    """

    index: Tensor
    """Row of the input that each output pixel sees at each tap, flat; ``lattice.n_pixels`` where there is none."""

    def __init__(
        self, in_channels: int, out_channels: int, lattice: HexLattice, *, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2, got {stride!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.stride = stride
        self.lattice = lattice
        self.out_lattice, table = (lattice, lattice.neighbours) if stride == 1 else lattice.coarsen()
        rows = np.where(table < 0, lattice.n_pixels, table).T.reshape(-1)
        self.register_buffer("index", torch.from_numpy(rows), persistent=False)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, len(TAPS)))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_channels * len(TAPS))
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.shape[1:] != (self.in_channels, self.lattice.n_pixels):
            wanted = f"(n, {self.in_channels}, {self.lattice.n_pixels})"
            raise ValueError(f"expected an input of the shape {wanted}, got {tuple(pixels.shape)}")
        # Channels last while gathering, so that whole rows are copied: twice as fast.
        padded = F.pad(pixels.transpose(1, 2), (0, 0, 0, 1))
        seen = padded.index_select(1, self.index)
        seen = seen.reshape(pixels.shape[0], self.out_lattice.n_pixels, len(TAPS) * self.in_channels)
        output = self.weight.transpose(1, 2).flatten(1) @ seen.transpose(1, 2)
        return output if self.bias is None else output + self.bias[:, None].to(output.dtype)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, n_pixels={self.lattice.n_pixels}, stride={self.stride}"
        return text if self.bias is not None else f"{text}, bias=False"


__all__ = ["HexConv2d"]

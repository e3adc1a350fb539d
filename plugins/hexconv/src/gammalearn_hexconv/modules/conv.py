"""`HexConv2d`: convolution over a pixel and its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import Choice
from gammalearn_hexconv.backends.choosing import choose_conv
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.functional import hex_conv2d
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice import NeighbourTable
from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.modules.base import HexLayer
from gammalearn_hexconv.modules.base import check_channels
from gammalearn_hexconv.modules.base import reset


class HexConv2d(HexLayer):
    """Convolution over a pixel and its neighbours; those outside the camera count as zero.

    Takes ``(n, in_channels, lattice.n_pixels)``, or with a last dimension of 1, or without the first, of any strides,
    and gives as many dimensions with ``out_channels`` and ``out_lattice.n_pixels``, stored channels-last.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels.
    lattice : HexLattice or NeighbourTable
        Where the input's pixels are; or which of them each output sees, and then radius, stride and dilation are left
        out.
    radius : int
        Pixels from the middle of the kernel to its rim: 1, 2, 3 give 7, 19, 37 taps, or 9, 25, 49 on square pixels.
    stride : int or "sqrt7"
        With 1 the output is on the same pixels, in the same order; else on `HexLattice.coarsen`.
    dilation : int
        Pixels from one tap to the next.
    groups : int
        Groups of channels that do not see each other.
    bias : bool
        Whether a constant is added to each output channel.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        What computes it: see `backend_report`.
    indexedconv_compat : bool
        Whether the outputs are those of IndexedConv and in its order: occupied pixels on multiples of the stride from
        the corner of the index matrix, row by row.

    Attributes
    ----------
    weight : Parameter, (out_channels, in_channels // groups, n_taps)
        In the order of `gammalearn_hexconv.lattice.taps.hexagon`, initialised as by `torch.nn.Conv2d`.
    bias : Parameter, (out_channels,), or None
    out_lattice : HexLattice
        Where the output's pixels are; not there if a table was given.

    Raises
    ------
    ValueError
        A parameter is wrong, or an input has another shape.
    TypeError
        An input is of another type than the weights.

    Examples
    --------
    >>> import torch
    >>> conv = HexConv2d(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> conv(torch.zeros(5, 2, 3)).shape
    torch.Size([5, 16, 3])
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice | NeighbourTable,
        *,
        radius: int = 1,
        stride: Stride = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        backend: Backend = "auto",
        indexedconv_compat: bool = False,
    ) -> None:
        super().__init__(lattice, radius, stride, dilation, backend, indexedconv_compat)
        check_channels(in_channels, out_channels, groups)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.site = Site(self.table)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, self.table.n_taps))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        reset(self.weight, self.bias, self.weight.shape[1] * self.weight.shape[2])

    def forward(self, image: Tensor) -> Tensor:
        return hex_conv2d(image, self.weight, self.bias, self.site, groups=self.groups, backend=self.backend)

    def chosen_backend(self) -> Choice:
        """What computes inputs of the type of the weights, and why."""
        return choose_conv(
            self.backend,
            self.site,
            in_channels=self.in_channels,
            groups=self.groups,
            dtype=self.weight.dtype,
            device=self.weight.device,
        )

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, {super().extra_repr()}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text if self.bias is not None else f"{text}, bias=False"


__all__ = ["HexConv2d"]

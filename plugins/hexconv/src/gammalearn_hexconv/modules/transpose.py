"""`HexConvTranspose2d`: from the pixels of a coarse lattice to those of a fine one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import Choice
from gammalearn_hexconv.backends.choosing import choose_conv
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.functional import hex_conv_transpose2d
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice import NeighbourTable
from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.modules.base import HexLayer
from gammalearn_hexconv.modules.base import check_channels
from gammalearn_hexconv.modules.base import reset


class HexConvTranspose2d(HexLayer):
    """The transpose of a `HexConv2d`: what that takes as input, this gives as output.

    Takes ``(n, in_channels, lattice.coarsen(stride).n_pixels)`` and gives ``(n, out_channels, lattice.n_pixels)``. As a
    linear map it is the exact adjoint of ``HexConv2d(out_channels, in_channels, lattice, stride=stride, ...)`` with the
    same weights.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels.
    lattice : HexLattice or NeighbourTable
        The fine one, where the *output's* pixels are; or the table of the convolution that is transposed.
    radius, stride, dilation, groups, indexedconv_compat
        Those of the convolution that is transposed.
    bias : bool
        Whether a constant is added to each output channel.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        What computes it.

    Attributes
    ----------
    weight : Parameter, (in_channels, out_channels // groups, n_taps)
        Initialised as by `torch.nn.ConvTranspose2d`.
    bias : Parameter, (out_channels,), or None
    lattice, out_lattice : HexLattice
        Where the input's pixels are, the coarse one, and where the output's are, the fine one; not there if a table was
        given.

    Raises
    ------
    ValueError
        A parameter is wrong, or an input has another shape.
    TypeError
        An input is of another type than the weights.

    Examples
    --------
    >>> import torch
    >>> fine = HexLattice([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)])
    >>> up = HexConvTranspose2d(16, 2, fine, stride=2)
    >>> up(torch.zeros(5, 16, fine.coarsen(2).n_pixels)).shape
    torch.Size([5, 2, 5])
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
        n_taps = self.table.n_taps
        self.table = self.table.transposed
        if hasattr(self, "lattice"):
            self.lattice, self.out_lattice = self.out_lattice, self.lattice
        self.site = Site(self.table)
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels // groups, n_taps))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        reset(self.weight, self.bias, self.weight.shape[1] * self.weight.shape[2])

    def forward(self, image: Tensor) -> Tensor:
        return hex_conv_transpose2d(image, self.weight, self.bias, self.site, groups=self.groups, backend=self.backend)

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


__all__ = ["HexConvTranspose2d"]

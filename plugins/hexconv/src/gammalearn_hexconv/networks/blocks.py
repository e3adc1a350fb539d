"""Blocks of layers on the pixels of a camera, all on ``(n, channels, n_pixels, 1)`` in channels-last memory."""

from __future__ import annotations

from typing import Unpack

import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv.fused.training import norm_relu
from gammalearn_hexconv.fused.training import pre_activated
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.modules import HexConv2d
from gammalearn_hexconv.networks.options import ConvOptions


class ConvNormAct(nn.Module):
    """Convolution, batch norm and ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
    lattice : HexLattice
        Where the input's pixels are.
    stride : {1, 2}
    norm : bool
        Without batch norm the convolution has a bias.
    **options
        Of the convolution, see `ConvOptions`.

    Attributes
    ----------
    out_lattice : HexLattice
        Where the output's pixels are.

    Examples
    --------
    >>> block = ConvNormAct(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> block(torch.zeros(5, 2, 3, 1)).shape
    torch.Size([5, 16, 3, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice,
        *,
        stride: int = 1,
        norm: bool = True,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        self.conv = HexConv2d(in_channels, out_channels, lattice, stride=stride, bias=not norm, **options)
        self.norm = nn.BatchNorm2d(out_channels) if norm else None
        self.out_lattice = self.conv.out_lattice

    def forward(self, pixels: Tensor) -> Tensor:
        pixels = self.conv(pixels)
        return F.relu(pixels) if self.norm is None else norm_relu(self.norm, pixels)


class NormActConv(nn.Module):
    """Batch norm and ReLU, then a convolution with a bias.

    Parameters
    ----------
    in_channels, out_channels : int
    lattice : HexLattice
        Where the input's pixels are.
    stride : {1, 2}
    preactivate : bool
        Whether batch norm and ReLU are there; without, it is the convolution alone.
    **options
        Of the convolution, see `ConvOptions`.

    Attributes
    ----------
    out_lattice : HexLattice
        Where the output's pixels are.

    Examples
    --------
    >>> block = NormActConv(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> block(torch.zeros(5, 2, 3, 1)).shape
    torch.Size([5, 16, 3, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice,
        *,
        stride: int = 1,
        preactivate: bool = True,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels) if preactivate else None
        self.conv = HexConv2d(in_channels, out_channels, lattice, stride=stride, **options)
        self.out_lattice = self.conv.out_lattice

    def forward(self, pixels: Tensor) -> Tensor:
        activated = pixels if self.norm is None else norm_relu(self.norm, pixels)
        return self.conv(activated)  # type: ignore[no-any-return]


class PreActivationLayer(nn.Module):
    """Two `NormActConv`, added to what went in [1]_.

    Where the pixels or channels change, what went in passes a `NormActConv` of its own first.

    Parameters
    ----------
    in_channels, out_channels : int
    lattice : HexLattice
        Where the input's pixels are.
    stride : {1, 2}
        Of the first convolution.
    preactivate : bool
        Whether the first convolution is preceded by batch norm and ReLU. Not needed where the input comes from a ReLU.
    **options
        Of the convolutions, see `ConvOptions`.

    Attributes
    ----------
    out_lattice : HexLattice
        Where the output's pixels are.

    References
    ----------
    .. [1] He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, arXiv:1603.05027.

    Examples
    --------
    >>> layer = PreActivationLayer(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> layer(torch.zeros(5, 2, 3, 1)).shape
    torch.Size([5, 16, 3, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice,
        *,
        stride: int = 1,
        preactivate: bool = True,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        self.first = NormActConv(in_channels, out_channels, lattice, stride=stride, preactivate=preactivate, **options)
        self.out_lattice = self.first.out_lattice
        self.second = NormActConv(out_channels, out_channels, self.out_lattice, **options)
        changes = stride != 1 or in_channels != out_channels
        self.shortcut = NormActConv(in_channels, out_channels, lattice, stride=stride, **options) if changes else None

    def forward(self, pixels: Tensor) -> Tensor:
        fused = pre_activated(self, pixels)
        if fused is not None:
            return fused
        kept = pixels if self.shortcut is None else self.shortcut(pixels)
        return self.second(self.first(pixels)) + kept  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two convolutions with batch norm, added to what went in, then ReLU.

    Parameters
    ----------
    channels : int
    lattice : HexLattice
        Where the pixels are.
    **options
        Of the convolutions, see `ConvOptions`.

    Examples
    --------
    >>> block = ResidualBlock(4, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> block(torch.zeros(2, 4, 3, 1)).shape
    torch.Size([2, 4, 3, 1])
    """

    def __init__(self, channels: int, lattice: HexLattice, **options: Unpack[ConvOptions]) -> None:
        super().__init__()
        self.conv1 = HexConv2d(channels, channels, lattice, bias=False, **options)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = HexConv2d(channels, channels, self.conv1.out_lattice, bias=False, **options)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, pixels: Tensor) -> Tensor:
        change = norm_relu(self.norm1, self.conv1(pixels))
        return norm_relu(self.norm2, self.conv2(change), pixels)


__all__ = ["ConvNormAct", "NormActConv", "PreActivationLayer", "ResidualBlock"]

"""`EncoderDecoder`: from images to features at each of their pixels, by way of coarser lattices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.modules import HexConvTranspose2d
from gammalearn_hexconv.networks.blocks import ConvNormAct
from gammalearn_hexconv.networks.checks import check_stages
from gammalearn_hexconv.networks.options import ConvOptions


class EncoderDecoder(nn.Module):
    """Features at each pixel, by way of stages of convolutions on ever coarser lattices, and back.

    Takes ``(n, in_channels, lattice.n_pixels, 1)`` and gives ``(n, channels[0], lattice.n_pixels, 1)``.

    Parameters
    ----------
    in_channels : int
    lattice : HexLattice
        Where the pixels are.
    channels : sequence of int
        Channels of each stage, the finest first.
    depths : sequence of int
        Convolutions of each stage, on the way down and on the way up.
    skip : bool
        Whether each stage on the way up is also given what the same stage gave on the way down.
    **options
        Of the convolutions, see `ConvOptions`.

    Attributes
    ----------
    code_lattice : HexLattice
        Where the pixels of the coarsest stage are.

    Raises
    ------
    ValueError
        Channels and depths are not whole numbers above 0, or not as many.

    Examples
    --------
    >>> body = EncoderDecoder(2, HexLattice([(0, 0), (1, 0), (0, 1)]), channels=(4, 8), depths=(1, 1))
    >>> body(torch.zeros(5, 2, 3, 1)).shape
    torch.Size([5, 4, 3, 1])
    """

    def __init__(
        self,
        in_channels: int,
        lattice: HexLattice,
        *,
        channels: Sequence[int],
        depths: Sequence[int],
        skip: bool = True,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        check_stages(channels, depths)
        self.skip = skip
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        lattices: list[HexLattice] = []
        width = in_channels
        for out, depth in zip(channels, depths, strict=True):
            stage = ConvStage(width, out, lattice, depth=depth, stride=2 if lattices else 1, **options)
            self.down.append(stage)
            width, lattice = out, stage.out_lattice
            lattices.append(lattice)
        self.code_lattice = lattice
        for level in reversed(range(len(channels) - 1)):
            out, depth = channels[level], depths[level]
            self.up.append(UpStage(width, out, lattices[level], depth=depth, skip=skip, **options))
            width = out

    def encode(self, pixels: Tensor) -> list[Tensor]:
        """What each stage gives on the way down."""
        given = []
        for stage in self.down:
            pixels = stage(pixels)
            given.append(pixels)
        return given

    def decode(self, given: Sequence[Tensor]) -> Tensor:
        """Features at each pixel from what `encode` gave; without skips, the last of it is enough."""
        pixels, before = given[-1], reversed(given[:-1])
        for stage in self.up:
            pixels = stage(pixels, next(before) if self.skip else None)
        return pixels

    def forward(self, pixels: Tensor) -> Tensor:
        return self.decode(self.encode(pixels))


class ConvStage(nn.Sequential):
    """As many `ConvNormAct` as ``depth``, of which the first has the stride.

    Examples
    --------
    >>> stage = ConvStage(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]), depth=2)
    >>> stage(torch.zeros(5, 2, 3, 1)).shape
    torch.Size([5, 16, 3, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice,
        *,
        depth: int,
        stride: int = 1,
        **options: Unpack[ConvOptions],
    ) -> None:
        begin = ConvNormAct(in_channels, out_channels, lattice, stride=stride, **options)
        lattice = begin.out_lattice
        super().__init__(
            begin, *(ConvNormAct(out_channels, out_channels, lattice, **options) for _ in range(depth - 1))
        )
        self.out_lattice = lattice


class UpStage(nn.Module):
    """A transposed convolution to the pixels of a finer lattice, then a `ConvStage`.

    Takes ``(n, in_channels, n_coarse, 1)`` and, with ``skip``, ``(n, out_channels, lattice.n_pixels, 1)`` to be put
    beside; gives the shape of the latter.

    Examples
    --------
    >>> fine = HexLattice([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)])
    >>> stage = UpStage(16, 8, fine, depth=1, skip=True)
    >>> stage(torch.zeros(2, 16, fine.coarsen(2).n_pixels, 1), torch.zeros(2, 8, 5, 1)).shape
    torch.Size([2, 8, 5, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice,
        *,
        depth: int,
        skip: bool,
        **options: Unpack[ConvOptions],
    ) -> None:
        super().__init__()
        self.lift = HexConvTranspose2d(in_channels, out_channels, lattice, stride=2, **options)
        self.stage = ConvStage((1 + skip) * out_channels, out_channels, lattice, depth=depth, **options)

    def forward(self, pixels: Tensor, beside: Tensor | None) -> Tensor:
        pixels = self.lift(pixels)
        return self.stage(pixels if beside is None else torch.cat([pixels, beside], dim=1))  # type: ignore[no-any-return]


__all__ = ["ConvStage", "EncoderDecoder", "UpStage"]

"""Attention over channels and over pixels, as in the published GammaPhysNet."""

from __future__ import annotations

from typing import Literal
from typing import get_args

import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_hexconv.fused.training import PixelScore
from gammalearn_hexconv.fused.training import pixel_means
from gammalearn_hexconv.fused.training import pointwise
from gammalearn_hexconv.fused.training import scaled
from gammalearn_hexconv.steady import SteadyLinear
from gammalearn_hexconv.steady import steady_sigmoid

Attention = Literal["squeeze_excite", "spatial", "dual"]
"""Names that settings give to the modules below."""


class SqueezeExcite(nn.Module):
    """Scale each channel by what all channels are on average [1]_: ``(n, channels, n_pixels, 1)`` to the same.

    Parameters
    ----------
    channels : int
    ratio : int
        The hidden layer has ``channels // ratio`` numbers, and at least one.

    References
    ----------
    .. [1] Hu, Shen, Sun: Squeeze-and-Excitation Networks, arXiv:1709.01507.

    Examples
    --------
    >>> SqueezeExcite(32)(torch.zeros(2, 32, 7, 1)).shape
    torch.Size([2, 32, 7, 1])
    """

    def __init__(self, channels: int, *, ratio: int = 16) -> None:
        super().__init__()
        self.reduce = SteadyLinear(channels, max(1, channels // ratio))
        self.expand = SteadyLinear(max(1, channels // ratio), channels)

    def gate(self, pixels: Tensor) -> Tensor:
        """Factor of each channel, from 0 to 1, ``(n, channels, 1, 1)``."""
        hidden = F.relu(self.reduce(pixel_means(pixels)))
        return steady_sigmoid(self.expand(hidden))[:, :, None, None]

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels * self.gate(pixels)


class SpatialAttention(nn.Module):
    """Scale each pixel by what its own channels are: ``(n, channels, n_pixels, 1)`` to the same.

    A linear map to half the channels, batch norm, ReLU and a linear map to one number, whose sigmoid is the factor.

    Parameters
    ----------
    channels : int

    Examples
    --------
    >>> SpatialAttention(32)(torch.zeros(2, 32, 7, 1)).shape
    torch.Size([2, 32, 7, 1])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = max(1, channels // 2)
        self.reduce = nn.Conv2d(channels, half, 1, bias=False)
        self.norm = nn.BatchNorm2d(half)
        self.score = nn.Conv2d(half, 1, 1)

    def gate(self, pixels: Tensor) -> Tensor:
        """Factor of each pixel, from 0 to 1, ``(n, 1, n_pixels, 1)``."""
        return PixelScore(self.norm, self.score).gate(pointwise(self.reduce, pixels))

    def scale(self, pixels: Tensor, channel_gate: Tensor | None = None, *, plus: float = 0.0) -> Tensor:
        """``pixels * channel_gate * (plus + self.gate(pixels))``."""
        reduced = pointwise(self.reduce, pixels)
        return scaled(pixels, channel_gate, reduced, PixelScore(self.norm, self.score), plus=plus)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.scale(pixels)


class DualAttention(nn.Module):
    """Both [1]_: ``pixels * channel factor * (1 + pixel factor)``, each from what goes in.

    Parameters
    ----------
    channels : int
    ratio : int
        As in `SqueezeExcite`.

    References
    ----------
    .. [1] Sun, Darbehani, Zaidi, Wang: SAUNet: Shape Attentive U-Net, arXiv:2001.07645.

    Examples
    --------
    >>> DualAttention(32)(torch.zeros(2, 32, 7, 1)).shape
    torch.Size([2, 32, 7, 1])
    """

    def __init__(self, channels: int, *, ratio: int = 16) -> None:
        super().__init__()
        self.channel = SqueezeExcite(channels, ratio=ratio)
        self.spatial = SpatialAttention(channels)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.spatial.scale(pixels, self.channel.gate(pixels), plus=1.0)


def make_attention(name: Attention | None, channels: int, *, ratio: int = 16) -> nn.Module:
    """The module of this name; for None the identity.

    Raises
    ------
    ValueError
        There is no such attention, or the ratio is no whole number above 0.
    """
    if isinstance(ratio, bool) or not isinstance(ratio, int) or ratio < 1:
        raise ValueError(f"ratio must be a whole number above 0, got {ratio!r}")
    if name is None:
        return nn.Identity()
    if name == "squeeze_excite":
        return SqueezeExcite(channels, ratio=ratio)
    if name == "spatial":
        return SpatialAttention(channels)
    if name == "dual":
        return DualAttention(channels, ratio=ratio)
    raise ValueError(f"attention must be None, {', '.join(map(repr, get_args(Attention)))}, got {name!r}")


__all__ = ["Attention", "DualAttention", "SpatialAttention", "SqueezeExcite", "make_attention"]

"""The network of the benchmark built of other layers: those of IndexedConv, of HexagDLy, and of torch on square images.

It is the network ``hexconv.gammaphysnet``, layer by layer, with parameters of the same names. What differs is where the
pixels are: a `Layout` makes the layers for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

CHANNELS = (16, 32, 64)
DEPTHS = (3, 3, 3)
HIDDEN = 256
RATIO = 16
TASKS = {"energy": 1, "impact": 2, "direction": 2, "particle": 2}
"""Numbers of each task."""


class Layout(Protocol):
    """Layers for pixels that are arranged in some way; a level has what stride 2 leaves of the one before."""

    def convolution(self, inputs: int, outputs: int, *, level: int, stride: int = 1) -> nn.Module:
        """Over neighbours, with a bias, from a level's pixels."""

    def norm(self, channels: int) -> nn.Module:
        """Batch norm."""

    def pointwise(self, inputs: int, outputs: int, *, bias: bool) -> nn.Module:
        """The same linear map at each pixel."""

    def enter(self, images: Tensor) -> Tensor:
        """Images as the layers want them."""


class IndexedLayout:
    """IndexedConv's layers; ``matrix`` is its index matrix of a camera, (rows, columns)."""

    def __init__(self, matrix: Tensor) -> None:
        from indexedconv.utils import pool_index_matrix

        given = matrix[None, None].float()
        # Outputs are in raster order, so that the pixels change their places once, after the first layer.
        self._camera = given
        self._levels = [pool_index_matrix(given, kernel_type="Hex", stride=1)]
        while len(self._levels) < len(CHANNELS):
            self._levels.append(pool_index_matrix(self._levels[-1], kernel_type="Hex", stride=2))

    def convolution(self, inputs: int, outputs: int, *, level: int, stride: int = 1) -> nn.Module:
        from indexedconv.engine import IndexedConv
        from indexedconv.utils import neighbours_extraction

        matrix = self._camera if level < 0 else self._levels[level]
        return IndexedConv(inputs, outputs, neighbours_extraction(matrix, stride=stride))

    def norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm1d(channels)

    def pointwise(self, inputs: int, outputs: int, *, bias: bool) -> nn.Module:
        return nn.Conv1d(inputs, outputs, 1, bias=bias)

    def enter(self, images: Tensor) -> Tensor:
        return images


class SquareLayout:
    """torch's layers on images that have been mapped to a square grid."""

    def __init__(self, *, channels_last: bool) -> None:
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def convolution(self, inputs: int, outputs: int, *, level: int, stride: int = 1) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 3, stride, padding=1).to(memory_format=self._format)

    def norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels)

    def pointwise(self, inputs: int, outputs: int, *, bias: bool) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 1, bias=bias).to(memory_format=self._format)

    def enter(self, images: Tensor) -> Tensor:
        return images.contiguous(memory_format=self._format)


class HexagdlyLayout(SquareLayout):
    """HexagDLy's layers on the box around a camera; what is outside the camera is computed with it."""

    def __init__(self) -> None:
        super().__init__(channels_last=False)

    def convolution(self, inputs: int, outputs: int, *, level: int, stride: int = 1) -> nn.Module:
        import hexagdly

        return hexagdly.Conv2d(inputs, outputs, 1, stride)  # type: ignore[no-any-return]


class NormActConv(nn.Module):
    """Batch norm and ReLU, unless the input comes from a ReLU, then a convolution."""

    def __init__(
        self, inputs: int, outputs: int, layout: Layout, *, level: int, stride: int = 1, norm: bool = True
    ) -> None:
        super().__init__()
        self.norm = layout.norm(inputs) if norm else None
        self.conv = layout.convolution(inputs, outputs, level=level, stride=stride)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.conv(pixels if self.norm is None else F.relu(self.norm(pixels)))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """Two of them, added to what went in."""

    def __init__(self, inputs: int, outputs: int, layout: Layout, *, level: int, stride: int, norm: bool) -> None:
        super().__init__()
        before = level - (stride == 2)
        self.first = NormActConv(inputs, outputs, layout, level=before, stride=stride, norm=norm)
        self.second = NormActConv(outputs, outputs, layout, level=level)
        self.shortcut = NormActConv(inputs, outputs, layout, level=before, stride=stride) if stride == 2 else None

    def forward(self, pixels: Tensor) -> Tensor:
        kept = pixels if self.shortcut is None else self.shortcut(pixels)
        return self.second(self.first(pixels)) + kept  # type: ignore[no-any-return]


class DualAttention(nn.Module):
    """Factors of channels and of pixels."""

    def __init__(self, channels: int, layout: Layout) -> None:
        super().__init__()
        self.channel, self.spatial = nn.Module(), nn.Module()
        self.channel.reduce = nn.Linear(channels, max(1, channels // RATIO))
        self.channel.expand = nn.Linear(max(1, channels // RATIO), channels)
        self.spatial.reduce = layout.pointwise(channels, channels // 2, bias=False)
        self.spatial.norm = layout.norm(channels // 2)
        self.spatial.score = layout.pointwise(channels // 2, 1, bias=True)

    def forward(self, pixels: Tensor) -> Tensor:
        means = pixels.flatten(2).mean(2)
        gate = self.channel.expand(F.relu(self.channel.reduce(means))).sigmoid()
        score = self.spatial.score(F.relu(self.spatial.norm(self.spatial.reduce(pixels)))).sigmoid()
        return pixels * gate.view(*gate.shape, *[1] * (pixels.ndim - 2)) * (1 + score)


class Heads(nn.Module):
    """A number from the mean of each channel, the others from all channels at all pixels."""

    def __init__(self, channels: int, pixels: int) -> None:
        super().__init__()
        flat = channels * pixels
        self.fusion = nn.Linear(flat, HIDDEN)
        energy = nn.Sequential(nn.Linear(channels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, TASKS["energy"]))
        vectors = (nn.Linear(HIDDEN, TASKS[name]) for name in ("impact", "direction"))
        self.heads = nn.ModuleList([energy, *vectors, nn.Linear(flat, TASKS["particle"])])

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        flat = pixels.flatten(1)
        fused = F.relu(self.fusion(flat))
        given = pixels.flatten(2).mean(2), fused, fused, flat
        return {name: head(one) for name, head, one in zip(TASKS, self.heads, given, strict=True)}


class PeerNetwork(nn.Module):
    """The network of the benchmark; ``example`` is an image, of which the sizes are learned."""

    def __init__(self, layout: Layout, example: Tensor) -> None:
        super().__init__()
        self.layout = layout
        self.stem = NormActConv(example.shape[1], CHANNELS[0], layout, level=-1, norm=False)
        stages: list[nn.Module] = []
        width = CHANNELS[0]
        for level, (channels, depth) in enumerate(zip(CHANNELS, DEPTHS, strict=True)):
            layers = []
            for number in range(depth):
                first, inner = not level and not number, level == 0 or number > 0
                layers.append(Residual(width, channels, layout, level=level, stride=2 - inner, norm=not first))
                width = channels
            stages += [nn.Sequential(*layers), DualAttention(channels, layout)]
        self.stages = nn.Sequential(*stages)
        with torch.no_grad():
            self.head = Heads(width, self.features(example).flatten(2).shape[2])

    def features(self, images: Tensor) -> Tensor:
        """All but the heads."""
        return F.relu(self.stages(F.relu(self.stem(self.layout.enter(images)))))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.head(self.features(images))  # type: ignore[no-any-return]


def take_weights(network: nn.Module, state: dict[str, Tensor], *, pixels: int) -> None:
    """Give a network of IndexedConv's layers the weights of ours, of which the last level has so many pixels."""
    own = network.state_dict()
    for name, value in state.items():
        if value.ndim == 2 and value.shape[1] == CHANNELS[-1] * pixels:
            # Ours lists the channels of a pixel side by side, IndexedConv the pixels of a channel.
            value = value.unflatten(1, (pixels, CHANNELS[-1])).transpose(1, 2).flatten(1)
        own[name] = value.reshape(own[name].shape)
    network.load_state_dict(own)


def hexagdly_layer(weight: Tensor, bias: Tensor) -> nn.Module:
    """HexagDLy's layer with the weights of a layer of seven taps, ``(outputs, inputs, 7)``."""
    import hexagdly

    layer = hexagdly.Conv2d(weight.shape[1], weight.shape[0], 1, 1)
    with torch.no_grad():
        layer.kernel0.copy_(weight[:, :, 2:5, None])
        layer.kernel1.copy_(weight[:, :, [0, 5, 1, 6]].unflatten(2, (2, 2)))
        layer.bias_tensor.copy_(bias)
    return layer  # type: ignore[no-any-return]


def hexagdly_cells(axial: Tensor) -> tuple[Tensor, Sequence[int]]:
    """Cell of each pixel in HexagDLy's box, and rows and columns of the box."""
    column, place = axial[:, 0] - axial[:, 0].min(), -axial[:, 1]
    row = place - (column + 1) // 2
    row = row - row.min()
    columns = int(column.max()) + 1
    return row * columns + column, (int(row.max()) + 1, columns)


__all__ = [
    "CHANNELS",
    "DEPTHS",
    "HIDDEN",
    "RATIO",
    "TASKS",
    "HexagdlyLayout",
    "IndexedLayout",
    "PeerNetwork",
    "SquareLayout",
    "hexagdly_cells",
    "hexagdly_layer",
    "take_weights",
]

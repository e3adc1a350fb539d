"""A small convolutional network for images on a regular grid."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor
from torch import nn

from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.specs import OutputSpec


class CNN2d(nn.Module):
    """Blocks of two 3x3 convolutions with batch norm and ReLU, halving the image; then one linear head a task.

    Parameters
    ----------
    inputs : InputSpec
        One camera, on a grid.
    outputs : OutputSpec
        Tasks.
    channels : sequence of int
        Channels of each block.
    hidden : int
        Features that the heads share.
    dropout : float
        Share of features dropped in training.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        channels: list[int] | tuple[int, ...] = (16, 32, 64),
        hidden: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        camera = inputs.camera
        if not channels or min(channels) < 1 or hidden < 1:
            raise ValueError(f"channels and hidden must be at least 1, got {list(channels)} and {hidden}")
        if camera.on_pixels:
            raise ValueError("the images are not on a grid: add transforms=[ref('core.to_square')]")
        if min(camera.shape) < 2 ** len(channels):
            raise ValueError(f"images of {camera.shape} cannot be halved {len(channels)} times: give fewer channels")
        widths = [len(camera.channels), *channels]
        self.body = nn.Sequential(*(_block(a, b) for a, b in pairwise(widths)))
        self.shared = nn.Sequential(nn.Linear(widths[-1], hidden), nn.ReLU(), nn.Dropout(dropout))
        # Not a ModuleDict, which refuses names such as "type".
        self.tasks = tuple(outputs.tasks)
        self.heads = nn.ModuleList(nn.Linear(hidden, task.size) for task in outputs.tasks.values())

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Images ``(n, channels, rows, columns)`` to ``{task: (n, size)}``."""
        features = self.shared(self.body(pixels).mean(dim=(2, 3)))
        return {name: head(features) for name, head in zip(self.tasks, self.heads, strict=True)}


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


__all__ = ["CNN2d"]

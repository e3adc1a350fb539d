"""`HexResNet`, the network ``hexconv.resnet``."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraSpec
from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.conv import HexConv2d
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.pool import Pool


class ResidualBlock(nn.Module):
    """Two convolutions, added to what went in: ``(n, channels, n_pixels)`` to the same.

    Examples
    --------
    >>> block = ResidualBlock(4, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> block(torch.zeros(2, 4, 3)).shape
    torch.Size([2, 4, 3])
    """

    def __init__(self, channels: int, lattice: HexLattice) -> None:
        super().__init__()
        self.change = nn.Sequential(
            HexConv2d(channels, channels, lattice, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            HexConv2d(channels, channels, lattice, bias=False),
            nn.BatchNorm1d(channels),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return F.relu(pixels + self.change(pixels))


class HexResNet(nn.Module):
    """Residual network on the pixels of a hexagonal camera.

    Each stage begins with a convolution, from the second on of stride 2, and goes on with residual blocks. What is
    pooled over the last stage's pixels passes a hidden layer that all tasks share and one linear layer a task.

    Parameters
    ----------
    inputs : InputSpec
        Images of one camera, on its own pixels.
    outputs : OutputSpec
        The tasks.
    channels : sequence of int
        Channels of each stage.
    depths : sequence of int
        Residual blocks of each stage.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of the hidden layer that is dropped in training, from 0 to 1.
    pooling : sequence of {"mean", "max", "centroid"}
        What is taken of each channel over the last stage's pixels. The centroid, two numbers, tells where in the
        camera a channel is large, which the others do not.

    Raises
    ------
    ValueError
        A parameter is wrong, there is no task, or the images are not on the pixels of one hexagonal camera.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry, TaskSpec
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> spec = CameraSpec(geometry=camera, shape=(3,), channels=("image", "peak_time"))
    >>> task = TaskSpec(name="energy", target="core.energy", size=1)
    >>> network = HexResNet(
    ...     inputs=InputSpec(level="telescope", cameras={"three": spec}), outputs=OutputSpec(tasks={"energy": task})
    ... )
    >>> network(torch.zeros(5, 2, 3))["energy"].shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        channels: Sequence[int] = (16, 32, 64),
        depths: Sequence[int] = (2, 2, 2),
        hidden: int = 64,
        dropout: float = 0.0,
        pooling: Sequence[str] = ("mean", "max"),
    ) -> None:
        super().__init__()
        _check(channels, depths, hidden, dropout)
        if not outputs.tasks:
            raise ValueError("a network needs at least one task, got none")
        camera = inputs.camera
        self.stages, lattice = _stages(len(camera.channels), _lattice(camera), channels, depths)
        self.pool = Pool(lattice, pooling)
        self.shared = nn.Sequential(nn.Linear(self.pool.size * channels[-1], hidden), nn.ReLU(), nn.Dropout(dropout))
        self.tasks = tuple(outputs.tasks)
        self.heads = nn.ModuleList(nn.Linear(hidden, task.size) for task in outputs.tasks.values())

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Numbers of each task, ``(n, size)``, from ``(n, channels, n_pixels)``; ``n`` may be 0."""
        features = self.shared(self.pool(self.stages(pixels)))
        return {task: head(features) for task, head in zip(self.tasks, self.heads, strict=True)}


def _stages(
    in_channels: int, lattice: HexLattice, channels: Sequence[int], depths: Sequence[int]
) -> tuple[nn.Sequential, HexLattice]:
    layers: list[nn.Module] = []
    for width, depth in zip(channels, depths, strict=True):
        conv = HexConv2d(in_channels, width, lattice, stride=2 if layers else 1, bias=False)
        in_channels, lattice = width, conv.out_lattice
        layers += [conv, nn.BatchNorm1d(width), nn.ReLU()]
        layers += [ResidualBlock(width, lattice) for _ in range(depth)]
    return nn.Sequential(*layers), lattice


def _lattice(camera: CameraSpec) -> HexLattice:
    if not camera.on_pixels:
        name, grid = camera.geometry.name, " x ".join(map(str, camera.shape))
        raise ValueError(f"images must be on the pixels of camera {name!r}, but are on a grid of {grid}")
    return HexLattice.from_camera(camera.geometry)


def _check(channels: Sequence[int], depths: Sequence[int], hidden: int, dropout: float) -> None:
    for name, values in (("channels", channels), ("depths", depths), ("hidden", [hidden])):
        if not values or not all(isinstance(value, int) and value > 0 for value in values):
            raise ValueError(f"{name} must be whole numbers above 0, got {hidden if name == 'hidden' else values!r}")
    if len(channels) != len(depths):
        raise ValueError(f"channels and depths must be as many, got {len(channels)} and {len(depths)}")
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout must be from 0 to 1, got {dropout!r}")


__all__ = ["HexResNet", "ResidualBlock"]

"""`HexResNet`, the network ``hexconv.resnet``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor
from torch import nn

from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.backends import Backend
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.attention import Attention
from gammalearn_hexconv.networks.attention import make_attention
from gammalearn_hexconv.networks.base import HexNetwork
from gammalearn_hexconv.networks.blocks import ConvNormAct
from gammalearn_hexconv.networks.blocks import ResidualBlock
from gammalearn_hexconv.networks.checks import check_stages
from gammalearn_hexconv.networks.heads import PooledHeads
from gammalearn_hexconv.networks.options import ConvOptions


class HexResNet(HexNetwork):
    """Residual network on the pixels of a camera.

    Each stage begins with a convolution, from the second on of stride 2, goes on with residual blocks and ends with
    attention. What is pooled over the last stage's pixels passes a hidden layer that all tasks share and one linear
    layer a task.

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
    attention : {"squeeze_excite", "spatial", "dual"} or None
        At the end of each stage: `SqueezeExcite`, `SpatialAttention` or `DualAttention`.
    ratio : int
        Of squeeze-excite and dual attention.
    radius : int
        Of the kernels, 1 to 3: 7, 19 or 37 pixels on a hexagonal lattice.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        Of all convolutions, see `HexConv2d`.

    Raises
    ------
    ValueError
        A parameter is wrong, there is no task, or the images are not on the pixels of one camera.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry, CameraSpec, TaskSpec
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
        attention: Attention | None = None,
        ratio: int = 16,
        radius: int = 1,
        backend: Backend = "auto",
    ) -> None:
        super().__init__(inputs.camera)
        check_stages(channels, depths)
        stages: list[nn.Module] = []
        width, lattice = self.in_channels, self.lattice
        for out, depth in zip(channels, depths, strict=True):
            stage = ResidualStage(
                width, out, lattice, depth=depth, stride=2 if stages else 1, radius=radius, backend=backend
            )
            stages += [stage, make_attention(attention, out, ratio=ratio)]
            width, lattice = out, stage.out_lattice
        self.stages = nn.Sequential(*stages)
        self.head = PooledHeads(width, lattice, outputs=outputs, hidden=hidden, dropout=dropout, pooling=pooling)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Numbers of each task, ``(n, size)``, from ``(n, channels, n_pixels)``; ``n`` may be 0."""
        return self.head(self.stages(self.enter(pixels)))  # type: ignore[no-any-return]


class ResidualStage(nn.Sequential):
    """A `ConvNormAct`, then residual blocks on its output's pixels.

    Examples
    --------
    >>> stage = ResidualStage(2, 16, HexLattice([(0, 0), (1, 0), (0, 1)]), depth=2, stride=1)
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
        stride: int,
        **options: Unpack[ConvOptions],
    ) -> None:
        begin = ConvNormAct(in_channels, out_channels, lattice, stride=stride, **options)
        super().__init__(begin, *(ResidualBlock(out_channels, begin.out_lattice, **options) for _ in range(depth)))
        self.out_lattice = begin.out_lattice


__all__ = ["HexResNet", "ResidualStage"]

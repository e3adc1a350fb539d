"""`GammaPhysNet`, the network ``hexconv.gammaphysnet``."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Unpack

import torch.nn.functional as F
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
from gammalearn_hexconv.networks.blocks import PreActivationLayer
from gammalearn_hexconv.networks.checks import check_stages
from gammalearn_hexconv.networks.multitask import Head
from gammalearn_hexconv.networks.multitask import MultiTaskHeads
from gammalearn_hexconv.networks.options import ConvOptions


class GammaPhysNet(HexNetwork):
    """The multi-task network of Jacquemont et al. [1]_ [2]_ on the pixels of a camera.

    A convolution, then stages of pre-activation residual layers, each with attention at its end and from the second
    on beginning with stride 2. A scalar, such as the energy, is predicted from the mean of each channel; vectors, such
    as direction and impact point, from a layer that sees all channels at all pixels and that they share; classes by
    one linear layer that sees these too.

    The defaults are those of GammaLearn's settings. The publications have a ResNet-56, which is ``depths=(9, 9, 9)``,
    and call the network with ``attention="dual"`` gamma-PhysNet DA.

    Parameters
    ----------
    inputs : InputSpec
        Images of one camera, on its own pixels.
    outputs : OutputSpec
        The tasks, any number and kind of them.
    channels : sequence of int
        Channels of each stage.
    depths : sequence of int
        Residual layers of each stage, two convolutions each.
    hidden : int
        Width of the hidden layers of the heads.
    attention : {"squeeze_excite", "spatial", "dual"} or None
        At the end of each stage: `SqueezeExcite`, `SpatialAttention` or `DualAttention`.
    ratio : int
        Of squeeze-excite and dual attention.
    heads : mapping of str to {"pooled", "fusion", "linear"}, optional
        What a task is predicted from, where it is not to follow from the geometry of its target; see `MultiTaskHeads`.
    radius : int
        Of the kernels, 1 to 3: 7, 19 or 37 pixels on a hexagonal lattice.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        Of all convolutions, see `HexConv2d`.
    indexedconv_compat : bool
        Whether all convolutions have the output pixels of IndexedConv, and so the network the shape of GammaLearn's.
        At the border of the camera some pixels then reach no pixel of the next stage.

    Raises
    ------
    ValueError
        A parameter is wrong, there is no task, or the images are not on the pixels of one camera.

    References
    ----------
    .. [1] Jacquemont, Vuillaume, Benoit, Maurin, Lambert: Multi-Task Architecture with Attention for Imaging
       Atmospheric Cherenkov Telescope Data Analysis, VISAPP 2021, doi:10.5220/0010297405340544.
    .. [2] Jacquemont et al.: First Full-Event Reconstruction from Imaging Atmospheric Cherenkov Telescope Real Data
       with Deep Learning, arXiv:2105.14927.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry, CameraSpec, TaskSpec
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> spec = CameraSpec(geometry=camera, shape=(3,), channels=("image", "peak_time"))
    >>> tasks = {
    ...     "energy": TaskSpec(name="energy", target="core.energy", size=1),
    ...     "direction": TaskSpec(name="direction", target="core.direction", size=2, geometry="camera_vector"),
    ... }
    >>> network = GammaPhysNet(
    ...     inputs=InputSpec(level="telescope", cameras={"three": spec}), outputs=OutputSpec(tasks=tasks)
    ... )
    >>> {task: tuple(p.shape) for task, p in network(torch.zeros(5, 2, 3)).items()}
    {'energy': (5, 1), 'direction': (5, 2)}
    """

    in_a_row = ("stem", "stages")
    """What an image passes one after the other; `gammalearn_hexconv.fuse` makes one of them."""

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        channels: Sequence[int] = (16, 32, 64),
        depths: Sequence[int] = (3, 3, 3),
        hidden: int = 256,
        attention: Attention | None = "dual",
        ratio: int = 16,
        heads: Mapping[str, Head] | None = None,
        radius: int = 1,
        backend: Backend = "auto",
        indexedconv_compat: bool = False,
    ) -> None:
        super().__init__(inputs.camera)
        check_stages(channels, depths)
        options = ConvOptions(radius=radius, backend=backend, indexedconv_compat=indexedconv_compat)
        self.stem = ConvNormAct(self.in_channels, channels[0], self.lattice, norm=False, **options)
        stages: list[nn.Module] = []
        width, lattice = channels[0], self.stem.out_lattice
        for out, depth in zip(channels, depths, strict=True):
            stage = PreActivationStage(width, out, lattice, depth=depth, first=not stages, **options)
            stages += [stage, make_attention(attention, out, ratio=ratio)]
            width, lattice = out, stage.out_lattice
        self.stages = nn.Sequential(*stages)
        self.head = MultiTaskHeads(width, lattice.n_pixels, outputs=outputs, hidden=hidden, heads=heads or {})

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Numbers of each task, ``(n, size)``, from ``(n, channels, n_pixels)``; ``n`` may be 0."""
        return self.head(F.relu(self.stages(self.stem(self.enter(pixels)))))  # type: ignore[no-any-return]


class PreActivationStage(nn.Sequential):
    """Pre-activation residual layers: the first has stride 2, but in the first stage, where it follows a ReLU.

    Examples
    --------
    >>> stage = PreActivationStage(16, 16, HexLattice([(0, 0), (1, 0), (0, 1)]), depth=3, first=True)
    >>> stage(torch.zeros(5, 16, 3, 1)).shape
    torch.Size([5, 16, 3, 1])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        lattice: HexLattice,
        *,
        depth: int,
        first: bool,
        **options: Unpack[ConvOptions],
    ) -> None:
        stride = 1 if first else 2
        begin = PreActivationLayer(in_channels, out_channels, lattice, stride=stride, preactivate=not first, **options)
        lattice = begin.out_lattice
        others = (PreActivationLayer(out_channels, out_channels, lattice, **options) for _ in range(depth - 1))
        super().__init__(begin, *others)
        self.out_lattice = lattice


__all__ = ["GammaPhysNet", "PreActivationStage"]

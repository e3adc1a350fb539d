"""`HexUNet`, the network ``hexconv.unet``, and `HexAutoencoder`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch import nn

from gammalearn_core.api import InputSpec
from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.backends import Backend
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.base import HexNetwork
from gammalearn_hexconv.networks.base import channels_last
from gammalearn_hexconv.networks.encoder_decoder import EncoderDecoder
from gammalearn_hexconv.networks.heads import PooledHeads


class HexUNet(HexNetwork):
    """U-Net [1]_ on the pixels of a camera.

    The network goes down to coarser lattices by convolutions of stride 2 and back by transposed ones; each stage on
    the way up is also given what the same stage gave on the way down. What is pooled over the features at the camera's
    own pixels passes a hidden layer that all tasks share and one linear layer a task.

    Parameters
    ----------
    inputs : InputSpec
        Images of one camera, on its own pixels.
    outputs : OutputSpec
        The tasks.
    channels : sequence of int
        Channels of each stage, the finest first.
    depths : sequence of int
        Convolutions of each stage, on the way down and on the way up.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of the hidden layer that is dropped in training, from 0 to 1.
    pooling : sequence of {"mean", "max", "centroid"}
        What is taken of each channel over the camera's pixels. The centroid, two numbers, tells where in the camera a
        channel is large, which the others do not.
    radius : int
        Of the kernels, 1 to 3: 7, 19 or 37 pixels on a hexagonal lattice.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        Of all convolutions, see `HexConv2d`.

    Raises
    ------
    ValueError
        A parameter is wrong, there is no task, or the images are not on the pixels of one camera.

    References
    ----------
    .. [1] Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation,
       arXiv:1505.04597.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry, CameraSpec, TaskSpec
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> spec = CameraSpec(geometry=camera, shape=(3,), channels=("image", "peak_time"))
    >>> task = TaskSpec(name="energy", target="core.energy", size=1)
    >>> network = HexUNet(
    ...     inputs=InputSpec(level="telescope", cameras={"three": spec}), outputs=OutputSpec(tasks={"energy": task})
    ... )
    >>> network(torch.zeros(5, 2, 3))["energy"].shape
    torch.Size([5, 1])
    >>> network.features(torch.zeros(5, 2, 3)).shape
    torch.Size([5, 16, 3])
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
        radius: int = 1,
        backend: Backend = "auto",
    ) -> None:
        super().__init__(inputs.camera)
        self.body = EncoderDecoder(
            self.in_channels, self.lattice, channels=channels, depths=depths, radius=radius, backend=backend
        )
        self.head = PooledHeads(
            channels[0], self.lattice, outputs=outputs, hidden=hidden, dropout=dropout, pooling=pooling
        )

    def features(self, pixels: Tensor) -> Tensor:
        """Features at each pixel, ``(n, channels[0], n_pixels)``, from ``(n, channels, n_pixels)``."""
        return self.body(self.enter(pixels)).squeeze(-1)  # type: ignore[no-any-return]

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Numbers of each task, ``(n, size)``, from ``(n, channels, n_pixels)``; ``n`` may be 0."""
        return self.head(self.body(self.enter(pixels)))  # type: ignore[no-any-return]


class HexAutoencoder(nn.Module):
    """Images from images, by way of a code on a coarser lattice; for training in Python, where images are the truth.

    Takes and gives ``(n, in_channels, n_pixels)``. The last layer is linear, at each pixel.

    Parameters
    ----------
    in_channels : int
    lattice : HexLattice
        Where the pixels are.
    channels : sequence of int
        Channels of each stage, the finest first; the last are those of the code.
    depths : sequence of int
        Convolutions of each stage, on the way down and on the way up.
    skip : bool
        Whether it is a U-Net: each stage on the way up is also given what the same stage gave on the way down. For
        what changes images, such as cleaning; if images are to be given back, nothing would have to pass the code.
    radius : int
        Of the kernels, 1 to 3.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        Of all convolutions, see `HexConv2d`.

    Raises
    ------
    ValueError
        A parameter is wrong.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> network = HexAutoencoder(1, HexLattice.from_camera(camera))
    >>> images = torch.rand(5, 1, 3)
    >>> network(images).shape
    torch.Size([5, 1, 3])
    >>> bool((network.decode(network.encode(images)) == network(images)).all())
    True
    """

    def __init__(
        self,
        in_channels: int,
        lattice: HexLattice,
        *,
        channels: Sequence[int] = (16, 32, 64),
        depths: Sequence[int] = (1, 1, 1),
        skip: bool = False,
        radius: int = 1,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.lattice = lattice
        self.body = EncoderDecoder(
            in_channels, lattice, channels=channels, depths=depths, skip=skip, radius=radius, backend=backend
        )
        self.last = nn.Conv2d(channels[0], in_channels, 1)

    def encode(self, images: Tensor) -> Tensor:
        """The code of images, ``(n, channels[-1], body.code_lattice.n_pixels)``."""
        return self.body.encode(self._enter(images))[-1].squeeze(-1)

    def decode(self, code: Tensor) -> Tensor:
        """Images from their code.

        Raises
        ------
        ValueError
            The network has skips, so that the code is not enough.
        """
        if self.body.skip:
            raise ValueError("a network with skip=True cannot decode a code alone: call it with images")
        lattice = self.body.code_lattice
        return self._leave(self.body.decode([channels_last(code, code.shape[1], lattice.n_pixels)]))

    def forward(self, images: Tensor) -> Tensor:
        return self._leave(self.body(self._enter(images)))

    def _enter(self, images: Tensor) -> Tensor:
        return channels_last(images, self.in_channels, self.lattice.n_pixels)

    def _leave(self, features: Tensor) -> Tensor:
        return self.last(features).squeeze(-1)  # type: ignore[no-any-return]


__all__ = ["HexAutoencoder", "HexUNet"]

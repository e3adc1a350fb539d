"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Network
from gammalearn_core import hookimpl

api_version = "1.0"

NETWORKS = "gammalearn_hexconv.networks"


@hookimpl
def gammalearn_networks() -> Iterator[Network]:
    yield Network(
        name="gammaphysnet",
        target=f"{NETWORKS}.gammaphysnet:GammaPhysNet",
        summary="Multi-task network with attention of the GammaLearn team, on the camera's pixels",
        lattice="pixels",
    )
    yield Network(
        name="resnet",
        target=f"{NETWORKS}.resnet:HexResNet",
        summary="Residual network on the camera's pixels",
        lattice="pixels",
    )
    yield Network(
        name="unet",
        target=f"{NETWORKS}.unet:HexUNet",
        summary="U-Net on the camera's pixels, its features pooled for the tasks",
        lattice="pixels",
    )
    yield Network(
        name="vgg",
        target=f"{NETWORKS}.vgg:HexVGG",
        summary="Plain convolutional network with pooling, on the camera's pixels",
        lattice="pixels",
    )

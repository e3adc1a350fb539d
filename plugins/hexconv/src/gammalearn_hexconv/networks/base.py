"""`HexNetwork`: what all networks of the plug-in have in common."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import CameraSpec
from gammalearn_hexconv.backends import BackendReport
from gammalearn_hexconv.backends import backend_report
from gammalearn_hexconv.lattice import HexLattice


class HexNetwork(nn.Module):
    """A network on the pixels of one camera.

    Parameters
    ----------
    camera : CameraSpec
        Its images, on its own pixels.

    Attributes
    ----------
    lattice : HexLattice
        Where the pixels are.
    in_channels : int
        Channels of the images.

    Raises
    ------
    ValueError
        The images are on a grid.

    Examples
    --------
    >>> from gammalearn_core.api import CameraGeometry
    >>> camera = CameraGeometry(name="three", x=[0, 1, 0.5], y=[0, 0, 0.75**0.5], area=[1, 1, 1], focal_length=28)
    >>> network = HexNetwork(CameraSpec(geometry=camera, shape=(3,), channels=("image",)))
    >>> network.enter(torch.zeros(5, 1, 3)).shape
    torch.Size([5, 1, 3, 1])
    """

    def __init__(self, camera: CameraSpec) -> None:
        super().__init__()
        if not camera.on_pixels:
            name, grid = camera.geometry.name, " x ".join(map(str, camera.shape))
            raise ValueError(
                f"images must be on the pixels of camera {name!r}, but are on a grid of {grid}: "
                "leave out the transform that maps them"
            )
        self.lattice = HexLattice.from_camera(camera.geometry)
        self.in_channels = len(camera.channels)

    def enter(self, pixels: Tensor) -> Tensor:
        """Images as `channels_last` gives them."""
        return channels_last(pixels, self.in_channels, self.lattice.n_pixels)

    def backend_report(self) -> BackendReport:
        """Which backend computes each layer over neighbours, and why; as text, one line each."""
        return backend_report(self)

    def for_prediction(self, *, dtype: torch.dtype = torch.float32) -> nn.Module | None:
        """A copy for inference with layers fused, as `fuse` makes it; None if nothing can be fused."""
        from gammalearn_hexconv.fused.fusing import fuse

        try:
            return fuse(self, dtype=dtype)
        except ValueError:
            return None


def channels_last(pixels: Tensor, channels: int, n_pixels: int) -> Tensor:
    """Images ``(n, channels, n_pixels)`` as ``(n, channels, n_pixels, 1)`` in channels-last memory.

    torch keeps that memory format, and is fast on it, in four dimensions only.

    Raises
    ------
    ValueError
        The images have another shape.
    """
    if pixels.shape[1:] != (channels, n_pixels):
        raise ValueError(f"expected images of the shape (n, {channels}, {n_pixels}), got {tuple(pixels.shape)}")
    return pixels.unsqueeze(-1).contiguous(memory_format=torch.channels_last)


__all__ = ["HexNetwork", "channels_last"]

"""`Pool`: a few numbers of each channel, from its values at all pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.lattice import HexLattice

SIZES = {"mean": 1, "max": 1, "centroid": 2}
"""Numbers that each way of pooling gives."""


class Pool(nn.Module):
    """What is taken of each channel over all pixels: ``(n, channels, n_pixels)`` to ``(n, size * channels)``.

    The centroid is the mean place of the pixels, weighted with what a channel has above zero: 0 in the middle of the
    lattice, about 1 at its rim. Where a channel has nothing above zero it is 0.

    Parameters
    ----------
    lattice : HexLattice
        Where the pixels are.
    pooling : sequence of {"mean", "max", "centroid"}
        One or more, in the order of the output.

    Attributes
    ----------
    size : int
        Numbers a channel.

    Raises
    ------
    ValueError
        There is no such way of pooling, or none is given.

    Examples
    --------
    >>> pool = Pool(HexLattice([(0, 0), (1, 0), (-1, 0)]), ["max", "centroid"])
    >>> pool(torch.tensor([[[0.0, 2.0, 0.0]]]))
    tensor([[2., 1., 0.]])
    """

    places: Tensor
    """Of the pixels, ``(n_pixels, 2)``, over the radius of the lattice."""

    def __init__(self, lattice: HexLattice, pooling: Sequence[str]) -> None:
        super().__init__()
        if isinstance(pooling, str) or not pooling or not set(pooling) <= set(SIZES):
            raise ValueError(f"pooling must be a list of {', '.join(map(repr, SIZES))}, got {pooling!r}")
        self.pooling = tuple(pooling)
        self.size = sum(SIZES[name] for name in self.pooling)
        self.register_buffer("places", torch.from_numpy(_places(lattice)), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat([self._pooled(name, pixels) for name in self.pooling], dim=1)

    def _pooled(self, name: str, pixels: Tensor) -> Tensor:
        if name == "centroid":
            weights = pixels.relu()
            total = weights.sum(dim=-1, keepdim=True)
            return (weights @ self.places.to(weights.dtype) / total.clamp_min(1e-6)).flatten(1)
        return pixels.mean(dim=-1) if name == "mean" else pixels.amax(dim=-1)

    def extra_repr(self) -> str:
        return ", ".join(self.pooling)


def _places(lattice: HexLattice) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    q, r = lattice.axial.T
    places = np.stack([q + r / 2, r * np.sqrt(0.75)], axis=1)
    places -= places.mean(axis=0)
    radius = np.hypot(*places.T).max()
    return (places / (radius or 1.0)).astype(np.float32)


__all__ = ["Pool"]

"""`Pool`: a few numbers of each channel, from its values at all pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import nn

from gammalearn_hexconv.lattice import HexLattice

SIZES = {"mean": 1, "max": 1, "centroid": 2}
"""Numbers that each way of pooling gives."""


class Pool(nn.Module):
    """What is taken of each channel over all pixels: ``(n, channels, n_pixels, 1)`` to ``(n, size * channels)``.

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
    >>> pool(torch.tensor([0.0, 2.0, 0.0]).reshape(1, 1, 3, 1))
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
        if "centroid" in self.pooling:
            self.register_buffer("places", torch.from_numpy(_places(lattice)), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat([self._pooled(name, pixels) for name in self.pooling], dim=1)

    def _pooled(self, name: str, pixels: Tensor) -> Tensor:
        if name == "mean":
            return pixels.mean(dim=(2, 3))
        if name == "max":
            return pixels.amax(dim=(2, 3))
        weights = pixels.squeeze(-1).relu()
        total = weights.sum(dim=-1, keepdim=True)
        return (weights @ self.places.to(weights.dtype) / total.clamp_min(1e-6)).flatten(1)

    def extra_repr(self) -> str:
        return ", ".join(self.pooling)


def _places(lattice: HexLattice) -> NDArray[np.float32]:
    if lattice.positions is None:
        raise ValueError("the centroid wants to know where the pixels are: leave it out of pooling")
    places = lattice.positions - lattice.positions.mean(axis=0)
    radius = np.hypot(*places.T).max()
    return np.asarray(places / (radius or 1.0), dtype=np.float32)


__all__ = ["SIZES", "Pool"]

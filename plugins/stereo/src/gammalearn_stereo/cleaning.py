"""`Cleaning`: the pixels of the shower, in images of one camera."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gammalearn_core.api import CameraGeometry

_SIGMA = 1.4826
"""Standard deviations in a median absolute deviation of normal noise."""


class Cleaning:
    """Tail cuts, and the island of the brightest pixel.

    Masks are ``(n, n_pixels)``, of bool.

    Examples
    --------
    >>> line = CameraGeometry(name="line", x=np.arange(7.0), y=np.zeros(7), area=np.ones(7), focal_length=28)
    >>> cleaning, charge = Cleaning(line), torch.tensor([[9.0, 5, 0, 8, 4, 1, 9]])
    >>> mask = cleaning.tail_cuts(charge, 8, 4)
    >>> mask.long().tolist()
    [[1, 1, 0, 1, 1, 0, 0]]
    >>> cleaning.main_island(charge, mask).long().tolist()
    [[1, 1, 0, 0, 0, 0, 0]]
    """

    def __init__(self, geometry: CameraGeometry) -> None:
        start, indices = geometry.neighbours
        counts = np.diff(start)
        # One row a neighbour; pixels with fewer have a pixel beside the camera, which is in no mask.
        table = np.full((max(int(counts.max(initial=0)), 1), geometry.n_pixels), geometry.n_pixels, dtype=np.int64)
        rank = np.arange(len(indices)) - np.repeat(start[:-1], counts)
        table[rank, np.repeat(np.arange(geometry.n_pixels), counts)] = indices
        self.neighbours = torch.from_numpy(table)

    def to(self, device: torch.device) -> None:
        """Take what it needs to a device."""
        self.neighbours = self.neighbours.to(device)

    def tail_cuts(self, charge: Tensor, picture: Tensor | float, boundary: Tensor | float) -> Tensor:
        """Pixels of at least the first charge with one of at least the second beside them, and these."""
        large, small = (charge >= picture).T, (charge >= boundary).T
        return ((large & self._beside(small)) | (small & self._beside(large))).T

    def main_island(self, charge: Tensor, mask: Tensor) -> Tensor:
        """What is connected in the mask with its brightest pixel."""
        if not mask.numel():
            return mask
        brightest = torch.where(mask, charge, charge.amin() - 1).argmax(dim=1, keepdim=True)
        within = mask.T.contiguous()
        island = torch.zeros_like(mask).scatter(1, brightest, torch.ones_like(brightest, dtype=torch.bool)).T & within
        while not torch.equal(grown := (island | self._beside(island)) & within, island):
            island = grown
        return island.T

    def _beside(self, marked: Tensor) -> Tensor:
        """Pixels with a neighbour that is marked, (n_pixels, n): so that whole rows are copied."""
        padded = F.pad(marked, (0, 0, 0, 1))
        beside = padded[self.neighbours[0]]
        for row in self.neighbours[1:]:
            beside |= padded[row]
        return beside


def noise(charge: Tensor) -> tuple[Tensor, Tensor]:
    """Median and standard deviation of the pixels without light, (n, 1) each, if most are."""
    middle = charge.median(dim=1, keepdim=True).values
    return middle, _SIGMA * (charge - middle).abs().median(dim=1, keepdim=True).values


__all__ = ["Cleaning", "noise"]

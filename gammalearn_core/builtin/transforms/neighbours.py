"""Sums over neighbouring pixels, for all images of a batch at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gammalearn_core.data.geometry import CameraGeometry


class Neighbours:
    """The neighbours of each pixel of a camera, of any lattice, as a sparse matrix.

    Examples
    --------
    >>> camera = CameraGeometry(name="row", x=[0, 1, 2], y=[0, 0, 0], area=[1, 1, 1], focal_length=28)
    >>> Neighbours(camera).sum(torch.tensor([[1.0, 10.0, 100.0]])).tolist()
    [[10.0, 101.0, 10.0]]
    """

    def __init__(self, geometry: CameraGeometry) -> None:
        start, indices = geometry.neighbours
        owner = np.repeat(np.arange(geometry.n_pixels), np.diff(start))
        self._matrix = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([owner, indices])),
            torch.ones(len(indices)),
            (geometry.n_pixels, geometry.n_pixels),
            check_invariants=True,
        ).coalesce()

    def sum(self, values: Tensor) -> Tensor:
        """For each pixel the sum of what its neighbours have, ``(n, n_pixels)`` float32; the pixel does not count."""
        if self._matrix.device != values.device:
            self._matrix = self._matrix.to(values.device)
        summed: Tensor = torch.sparse.mm(self._matrix, values.to(self._matrix.dtype).T)
        return summed.T

    def any(self, chosen: Tensor) -> Tensor:
        """Whether a neighbour of each pixel is chosen, ``(n, n_pixels)`` bool."""
        return self.sum(chosen) > 0


__all__ = ["Neighbours"]

"""Sums over neighbouring pixels, for all images of a batch at once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_core.data.geometry import CameraGeometry


class Neighbours:
    """The neighbours of each pixel of a camera, of any lattice, as a sparse matrix.

    A graph that is exported has a table of them instead, since files know no sparse matrices.

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
        self._table = torch.from_numpy(_table(start, indices))

    def sum(self, values: Tensor) -> Tensor:
        """For each pixel the sum of what its neighbours have, ``(n, n_pixels)`` float32; the pixel does not count."""
        if torch.compiler.is_compiling():
            padded = torch.nn.functional.pad(values.to(self._matrix.dtype), (0, 1))
            return padded[:, self._table.to(values.device)].sum(dim=2)
        if self._matrix.device != values.device:
            self._matrix = self._matrix.to(values.device)
        summed: Tensor = torch.sparse.mm(self._matrix, values.to(self._matrix.dtype).T)
        return summed.T

    def any(self, chosen: Tensor) -> Tensor:
        """Whether a neighbour of each pixel is chosen, ``(n, n_pixels)`` bool."""
        return self.sum(chosen) > 0


def _table(start: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Neighbours of each pixel in a row, ``(n_pixels, most)``; ``n_pixels``, which is none, where there are fewer."""
    counts = np.diff(start)
    table = np.full((len(counts), max(counts.max(initial=0), 1)), len(counts), dtype=np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    table[owner, np.arange(len(indices)) - start[owner]] = indices
    return table


__all__ = ["Neighbours"]

"""Mapping of camera pixels to a square grid."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.transforms.mapping import METHODS
from gammalearn_core.builtin.transforms.mapping import Mapping
from gammalearn_core.builtin.transforms.mapping import Method
from gammalearn_core.builtin.transforms.mapping import square_mapping
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


class ToSquare:
    """Maps images to a square grid, so that each pixel keeps its charge exactly, or each cell is a mean of pixels.

    Channels in ``conserve`` hold charge: what a pixel has is divided between its cells, whatever the method, and the
    sum of an image stays the same. In other channels, such as times, a cell is a mean of the pixels on it. Every
    pixel is on some cell; the grid is 0 outside the camera.

    With ``rebinning``, ``nearest``, ``bilinear`` and ``bicubic``, rows go along y and columns along x of the camera
    frame. With ``oversampling``, ``shifting`` and ``axial``, they follow lines of pixels instead, so that the image is
    turned (by 15 degrees at most if pixels are hexagons, other than with ``axial``) and stretched.

    Parameters
    ----------
    method : str
        ``bilinear`` interpolates linearly in the triangles between pixel centres, ``bicubic`` smoothly, with weights
        that may be negative, and ``nearest`` takes the nearest pixel. ``rebinning`` weights pixels, as hexagons or
        squares, with the area that they share with a cell. ``oversampling`` gives a pixel two by two cells, every
        other line of hexagons moved by one; ``shifting`` gives it one, every other line moved by half a pixel, and
        ``axial`` the one of its coordinates on the lattice.
    size : int, optional
        Rows and columns of the grid. By default cells are as large as the pixels (``nearest``: half as large on a
        side), or as small as it takes for each pixel to be on one. ``oversampling``, ``shifting`` and ``axial`` have
        as many as the lattice needs, and put the camera in the middle of a larger grid.
    conserve : sequence of str
        Channels that hold charge.

    Raises
    ------
    ValueError
        The images are on a grid already, a channel is missing, a pixel would be on no cell of so coarse a grid, or
        the method needs a lattice that the pixels are not on.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        method: Method = "bilinear",
        size: int | None = None,
        conserve: list[str] | tuple[str, ...] = ("image",),
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
        if size is not None and size < 2:
            raise ValueError(f"size must be at least 2, got {size}")
        for key, camera in inputs.cameras.items():
            if not camera.on_pixels:
                raise ValueError(f"the images of {key} are on a grid already")
            missing = [c for c in conserve if c not in camera.channels]
            if missing and tuple(conserve) != ("image",):
                raise ValueError(f"conserve: the images of {key} have no channel {missing[0]!r}")
        self.conserve = tuple(conserve)
        self._maps: dict[str, _Map] = {}
        shapes = {}
        for key, camera in inputs.cameras.items():
            mapping = square_mapping(camera.geometry, method=method, size=size, key=key)
            self._maps[key] = _Map.of(mapping)
            shapes[key] = {"shape": (mapping.n, mapping.n)}
        self.outputs = inputs.with_cameras(shapes)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return replace(batch, images={key: self._mapped(key, group) for key, group in batch.images.items()})

    def _mapped(self, key: str, group: Images) -> Images:
        if self._maps[key].weights.device != group.pixels.device:
            self._maps[key] = self._maps[key].to(group.pixels.device)
        charge = torch.tensor([name in self.conserve for name in group.channels], device=group.pixels.device)
        cells = self._maps[key].apply(group.pixels, charge[:, None])
        return replace(group, pixels=cells.reshape(*cells.shape[:2], *self.outputs.cameras[key].shape))


class _Map(NamedTuple):
    """A mapping in float32 on a device."""

    weights: Tensor
    """Sparse, (1, cells, pixels)."""
    per_pixel: Tensor
    per_cell: Tensor
    table: Tensor
    """Pixels of each cell in a row, (cells, most), and 0 where there are fewer: for graphs that are exported."""
    shares: Tensor
    """Weights of these, float32; 0 where there are fewer."""

    @classmethod
    def of(cls, mapping: Mapping) -> _Map:
        rows = mapping.weights.tocsr()
        found = rows.tocoo()
        index = np.stack([np.zeros_like(found.row), found.row, found.col])
        values = torch.from_numpy(found.data.astype(np.float32))
        weights = torch.sparse_coo_tensor(torch.from_numpy(index), values, (1, *found.shape), check_invariants=True)
        per_pixel, per_cell = (torch.from_numpy(f.astype(np.float32)) for f in (mapping.per_pixel, mapping.per_cell))
        counts = np.diff(rows.indptr)
        table = np.zeros((len(counts), max(counts.max(initial=0), 1)), dtype=np.int64)
        shares = np.zeros(table.shape, dtype=np.float32)
        place = np.arange(rows.nnz) - rows.indptr[found.row]
        table[found.row, place], shares[found.row, place] = rows.indices, rows.data
        return cls(weights.coalesce(), per_pixel, per_cell, torch.from_numpy(table), torch.from_numpy(shares))

    def to(self, device: torch.device) -> _Map:
        return _Map(*(part.to(device) for part in self))

    def apply(self, pixels: Tensor, charge: Tensor) -> Tensor:
        """Images ``(n, channels, pixels)`` to ``(n, channels, cells)``; ``charge``, (channels, 1), tells charge."""
        n, channels, _ = pixels.shape
        given = torch.where(charge, pixels * self.per_pixel, pixels).flatten(0, 1)
        if torch.compiler.is_compiling():  # files know no sparse matrices
            summed = (given[:, self.table] * self.shares).sum(dim=2)
        else:
            # Not torch.sparse.mm, whose sums on CUDA may come in another order each time; those of bmm do not.
            summed = torch.bmm(self.weights, given.T[None])[0].T
        cells = summed.reshape(n, channels, len(self.per_cell)).contiguous()
        return torch.where(charge, cells, cells * self.per_cell)


__all__ = ["ToSquare"]

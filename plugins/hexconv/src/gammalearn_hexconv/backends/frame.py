"""`AxialFrame`: the dense box in which a kernel on a lattice is a square kernel."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from gammalearn_hexconv.table import NeighbourTable
from gammalearn_hexconv.table import Stencil

_VIEWS = {
    "hexagonal": (
        np.array([(1, 0), (0, -1)]),
        np.array([(1, 1), (0, -1)]),
        np.array([(1, 0), (-1, -1)]),
    ),
    "square": (np.array([(1, 0), (0, -1)]),),
}
"""Rows and columns of a box, from axial coordinates: ``axial @ view.T``.

The steps of a hexagonal kernel are within its radius along each of the three axes of the lattice; two of these at a
time are rows and columns.
"""


class FrameTensors(NamedTuple):
    """A frame as tensors of int64."""

    cells: Tensor
    """Cell of the box that each input is in, (n_in,)."""
    out_cells: Tensor
    """Cell of the convolved box that each output is in, (n_out,)."""
    weights_at: Tensor
    """Tap at each place of the square kernel, (size * size,); ``n_taps`` where there is none."""


@frozen(eq=False, slots=False)
class AxialFrame:
    """The dense box in which a kernel on a lattice is a square kernel of a strided, padded convolution."""

    shape: tuple[int, int]
    """Rows and columns of the inputs' box."""
    out_shape: tuple[int, int]
    """Rows and columns of the outputs' box."""
    size: int
    """Side of the kernel."""
    stride: int
    dilation: int
    padding: tuple[int, int]
    fill: float
    """Share of the inputs' box that is occupied."""
    cells: NDArray[np.int64]
    out_cells: NDArray[np.int64]
    weights_at: NDArray[np.int64]

    @cached_property
    def tensors(self) -> FrameTensors:
        """The arrays as tensors on the CPU."""
        return FrameTensors(*map(torch.from_numpy, (self.cells, self.out_cells, self.weights_at)))

    @property
    def output_padding(self) -> tuple[int, int]:
        """Rows and columns that the outputs' box does not reach, which a transposed convolution must add."""
        span = self.dilation * (self.size - 1) + 1
        down, right = (
            size + 2 * pad - span - (out - 1) * self.stride
            for size, pad, out in zip(self.shape, self.padding, self.out_shape, strict=True)
        )
        return down, right


_FRAMES: WeakKeyDictionary[NeighbourTable, AxialFrame | None] = WeakKeyDictionary()


def axial_frame(table: NeighbourTable) -> AxialFrame | None:
    """The smallest box of a table; None if it is not that of a kernel on a lattice.

    That of a transposed convolution's table is that of the convolution.
    """
    if table not in _FRAMES:
        source = table if table.adjoint_of is None else table.adjoint_of
        known = source.stencil is not None and source.is_injective
        _FRAMES[table] = _smallest(source.stencil) if known and source.stencil is not None else None
    return _FRAMES[table]


def _smallest(stencil: Stencil) -> AxialFrame:
    frames = [_framed(stencil, view) for view in _VIEWS[stencil.kind]]
    return min(frames, key=lambda frame: frame.shape[0] * frame.shape[1])


def _framed(stencil: Stencil, view: NDArray[np.int64]) -> AxialFrame:
    points, centres, steps = (axial @ view.T for axial in (stencil.points, stencil.centres, stencil.steps))
    stride, dilation = stencil.stride, stencil.dilation
    radius = int(np.abs(steps).max())
    reach, size = radius * dilation, 2 * radius + 1
    phase = centres.min(axis=0) % stride
    first = np.minimum(centres.min(axis=0), (points.min(axis=0) + reach - phase) // stride * stride + phase)
    origin = np.minimum(points.min(axis=0), first)
    padding = reach + origin - first
    n_out = (centres.max(axis=0) - first) // stride + 1
    shape = np.maximum(points.max(axis=0) - origin + 1, (n_out - 1) * stride - 2 * padding + 2 * reach + 1)
    n_out = (shape + 2 * padding - 2 * reach - 1) // stride + 1
    weights_at = np.full((size, size), len(steps), dtype=np.int64)
    weights_at[tuple((steps + radius).T)] = np.arange(len(steps))
    return AxialFrame(
        shape=(int(shape[0]), int(shape[1])),
        out_shape=(int(n_out[0]), int(n_out[1])),
        size=size,
        stride=stride,
        dilation=dilation,
        padding=(int(padding[0]), int(padding[1])),
        fill=len(points) / float(shape.prod()),
        cells=_flat(points - origin, shape),
        out_cells=_flat((centres - first) // stride, n_out),
        weights_at=weights_at.ravel(),
    )


def _flat(places: NDArray[np.int64], shape: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(places[:, 0] * shape[1] + places[:, 1])


__all__ = ["AxialFrame", "FrameTensors", "axial_frame"]

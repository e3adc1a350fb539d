"""Pooling to a number of outputs that does not depend on the camera."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice.cells import cells
from gammalearn_hexconv.layout import pixels_last


class _HexAdaptivePool(nn.Module):
    order: Tensor

    def __init__(self, output_size: int, lattice: HexLattice) -> None:
        super().__init__()
        divided = cells(lattice, output_size)
        self.lattice, self.out_lattice = lattice, divided.lattice
        self.output_size, self.sizes = output_size, list(divided.sizes)
        self.register_buffer("order", torch.from_numpy(divided.order), persistent=False)

    def _reduced(self, image: Tensor, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        pixels, back = pixels_last(image, channels=None, n_pixels=self.lattice.n_pixels)
        if self.output_size > 1:
            pixels = pixels.index_select(1, self.order)
        parts = torch.split(pixels, self.sizes, dim=1)
        pooled = [reduce(part) if size else part.sum(dim=1) for part, size in zip(parts, self.sizes, strict=True)]
        return back(torch.stack(pooled, dim=1))

    def extra_repr(self) -> str:
        return f"{self.output_size}, {self.lattice.n_pixels} pixels, lattice={self.lattice.fingerprint}"


class HexAdaptiveAvgPool2d(_HexAdaptivePool):
    """The mean of the pixels of each cell that a camera is divided into.

    Takes ``(n, channels, lattice.n_pixels)`` and gives ``(n, channels, output_size)``, whatever the camera. With 1 it
    is the mean of all pixels. Hexagonal and irregular cameras are divided into a hexagon of cells as large as the
    camera, square ones into a square. A cell without pixels is 0.

    Parameters
    ----------
    output_size : int
        1, 7, 19, 37 and so on; 1, 4, 9 and so on for square pixels.
    lattice : HexLattice
        Where the pixels are.

    Attributes
    ----------
    out_lattice : HexLattice
        Where the cells are.

    Raises
    ------
    ValueError
        There is no hexagon or square of so many cells, or an input has another shape.

    Examples
    --------
    >>> import torch
    >>> pool = HexAdaptiveAvgPool2d(1, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> pool(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2.]]])
    """

    def forward(self, image: Tensor) -> Tensor:
        return self._reduced(image, lambda part: part.mean(dim=1))


class HexAdaptiveMaxPool2d(_HexAdaptivePool):
    """The largest of the pixels of each cell that a camera is divided into: see `HexAdaptiveAvgPool2d`.

    Examples
    --------
    >>> import torch
    >>> pool = HexAdaptiveMaxPool2d(1, HexLattice([(0, 0), (1, 0), (0, 1)]))
    >>> pool(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3.]]])
    """

    def forward(self, image: Tensor) -> Tensor:
        return self._reduced(image, lambda part: part.max(dim=1).values)


__all__ = ["HexAdaptiveAvgPool2d", "HexAdaptiveMaxPool2d"]

"""The names of IndexedConv, computed by this plug-in: what its own test-suite is pointed at.

`install` puts them where the package has its own. What a name does not do as there is said in its docstring.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch import nn

from gammalearn_hexconv import HexLattice
from gammalearn_hexconv import NeighbourTable
from gammalearn_hexconv import interop
from gammalearn_hexconv.functional import hex_avg_pool2d
from gammalearn_hexconv.functional import hex_conv2d
from gammalearn_hexconv.functional import hex_max_pool2d
from gammalearn_hexconv.lattice import taps
from gammalearn_hexconv.lattice.taps import LatticeKind


class IndexedConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, indices: Tensor, bias: bool = True) -> None:
        super().__init__()
        self.shape = out_channels, in_channels, len(indices)
        self.indices = indices
        self.weight = nn.Parameter(torch.empty(self.shape))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None

    def forward(self, image: Tensor) -> Tensor:
        table = NeighbourTable(self.indices.t(), image.shape[-1])
        return hex_conv2d(image, self.weight.view(self.shape), self.bias, table)


class IndexedMaxPool2d(nn.Module):
    def __init__(self, indices: Tensor) -> None:
        super().__init__()
        self.indices = indices

    def forward(self, image: Tensor) -> Tensor:
        return hex_max_pool2d(image, NeighbourTable(self.indices.t(), image.shape[-1]), indexedconv_compat=True)


class IndexedAveragePool2d(IndexedMaxPool2d):
    def forward(self, image: Tensor) -> Tensor:
        return hex_avg_pool2d(image, NeighbourTable(self.indices.t(), image.shape[-1]), indexedconv_compat=True)


class MaskedConv2d(nn.Conv2d):
    """With the padding that keeps the size of the image, and without a stride."""

    def forward(self, image: Tensor) -> Tensor:
        rows, columns = image.shape[-2:]
        lattice = HexLattice.from_index_matrix(np.arange(rows * columns).reshape(rows, columns))
        table = lattice.table(self.kernel_size[0] // 2)
        output = hex_conv2d(image.flatten(2), interop.from_square(self.weight), self.bias, table)
        return output.reshape(*output.shape[:2], rows, columns)


KINDS: dict[str, LatticeKind] = {"Hex": "hexagonal", "Pool": "hexagonal", "Square": "square"}


def create_index_matrix(rows: int, columns: int, injection: Any) -> Tensor:
    """Right also where rows and columns are not as many."""
    places = np.asarray(injection)
    lattice = HexLattice(np.column_stack([places // columns, -(places % columns)]))
    matrix = np.full((rows, columns), -1)
    found = lattice.index_matrix()
    matrix[: found.shape[0], : found.shape[1]] = found
    return torch.from_numpy(matrix)[None, None].float()


def neighbours_extraction(
    index_matrix: Tensor,
    kernel_type: str = "Hex",
    radius: int = 1,
    stride: int = 1,
    dilation: int = 1,
    retina: bool = False,
) -> Tensor:
    lattice = HexLattice.from_index_matrix(index_matrix.numpy(), kind=KINDS[kernel_type])
    if kernel_type == "Pool":
        rows = lattice.table(stride=2, kernel="rhombus", indexedconv_compat=True).rows
    elif retina:
        rows = _retina(lattice, radius, stride)
    elif radius == 0:
        # The first pixel of two by two, because a radius of 0 leaves out the last row and column as "Pool" does.
        rows = lattice.table(stride=stride, kernel="rhombus", indexedconv_compat=True).rows[:, :1]
    else:
        rows = lattice.table(radius, stride, dilation, indexedconv_compat=True).rows
    return torch.from_numpy(rows.T.astype(np.int64))


def _retina(lattice: HexLattice, radius: int, stride: int) -> Any:
    """Rings of a kernel of radius 1, each with its dilation: a table, as any other."""
    steps = {}
    for dilation in range(1, radius + 1):
        rows = lattice.table(1, stride, dilation, indexedconv_compat=True).rows
        near = taps.hexagon(1) if lattice.kind == "hexagonal" else taps.square(1)
        steps |= {(dilation * q, -dilation * r): rows[:, k] for k, (q, r) in enumerate(near.tolist())}
    return np.column_stack([steps[place] for place in sorted(steps)])


def pool_index_matrix(index_matrix: Tensor, kernel_type: str = "Pool", stride: int = 2) -> Tensor:
    lattice = HexLattice.from_index_matrix(index_matrix.numpy(), kind=KINDS[kernel_type])
    coarse = lattice.coarsen(
        stride, kernel="rhombus" if kernel_type == "Pool" else "neighbours", indexedconv_compat=True
    )
    return torch.from_numpy(coarse.index_matrix())[None, None].float()


def build_kernel(kernel_type: str, radius: int = 1, dilation: int = 1) -> Any:
    steps = (taps.hexagon if kernel_type == "Hex" else taps.square)(radius) * dilation
    kernel = np.zeros([2 * radius * dilation + 1] * 2)
    kernel[steps[:, 0] + radius * dilation, radius * dilation - steps[:, 1]] = 1
    return kernel


def img2mat(images: Tensor, index_matrix: Tensor) -> Tensor:
    i, j = np.nonzero(HexLattice.from_index_matrix(index_matrix.numpy()).index_matrix() >= 0)
    dense = images.new_zeros(*images.shape[:2], *index_matrix.shape[-2:])
    dense[:, :, i, j] = images[:, :, index_matrix[0, 0, i, j].long()]
    return dense


def mat2img(images: Tensor, index_matrix: Tensor) -> Tensor:
    matrix = HexLattice.from_index_matrix(index_matrix.numpy()).index_matrix()
    order = np.argsort(matrix.ravel())[(matrix < 0).sum() :]
    return images.flatten(2)[:, :, torch.from_numpy(order)]


ENGINE = (IndexedConv, IndexedMaxPool2d, IndexedAveragePool2d, MaskedConv2d)
UTILS = (create_index_matrix, neighbours_extraction, pool_index_matrix, build_kernel, img2mat, mat2img)


def install() -> None:
    """Put these where IndexedConv has its own."""
    import indexedconv.engine  # type: ignore[import-untyped]
    import indexedconv.utils  # type: ignore[import-untyped]

    for module, names in ((indexedconv.engine, ENGINE), (indexedconv.utils, UTILS)):
        for value in names:
            assert hasattr(module, value.__name__)
            setattr(module, value.__name__, value)


def pytest_configure() -> None:
    """As a plug-in of pytest, ``-p indexedconv_adapter``, before tests are imported."""
    install()

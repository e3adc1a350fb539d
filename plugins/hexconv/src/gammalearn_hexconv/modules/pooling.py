"""`HexMaxPool2d` and `HexAvgPool2d`: pooling over a pixel and its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import Choice
from gammalearn_hexconv.backends.choosing import choose_pool
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.functional import hex_avg_pool2d
from gammalearn_hexconv.functional import hex_max_pool2d
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.lattice import NeighbourTable
from gammalearn_hexconv.lattice.coarsening import Stride
from gammalearn_hexconv.lattice.taps import Kernel
from gammalearn_hexconv.modules.base import HexLayer


class _HexPool(HexLayer):
    def __init__(
        self,
        lattice: HexLattice | NeighbourTable,
        *,
        radius: int = 1,
        stride: Stride = 2,
        dilation: int = 1,
        kernel: Kernel = "neighbours",
        backend: Backend = "auto",
        indexedconv_compat: bool = False,
    ) -> None:
        super().__init__(lattice, radius, stride, dilation, backend, indexedconv_compat, kernel)
        self.site = Site(self.table)

    @property
    def _counts_missing(self) -> bool:
        return self.indexedconv_compat

    def chosen_backend(self) -> Choice:
        """What computes inputs of the default type of torch, and why."""
        dtype, device = torch.get_default_dtype(), self.site.rows.device
        return choose_pool(self.backend, self.site, like_indexedconv=self._counts_missing, dtype=dtype, device=device)


class HexMaxPool2d(_HexPool):
    """The largest of a pixel and its neighbours; those outside the camera are left out.

    Takes ``(n, channels, lattice.n_pixels)``, or with a last dimension of 1, or without the first, and gives as many
    dimensions with ``out_lattice.n_pixels``.

    Parameters
    ----------
    lattice : HexLattice or NeighbourTable
        Where the input's pixels are; or which of them each output sees, and then the numbers do not matter.
    radius : int
        Pixels from the middle of the kernel to its rim.
    stride : int or "sqrt7"
        With 2 or more the output is on `HexLattice.coarsen`, with 1 on the same pixels. ``"sqrt7"`` makes one output of
        seven pixels that do not overlap: of the modules of LSTCam and NectarCam.
    dilation : int
        Pixels from one tap to the next.
    kernel : {"neighbours", "rhombus"}
        All pixels up to the radius, or two by two as the kernel "Pool" of IndexedConv.
    backend : {"auto", "indirect", "gather", "reference"}
        What computes it: see `backend_report`.
    indexedconv_compat : bool
        Whether outputs are those of IndexedConv and in its order, and a missing pixel counts as 0.

    Attributes
    ----------
    out_lattice : HexLattice
        Where the output's pixels are.

    Raises
    ------
    ValueError
        A parameter is wrong, or an input has another shape.

    Examples
    --------
    >>> import torch
    >>> pool = HexMaxPool2d(HexLattice([(0, 0), (1, 0), (0, 1)]), stride=1)
    >>> pool(torch.tensor([[[-1.0, -2.0, -3.0]]]))
    tensor([[[-1., -1., -1.]]])
    """

    def forward(self, image: Tensor) -> Tensor:
        return hex_max_pool2d(image, self.site, backend=self.backend, indexedconv_compat=self.indexedconv_compat)


class HexAvgPool2d(_HexPool):
    """The mean of a pixel and its neighbours; those outside the camera are left out.

    Parameters
    ----------
    lattice, radius, stride, dilation, kernel, backend
        As of `HexMaxPool2d`.
    count_include_pad : bool
        Whether what is outside the camera counts, as zeros.
    indexedconv_compat : bool
        Whether outputs are those of IndexedConv and in its order, and what is missing counts.

    Attributes
    ----------
    out_lattice : HexLattice
        Where the output's pixels are.

    Raises
    ------
    ValueError
        A parameter is wrong, or an input has another shape.

    Examples
    --------
    >>> import torch
    >>> pool = HexAvgPool2d(HexLattice([(0, 0), (1, 0), (0, 1)]), stride=1)
    >>> pool(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 2., 2.]]])
    """

    def __init__(
        self,
        lattice: HexLattice | NeighbourTable,
        *,
        radius: int = 1,
        stride: Stride = 2,
        dilation: int = 1,
        kernel: Kernel = "neighbours",
        count_include_pad: bool = False,
        backend: Backend = "auto",
        indexedconv_compat: bool = False,
    ) -> None:
        super().__init__(
            lattice,
            radius=radius,
            stride=stride,
            dilation=dilation,
            kernel=kernel,
            backend=backend,
            indexedconv_compat=indexedconv_compat,
        )
        self.count_include_pad = count_include_pad

    @property
    def _counts_missing(self) -> bool:
        return self.count_include_pad or self.indexedconv_compat

    def forward(self, image: Tensor) -> Tensor:
        return hex_avg_pool2d(image, self.site, count_include_pad=self._counts_missing, backend=self.backend)


__all__ = ["HexAvgPool2d", "HexMaxPool2d"]

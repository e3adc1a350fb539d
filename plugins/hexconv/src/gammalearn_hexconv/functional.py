"""Convolution and pooling over neighbours, as functions.

All take ``(n, channels, n_in)``, or with a last dimension of 1, or without the first one, of any strides, and give the
same number of dimensions, stored channels-last.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from gammalearn_hexconv.backends.choosing import AVG_POOLS
from gammalearn_hexconv.backends.choosing import CONVS
from gammalearn_hexconv.backends.choosing import MAX_POOLS
from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import check_backend
from gammalearn_hexconv.backends.choosing import choose_conv
from gammalearn_hexconv.backends.choosing import choose_pool
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.backends.site import site_of
from gammalearn_hexconv.backends.weights import swapped
from gammalearn_hexconv.layout import autocast
from gammalearn_hexconv.layout import pixels_last
from gammalearn_hexconv.table import NeighbourTable


def hex_conv2d(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: NeighbourTable | Site,
    *,
    groups: int = 1,
    backend: Backend = "auto",
) -> Tensor:
    """Convolve over the pixels that a table says; those that are missing count as zero.

    Parameters
    ----------
    image : Tensor, (n, in_channels, table.n_in)
    weight : Tensor, (out_channels, in_channels // groups, table.n_taps)
    bias : Tensor, (out_channels,), or None
    table : NeighbourTable
        Which inputs each output sees, as of `HexLattice.table`.
    groups : int
        Groups of channels that do not see each other.
    backend : {"auto", "indirect", "axial", "gather", "reference"}
        What computes it.

    Returns
    -------
    Tensor, (n, out_channels, table.n_out)

    Raises
    ------
    ValueError
        Shapes do not match, or the backend cannot do it.
    TypeError
        The input and the weights are not of one floating type.

    Examples
    --------
    >>> import torch
    >>> table = NeighbourTable([(0, 1), (1, 2), (2, -1)], n_in=3)
    >>> hex_conv2d(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[1.0, 10.0]]]), None, table)
    tensor([[[21., 32.,  3.]]])
    """
    check_backend(backend)
    site = table if isinstance(table, Site) else site_of(table, image.device)
    _check_weight(weight, bias, site.n_taps, groups)
    pixels, back = pixels_last(image, channels=weight.shape[1] * groups, n_pixels=site.n_in)
    return back(_conv(pixels, weight, bias, site, groups, backend))


def hex_conv_transpose2d(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: NeighbourTable | Site,
    *,
    groups: int = 1,
    backend: Backend = "auto",
) -> Tensor:
    """Give what `hex_conv2d` with these weights would give as the gradient of its input.

    Parameters
    ----------
    image : Tensor, (n, in_channels, table.n_out)
    weight : Tensor, (in_channels, out_channels // groups, table.n_taps)
    bias : Tensor, (out_channels,), or None
    table : NeighbourTable
        That of the convolution that is transposed.
    groups, backend
        As of `hex_conv2d`.

    Returns
    -------
    Tensor, (n, out_channels, table.n_in)

    Examples
    --------
    >>> import torch
    >>> table = NeighbourTable([(0, 1), (1, 2), (2, -1)], n_in=3)
    >>> hex_conv_transpose2d(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[1.0, 10.0]]]), None, table)
    tensor([[[ 1., 12., 23.]]])
    """
    check_backend(backend)
    site = table if isinstance(table, Site) else site_of(table.transposed, image.device)
    _check_weight(weight, None, site.n_source_taps, groups)
    pixels, back = pixels_last(image, channels=weight.shape[0], n_pixels=site.n_in)
    weights = swapped(weight, groups)
    if site.source_taps is not None:
        weights = weights.index_select(2, site.source_taps)
    _check_weight(weights, bias, site.n_taps, groups)
    return back(_conv(pixels, weights, bias, site, groups, backend))


def hex_max_pool2d(
    image: Tensor, table: NeighbourTable | Site, *, backend: Backend = "auto", indexedconv_compat: bool = False
) -> Tensor:
    """Take the largest of the pixels that each output sees.

    Of several equal ones the first gets the gradient; NaN counts as the largest, as in torch. An output that sees no
    pixel is 0.

    Parameters
    ----------
    image : Tensor, (n, channels, table.n_in)
    table : NeighbourTable
    backend : {"auto", "indirect", "gather", "reference"}
        What computes it. IndexedConv itself can do it only as with ``indexedconv_compat``.
    indexedconv_compat : bool
        Whether a missing pixel counts as 0, as in IndexedConv, instead of being left out.

    Returns
    -------
    Tensor, (n, channels, table.n_out)

    Examples
    --------
    >>> import torch
    >>> table = NeighbourTable([(0, 1), (1, 2), (2, -1)], n_in=3)
    >>> hex_max_pool2d(torch.tensor([[[1.0, -2.0, -3.0]]]), table)
    tensor([[[ 1., -2., -3.]]])
    """
    site, pixels, back = _pooled(image, table, backend)
    choice = choose_pool(backend, site, like_indexedconv=indexedconv_compat, dtype=image.dtype, device=image.device)
    return back(MAX_POOLS[choice.backend](pixels, site, indexedconv_compat))


def hex_avg_pool2d(
    image: Tensor,
    table: NeighbourTable | Site,
    *,
    count_include_pad: bool = False,
    backend: Backend = "auto",
    indexedconv_compat: bool = False,
) -> Tensor:
    """Take the mean of the pixels that each output sees.

    Parameters
    ----------
    image : Tensor, (n, channels, table.n_in)
    table : NeighbourTable
    count_include_pad : bool
        Whether missing pixels count, as zeros, instead of being left out. An output that sees no pixel is 0.
    backend : {"auto", "indirect", "gather", "reference"}
        What computes it. IndexedConv itself can do it only with missing pixels counted.
    indexedconv_compat : bool
        The same as ``count_include_pad``, which is what IndexedConv does.

    Returns
    -------
    Tensor, (n, channels, table.n_out)

    Examples
    --------
    >>> import torch
    >>> table = NeighbourTable([(0, 1), (1, 2), (2, -1)], n_in=3)
    >>> hex_avg_pool2d(torch.tensor([[[1.0, 2.0, 3.0]]]), table)
    tensor([[[1.5000, 2.5000, 3.0000]]])
    """
    counted = count_include_pad or indexedconv_compat
    site, pixels, back = _pooled(image, table, backend)
    choice = choose_pool(backend, site, like_indexedconv=counted, dtype=image.dtype, device=image.device)
    return back(AVG_POOLS[choice.backend](pixels, site, counted))


def _pooled(
    image: Tensor, table: NeighbourTable | Site, backend: str
) -> tuple[Site, Tensor, Callable[[Tensor], Tensor]]:
    check_backend(backend)
    site = table if isinstance(table, Site) else site_of(table, image.device)
    return site, *pixels_last(image, channels=None, n_pixels=site.n_in)


def _conv(pixels: Tensor, weight: Tensor, bias: Tensor | None, site: Site, groups: int, backend: Backend) -> Tensor:
    pixels, weight, bias = autocast(pixels, weight, bias)
    _check_alike(pixels, weight, bias)
    choice = choose_conv(
        backend,
        site,
        in_channels=pixels.shape[2],
        groups=groups,
        dtype=pixels.dtype,
        device=pixels.device,
    )
    return CONVS[choice.backend](pixels, weight, bias, site, groups)


def _check_alike(pixels: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for other, what in ((weight, "weights are"), (bias, "bias is")):
        if other is not None and other.dtype != pixels.dtype:
            raise TypeError(f"the input is {pixels.dtype} but the {what} {other.dtype}: convert one of them")
        if other is not None and other.device != pixels.device:
            raise ValueError(f"the input is on {pixels.device} but the {what} on {other.device}: move one of them")


def _check_weight(weight: Tensor, bias: Tensor | None, n_taps: int, groups: int) -> None:
    if groups < 1:
        raise ValueError(f"groups must be a whole number above 0, got {groups!r}")
    if weight.ndim != 3 or weight.shape[2] != n_taps or weight.shape[0] % groups:
        raise ValueError(
            f"expected weights of the shape (out_channels, in_channels // groups, {n_taps}) with as many outputs a "
            f"group, got {tuple(weight.shape)} for {groups} groups"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"expected a bias of the shape ({weight.shape[0]},), got {tuple(bias.shape)}")


__all__ = ["hex_avg_pool2d", "hex_conv2d", "hex_conv_transpose2d", "hex_max_pool2d"]

"""The convolution of the package IndexedConv itself, to compare with."""

from __future__ import annotations

import torch
from torch import Tensor

from gammalearn_hexconv.backends.site import Site


def why_not(groups: int) -> str | None:
    """Why the package cannot do it; None if it can."""
    if groups > 1:
        return "IndexedConv has no groups"
    try:
        import indexedconv  # noqa: F401
    except ImportError:
        return "the package is not installed: pip install IndexedConv==1.3.2"
    return None


def conv2d(pixels: Tensor, weight: Tensor, bias: Tensor | None, site: Site, groups: int) -> Tensor:
    """Convolve ``(n, n_in, in_channels)`` to ``(n, n_out, out_channels)``."""
    from indexedconv.engine import IndexedConv

    # It draws weights when it is made, which must not change what is drawn elsewhere.
    with torch.random.fork_rng(devices=[]):
        layer = IndexedConv(weight.shape[1], weight.shape[0], site.rows.t().long(), bias=bias is not None).to(pixels)
    parameters = {"weight": weight.contiguous()} | ({} if bias is None else {"bias": bias})
    output: Tensor = torch.func.functional_call(layer, parameters, pixels.transpose(1, 2))
    return output.transpose(1, 2)


def max_pool2d(pixels: Tensor, site: Site, missing_is_zero: bool) -> Tensor:
    """Pool ``(n, n_in, channels)`` to ``(n, n_out, channels)``; a missing pixel counts as 0."""
    from indexedconv.engine import IndexedMaxPool2d

    output: Tensor = IndexedMaxPool2d(site.rows.t().long()).to(pixels)(pixels.transpose(1, 2))
    return output.transpose(1, 2)


def avg_pool2d(pixels: Tensor, site: Site, missing_is_zero: bool) -> Tensor:
    """Pool ``(n, n_in, channels)`` to ``(n, n_out, channels)``; a missing pixel counts as 0."""
    from indexedconv.engine import IndexedAveragePool2d

    output: Tensor = IndexedAveragePool2d(site.rows.t().long()).to(pixels)(pixels.transpose(1, 2))
    return output.transpose(1, 2)


__all__ = ["avg_pool2d", "conv2d", "max_pool2d", "why_not"]

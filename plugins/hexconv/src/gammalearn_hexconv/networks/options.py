"""`ConvOptions`: what all convolutions of a network have in common."""

from __future__ import annotations

from typing import TypedDict

from gammalearn_hexconv.backends import Backend


class ConvOptions(TypedDict, total=False):
    """Keywords that blocks hand on to `gammalearn_hexconv.HexConv2d`."""

    radius: int
    """Pixels from the middle of the kernel to its rim."""
    backend: Backend
    """What computes them."""
    indexedconv_compat: bool
    """Whether strided convolutions have the output pixels of IndexedConv."""


__all__ = ["ConvOptions"]

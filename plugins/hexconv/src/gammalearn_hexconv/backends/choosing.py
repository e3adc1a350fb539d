"""Which backend a layer runs on, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from typing import NamedTuple
from typing import get_args

import torch
from torch import Tensor

from gammalearn_hexconv.backends import axial
from gammalearn_hexconv.backends import gather
from gammalearn_hexconv.backends import indirect
from gammalearn_hexconv.backends import pooling
from gammalearn_hexconv.backends import reference
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.backends.tracing import is_exported

Backend = Literal["auto", "indirect", "axial", "gather", "reference"]
_BACKENDS = get_args(Backend)
Conv = Callable[[Tensor, Tensor, Tensor | None, Site, int], Tensor]

CONVS: dict[str, Conv] = {
    "indirect": indirect.conv2d,
    "axial": axial.conv2d,
    "gather": gather.conv2d,
    "reference": reference.conv2d,
}
Pool = Callable[[Tensor, Site, bool], Tensor]
MAX_POOLS: dict[str, Pool] = {
    "indirect": indirect.max_pool2d,
    "gather": pooling.max_pool2d,
    "reference": reference.max_pool2d,
}
AVG_POOLS: dict[str, Pool] = {
    "indirect": indirect.avg_pool2d,
    "gather": pooling.avg_pool2d,
    "reference": reference.avg_pool2d,
}
_NO_KERNEL = "the outputs are not those of a kernel on a lattice"
_MISSING = "IndexedConv counts missing pixels as zeros"
_FILL = 0.5
"""Share of the box that must be occupied for a dense convolution to be worth it."""
_CHANNELS = 8
"""Input channels from which a dense convolution is faster than a gathered one."""


class Choice(NamedTuple):
    """A backend and the reason for it."""

    backend: str
    reason: str


def check_backend(backend: str) -> None:
    """Refuse a name that is none.

    Raises
    ------
    ValueError
        It is none.
    """
    if backend not in _BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, _BACKENDS))}, got {backend!r}")


def choose_conv(
    backend: str, site: Site, *, in_channels: int, groups: int, dtype: torch.dtype, device: torch.device
) -> Choice:
    """The backend for a convolution.

    Parameters
    ----------
    backend : str
        ``auto``, or one that is wanted.
    site : Site
        Which inputs the outputs see.
    in_channels, groups : int
    dtype, device
        Of the input.

    Raises
    ------
    ValueError
        The wanted backend cannot do it; the message says why.
    """
    if backend == "auto" or _left_out(backend):
        return _automatic(site, in_channels, dtype, device)
    if (reason := _why_not(backend, site, groups, dtype, device)) is not None:
        raise ValueError(f"the backend {backend!r} cannot run this layer: {reason}. Use backend='auto'")
    return Choice(backend, "it is asked for")


def choose_pool(
    backend: str, site: Site, *, like_indexedconv: bool, dtype: torch.dtype, device: torch.device
) -> Choice:
    """The backend for a pooling.

    Raises
    ------
    ValueError
        The wanted backend cannot do it; the message says why.
    """
    why_not = indirect.why_not(dtype, device)
    if backend == "auto" or _left_out(backend):
        if is_exported():
            return Choice("gather", "the layer is being exported")
        return Choice("gather", why_not) if why_not else Choice("indirect", "the compiled kernel is there")
    missing = None if like_indexedconv or site.is_complete else _MISSING
    reasons = {
        "axial": "poolings are not computed in a dense box",
        "indirect": why_not,
        "reference": missing or reference.why_not(groups=1),
    }
    if (reason := reasons.get(backend)) is not None:
        raise ValueError(f"the backend {backend!r} cannot run this layer: {reason}. Use backend='auto'")
    return Choice(backend, "it is asked for")


def _left_out(backend: str) -> bool:
    """Whether a graph is made that is to be run without the compiled kernel, which the layer asks for."""
    return backend == "indirect" and is_exported()


def _why_not(backend: str, site: Site, groups: int, dtype: torch.dtype, device: torch.device) -> str | None:
    if backend == "indirect":
        return indirect.why_not(dtype, device)
    if backend == "reference":
        return reference.why_not(groups)
    return _NO_KERNEL if backend == "axial" and site.frame is None else None


def _automatic(site: Site, in_channels: int, dtype: torch.dtype, device: torch.device) -> Choice:
    why_not = "the layer is being exported" if is_exported() else indirect.why_not(dtype, device)
    if why_not is None:
        return Choice("indirect", "the compiled kernel is there")
    if (slow := _why_not_dense(site, in_channels)) is not None:
        return Choice("gather", f"{why_not}; {slow}")
    return Choice("axial", why_not)


def _why_not_dense(site: Site, in_channels: int) -> str | None:
    if site.frame is None:
        return _NO_KERNEL
    if site.frame.fill <= _FILL:
        return f"only {site.frame.fill:.0%} of a dense box would be occupied"
    return f"{in_channels} channels are too few for a dense box" if in_channels < _CHANNELS else None


__all__ = ["AVG_POOLS", "CONVS", "MAX_POOLS", "Backend", "Choice", "check_backend", "choose_conv", "choose_pool"]

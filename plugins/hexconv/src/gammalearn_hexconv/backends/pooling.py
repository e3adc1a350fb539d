"""Gathered pooling: tap by tap, so that nothing larger than the output is made."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.autograd.function import once_differentiable

from gammalearn_hexconv.backends.gathering import Gathering
from gammalearn_hexconv.backends.site import Site
from gammalearn_hexconv.backends.tracing import is_followed


def max_pool2d(pixels: Tensor, site: Site, missing_is_zero: bool) -> Tensor:
    """Pool ``(n, n_in, channels)`` to ``(n, n_out, channels)``; missing pixels are left out or count as zeros."""
    fill = 0.0 if missing_is_zero else -torch.inf
    if is_followed():
        output = _taps(F.pad(pixels, (0, 0, 0, 1), value=fill), site).amax(dim=2)
    else:
        output = _Max.apply(pixels, Gathering.of(site), site.inverse_taps, fill)  # type: ignore[no-untyped-call]
    return without_blind(output, site)


def avg_pool2d(pixels: Tensor, site: Site, missing_is_zero: bool) -> Tensor:
    """Pool ``(n, n_in, channels)`` to ``(n, n_out, channels)``; missing pixels are left out or count as zeros."""
    wide = pixels.to(torch.promote_types(pixels.dtype, torch.float32))
    total = _summed(wide, site)
    if missing_is_zero:
        return (total / site.n_taps).to(pixels.dtype)
    counts = (site.rows >= 0).sum(dim=1, keepdim=True).clamp(min=1)
    return (total / counts).to(pixels.dtype)


def without_blind(output: Tensor, site: Site) -> Tensor:
    """The same with zeros where an output sees no pixel."""
    if not site.has_blind:
        return output
    return output.masked_fill((site.rows < 0).all(dim=1, keepdim=True), 0.0)


def _summed(pixels: Tensor, site: Site) -> Tensor:
    if is_followed():
        return _taps(F.pad(pixels, (0, 0, 0, 1)), site).sum(dim=2)
    total: Tensor = _Sum.apply(pixels, Gathering.of(site))  # type: ignore[no-untyped-call]
    return total


def _taps(padded: Tensor, site: Site) -> Tensor:
    n, _, channels = padded.shape
    return padded.index_select(1, site.seen).view(n, site.n_out, site.n_taps, channels)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(pixels: Tensor, gathering: Gathering) -> Tensor:
        padded = F.pad(pixels, (0, 0, 0, 1))
        total = pixels.new_zeros(pixels.shape[0], gathering.table.n_out, pixels.shape[2])
        for rows in gathering.seen.view(-1, gathering.table.n_taps).t():
            total += padded.index_select(1, rows)
        return total

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Gathering], output: Tensor) -> None:
        ctx.gathering = inputs[1]  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        backwards = ctx.gathering.backwards  # type: ignore[attr-defined]
        return _Sum.apply(gradient, backwards), None  # type: ignore[no-untyped-call]


class _Max(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, pixels: Tensor, gathering: Gathering, taps: Tensor, fill: float) -> Tensor:
        padded = F.pad(pixels, (0, 0, 0, 1), value=fill)
        columns = gathering.seen.view(-1, gathering.table.n_taps).t()
        largest = padded.index_select(1, columns[0])
        which = torch.zeros_like(largest, dtype=torch.int16)
        for tap, rows in enumerate(columns[1:], start=1):
            value = padded.index_select(1, rows)
            larger = (value > largest) | value.isnan()
            largest = torch.where(larger, value, largest)
            which.masked_fill_(larger, tap)
        ctx.save_for_backward(which, gathering.seeing, taps)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        which, seeing, taps = ctx.saved_tensors  # type: ignore[attr-defined]
        gradient, which = F.pad(gradients[0], (0, 0, 0, 1)), F.pad(which, (0, 0, 0, 1), value=-1)
        columns = seeing.view(-1, len(taps)).t()
        total = gradient.new_zeros(gradient.shape[0], columns.shape[1], gradient.shape[2])
        for rows, tap in zip(columns, taps.tolist(), strict=True):
            total += gradient.index_select(1, rows) * (which.index_select(1, rows) == tap)
        return total, None, None, None


__all__ = ["avg_pool2d", "max_pool2d", "without_blind"]

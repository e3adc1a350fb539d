"""Extremes of tensors, and what in them is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from attrs import define
from attrs import field
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images


@define(kw_only=True)
class Range:
    """Of all tensors that were added.

    Examples
    --------
    >>> found = Range()
    >>> found.add(torch.tensor([1.0, float("nan"), 3.0]))
    >>> found.low, found.high, found.mean, found.nan
    (1.0, 3.0, 2.0, 1)
    """

    low: float = math.inf
    high: float = -math.inf
    nan: int = 0
    infinite: int = 0
    count: int = 0
    """Numbers that are finite."""
    total: float = 0.0

    def add(self, values: Tensor) -> None:
        """Take these numbers into account."""
        values = values.detach()
        if not values.is_floating_point():
            values = values.double()
        finite = values[torch.isfinite(values)]
        nan = int(torch.isnan(values).sum())
        self.nan += nan
        self.infinite += values.numel() - finite.numel() - nan
        if finite.numel():
            self.low = min(self.low, float(finite.min()))
            self.high = max(self.high, float(finite.max()))
            self.total += float(finite.double().sum())
            self.count += finite.numel()

    @property
    def mean(self) -> float:
        """NaN if there is no number."""
        return self.total / self.count if self.count else math.nan


@define(kw_only=True)
class Channel(Range):
    """One channel of the images of a camera."""

    empty: int = 0
    """Images of which it is zero everywhere."""
    images: int = 0

    def add(self, values: Tensor) -> None:
        """Take ``(n_images, …)`` into account."""
        Range.add(self, values)
        self.images += len(values)
        self.empty += int((values.detach() == 0).flatten(1).all(1).sum()) if len(values) else 0


@define
class ImageRanges:
    """Channels of cameras at one place of the way from a file to the network."""

    channels: dict[tuple[str, str], Channel] = field(factory=dict)
    """By camera and channel."""
    shapes: dict[str, str] = field(factory=dict)
    """By camera: shape and type of the first batch."""

    def add(self, batch: Batch) -> None:
        """Take a batch into account."""
        for key, group in batch.images.items():
            self.shapes.setdefault(key, f"{tuple(group.pixels.shape)} {str(group.pixels.dtype).removeprefix('torch.')}")
            for number, name in enumerate(_names(group)):
                self.channels.setdefault((key, name), Channel()).add(group.pixels[:, number])

    @property
    def is_finite(self) -> bool:
        """Whether all that was seen are finite numbers."""
        return not any(c.nan or c.infinite for c in self.channels.values())


def _names(group: Images) -> Iterable[str]:
    known = group.channels
    return known if len(known) == group.pixels.shape[1] else map(str, range(group.pixels.shape[1]))


__all__ = ["Channel", "ImageRanges", "Range"]

"""`Groups`: images of events that have as many, so that they are whole blocks without padding."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor


@frozen
class Groups:
    """How images are ordered, by the multiplicity of their events, then by event and by telescope.

    The images of events of one multiplicity ``m`` are ``k * m`` rows that follow each other, seen as ``(k, m, ...)``.
    Pairs of images of an event, of each with itself too, are ``k * m * m`` rows, in the same way.

    Attributes
    ----------
    order : Tensor of int, (n,)
        The images as they were given, in the order of the groups.
    event : Tensor of int, (n,)
        Event of each image, in the order of the groups.
    place : Tensor of int, (n_events,)
        Where each event is among those of all groups; those without images are first.
    blocks : tuple of (int, int)
        Events and multiplicity of each group, that of 0 left out.
    multiplicity : Tensor of int, (n_events,)
    """

    order: Tensor
    event: Tensor
    place: Tensor
    blocks: tuple[tuple[int, int], ...]
    multiplicity: Tensor

    @classmethod
    def of(cls, event: Tensor, telescope: Tensor, n_events: int) -> Groups:
        """Groups of images, by event and telescope, (n,).

        Examples
        --------
        >>> groups = Groups.of(torch.tensor([0, 2, 0]), torch.tensor([5, 1, 3]), 3)
        >>> groups.order.tolist(), groups.blocks, groups.place.tolist()
        ([1, 2, 0], ((1, 1), (1, 2)), [2, 0, 1])
        """
        multiplicity = torch.zeros(n_events, dtype=torch.int64, device=event.device)
        multiplicity = multiplicity.index_add(0, event, torch.ones_like(event))
        order = torch.argsort(telescope, stable=True)
        order = order[torch.argsort(event[order], stable=True)]
        order = order[torch.argsort(multiplicity[event[order]], stable=True)]
        ranked = torch.argsort(multiplicity, stable=True)
        place = torch.empty_like(ranked)
        place[ranked] = torch.arange(n_events, device=event.device)
        sizes, counts = torch.unique(multiplicity, return_counts=True)
        blocks = tuple((k, m) for m, k in zip(sizes.tolist(), counts.tolist(), strict=True) if m)
        return cls(order, event[order], place, blocks, multiplicity)

    @property
    def n_events(self) -> int:
        """Events, also those without images."""
        return len(self.place)

    def images(self, values: Tensor) -> Iterator[Tensor]:
        """Values of images, (n, ...), as (k, m, ...) of each group."""
        start = 0
        for k, m in self.blocks:
            yield values[start : start + k * m].view(k, m, *values.shape[1:])
            start += k * m

    def pairs(self, values: Tensor) -> Iterator[Tensor]:
        """Values of pairs, (n_pairs, ...), as (k, m, m, ...) of each group."""
        start = 0
        for k, m in self.blocks:
            yield values[start : start + k * m * m].view(k, m, m, *values.shape[1:])
            start += k * m * m

    def of_pairs(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Values of the first and of the second image of each pair, (n_pairs, ...)."""
        ones = [v[:, :, None].expand(-1, -1, v.shape[1], *v.shape[2:]).flatten(0, 2) for v in self.images(one)]
        others = [v[:, None].expand(-1, v.shape[1], *v.shape[1:]).flatten(0, 2) for v in self.images(other)]
        return _joined(ones, one), _joined(others, other)

    def of_events(self, parts: Sequence[Tensor], like: Tensor) -> Tensor:
        """Values (k, ...) of each group as (n_events, ...) in the batch's order; 0 for events without images."""
        found = sum(k for k, _ in self.blocks)
        shape = parts[0].shape[1:] if parts else like.shape[1:]
        none = like.new_zeros(self.n_events - found, *shape)
        return torch.cat([none, *parts])[self.place]

    def mean(self, values: Tensor, logits: Tensor) -> Tensor:
        """Means over images by the softmax of logits: (n, heads, d) and (n, heads) to (n_events, heads, d)."""
        split = zip(self.images(values), self.images(logits), strict=True)
        return self.of_events([(w.softmax(dim=1)[..., None] * v).sum(dim=1) for v, w in split], values)

    def pair_mean(self, values: Tensor, logits: Tensor) -> Tensor:
        """The same over all pairs: (n_pairs, d) and (n_pairs,) to (n_events, d)."""
        split = zip(self.pairs(values), self.pairs(logits), strict=True)
        means = [(w.flatten(1).softmax(dim=1)[..., None] * v.flatten(1, 2)).sum(dim=1) for v, w in split]
        return self.of_events(means, values)


def _joined(parts: list[Tensor], like: Tensor) -> Tensor:
    return torch.cat(parts) if parts else like[:0]


__all__ = ["Groups"]

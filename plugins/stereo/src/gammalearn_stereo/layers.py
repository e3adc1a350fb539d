"""Layers over the images of events."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_stereo.groups import Groups


class PairAttention(nn.Module):
    """Self-attention among the images of each event, then a hidden layer; both beside a shortcut.

    What is known of a pair of images adds to how much one attends to the other, and to what it takes from it.

    Parameters
    ----------
    width : int
        Numbers of an image.
    pair : int
        Numbers of a pair.
    heads : int
        Divides ``width``.
    dropout : float

    Examples
    --------
    >>> groups = Groups.of(torch.tensor([0, 0, 2]), torch.tensor([1, 2, 1]), 3)
    >>> layer = PairAttention(8, 4, heads=2)
    >>> layer(torch.zeros(3, 8), torch.zeros(5, 4), groups).shape
    torch.Size([3, 8])
    """

    def __init__(self, width: int, pair: int, *, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.bias = nn.Linear(pair, heads)
        self.values = nn.Linear(pair, width, bias=False)
        self.out = nn.Linear(width, width)
        self.hidden = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor, pairs: Tensor, groups: Groups) -> Tensor:
        """Images (n, width) and pairs (n_pairs, pair), in the order of the groups, to (n, width)."""
        split = (self.heads, -1)
        query, key, value = (t.unflatten(1, split) for t in self.query_key_value(self.before(images)).chunk(3, dim=1))
        parts = zip(
            groups.images(query),
            groups.images(key),
            groups.images(value),
            groups.pairs(self.bias(pairs)),
            groups.pairs(self.values(pairs).unflatten(1, split)),
            strict=True,
        )
        attended = [_attend(*part).flatten(0, 1).flatten(1) for part in parts]
        images = images + self.dropout(self.out(torch.cat(attended) if attended else images[:0]))
        given: Tensor = images + self.dropout(self.hidden(images))
        return given


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, own: Tensor) -> Tensor:
    """(k, m, heads, d) each, and of pairs (k, m, m, heads) and (k, m, m, heads, d), to (k, m, heads, d)."""
    scores = torch.einsum("kihd,kjhd->kijh", query, key) * query.shape[-1] ** -0.5 + bias
    share = scores.softmax(dim=2)
    return torch.einsum("kijh,kjhd->kihd", share, value) + torch.einsum("kijh,kijhd->kihd", share, own)


class AttentionPool(nn.Module):
    """One row an event of its images: means, by several heads, with weights that are learned.

    Examples
    --------
    >>> groups = Groups.of(torch.tensor([0, 0, 2]), torch.tensor([1, 2, 1]), 3)
    >>> AttentionPool(8, heads=2)(torch.zeros(3, 8), groups).shape
    torch.Size([3, 8])
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scores = nn.Linear(width, heads)
        self.values = nn.Linear(width, width)

    def forward(self, images: Tensor, groups: Groups) -> Tensor:
        """(n, width) to (n_events, width); 0 for events without images."""
        return groups.mean(self.values(images).unflatten(1, (self.heads, -1)), self.scores(images)).flatten(1)


def hidden(inside: int, outside: int, *, dropout: float = 0.0) -> nn.Sequential:
    """A hidden layer."""
    return nn.Sequential(nn.Linear(inside, outside), nn.GELU(), nn.Dropout(dropout))


__all__ = ["AttentionPool", "PairAttention", "hidden"]

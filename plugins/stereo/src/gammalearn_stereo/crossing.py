"""`Crossing`: direction and impact point, where the axes of images cross, moved and weighted as is learned."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor
from torch import nn

from gammalearn_stereo.describing import of_pairs
from gammalearn_stereo.groups import Groups
from gammalearn_stereo.tokens import Tokens
from gammalearn_stereo.tokens import turned_back

_TRUST = [1.0, 1.0, -12.0]
"""How much the weights of images, the angle between their axes, and that an image is alone, count at the start."""


@frozen(kw_only=True)
class Pairs:
    """What is known of all pairs of images of an event, in the order of the groups.

    Attributes
    ----------
    described : Tensor, (n_pairs, PAIR)
    direction, impact : Tensor, (n_pairs,)
        Where axes cross, along the first one: deg, hundreds of metres.
    logits : Tensor, (n_pairs, 3)
        What the logarithm of the crossing's weight is made of.
    """

    described: Tensor
    direction: Tensor
    impact: Tensor
    logits: Tensor

    @classmethod
    def of(cls, tokens: Tokens, dtype: torch.dtype) -> Pairs:
        """Those of tokens."""
        described, direction, impact, logits = (value.to(dtype) for value in of_pairs(tokens))
        return cls(described=described, direction=direction, impact=impact, logits=logits)


@frozen(kw_only=True)
class Found:
    """Where showers come from and arrive, one row an event; 0 without images.

    Attributes
    ----------
    direction : Tensor, (n_events, 2)
        Offset from the pointing, deg.
    impact : Tensor, (n_events, 2)
        Place in the plane across the pointing, hundreds of metres.
    spread : Tensor, (n_events, 2)
        Root mean squares of how far the candidates of each are apart.
    """

    direction: Tensor
    impact: Tensor
    spread: Tensor


class Crossing(nn.Module):
    """Weighted means of candidates, one a pair of images.

    The candidate of two images is where the second one's axis crosses that of the first; that of an image with itself
    is its centroid, or the telescope. A hidden layer moves each along and across the axis and changes its weight, of
    which the start is the one that is used with Hillas parameters. At the start of training nothing is moved.

    Parameters
    ----------
    width : int
        Numbers of an image.
    pair : int
        Numbers of a pair.
    """

    def __init__(self, width: int, pair: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, pair)
        self.second = nn.Linear(width, pair, bias=False)
        self.pair = nn.Linear(pair, pair, bias=False)
        self.moves = nn.Linear(pair, 6)
        self.trust = nn.Parameter(torch.tensor([_TRUST, _TRUST]))
        nn.init.zeros_(self.moves.weight)
        nn.init.zeros_(self.moves.bias)

    def forward(self, images: Tensor, hidden: Tensor, tokens: Tokens, pairs: Pairs) -> Found:
        """From images (n, width) and hidden numbers of pairs (n_pairs, pair)."""
        groups = tokens.groups
        one, other = groups.of_pairs(self.first(images), self.second(images))
        moves = self.moves(nn.functional.gelu(one + other + self.pair(hidden)))
        found, spread = [], []
        for number, (start, along) in enumerate(((tokens.centroid, pairs.direction), (tokens.foot, pairs.impact))):
            logit, ahead, aside = moves[:, 3 * number : 3 * number + 3].unbind(dim=1)
            begin, axis = (groups.of_pairs(v.to(moves.dtype), v.to(moves.dtype))[0] for v in (start, tokens.axis))
            candidates = begin + turned_back(torch.stack([along + ahead, aside], dim=1), axis)
            logits = logit + (pairs.logits * self.trust[number]).sum(dim=1)
            mean = groups.pair_mean(candidates, logits)
            found.append(mean)
            spread.append(_spread(groups, candidates, mean, logits))
        return Found(direction=found[0], impact=found[1], spread=torch.stack(spread, dim=1))


def _spread(groups: Groups, candidates: Tensor, mean: Tensor, logits: Tensor) -> Tensor:
    """Root mean square of the distance of candidates from their mean, (n_events,)."""
    means, _ = groups.of_pairs(mean[groups.event], mean[groups.event])
    square = (candidates - means).square().sum(dim=1, keepdim=True)
    return (groups.pair_mean(square, logits)[:, 0] + 1e-6).sqrt()


__all__ = ["Crossing", "Found", "Pairs"]

"""Numbers that describe an image, and a pair of images of one event, for layers to learn from."""

from __future__ import annotations

import torch
from torch import Tensor

from gammalearn_stereo.tokens import Tokens
from gammalearn_stereo.tokens import turned

IMAGE = 27
"""Numbers that `of_images` gives."""
PAIR = 15
"""Numbers that `of_pairs` gives."""
SEEN = 8
"""Numbers that `seen_from` gives."""
_SINE = 0.01
"""Axes that cut each other at a smaller angle, as its sine, do so as if it were of this size, or not at all."""
_FARTHEST = (6.0, 15.0)
"""Crossings of axes are drawn in to this distance: deg, hundreds of metres."""


def of_images(tokens: Tokens) -> Tensor:
    """What an image looks like and where its telescope is, (n, IMAGE), each number of the order of 1 and finite."""
    shape, event, groups = tokens.shape, tokens.event, tokens.groups
    size = shape["size"].log1p()
    middle = groups.mean(tokens.place[:, None], size[:, None])[:, 0][event]
    altitude = tokens.pointing[:, 0].deg2rad()
    u, v = tokens.axis.unbind(dim=1)
    doubled = torch.stack([u * u - v * v, 2 * u * v], dim=1) * tokens.elongation[:, None]
    columns = [
        size / 4,
        (shape["size"] > 0).to(size),
        *tokens.centroid.unbind(dim=1),
        tokens.centroid.norm(dim=1),
        *doubled.unbind(dim=1),
        u * tokens.elongation,
        v * tokens.elongation,
        *(10 * shape[name] for name in ("length", "width")),
        shape["skewness"],
        shape["slope"] / 4,
        shape["pixels"].log1p() / 2,
        shape["concentration"],
        shape["leakage"],
        *(tokens.place - middle).unbind(dim=1),
        *tokens.in_own(tokens.place - middle).unbind(dim=1),
        *(tokens.place / 3).unbind(dim=1),
        tokens.along,
        *tokens.offset.unbind(dim=1),
        altitude.sin()[event],
        groups.multiplicity[event].to(size).log() / 2,
    ]
    return torch.stack(columns, dim=1).asinh()


def of_pairs(tokens: Tokens) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """How the second image of each pair lies to the first, in a frame whose first coordinate is the first one's axis.

    Returns
    -------
    described : Tensor, (n_pairs, PAIR)
    direction, impact : Tensor, (n_pairs,)
        Where the second one's axis crosses the first one's, from its centroid, deg, and from its foot, hundreds of
        metres; drawn in, 0 where axes are parallel and of an image with itself.
    logits : Tensor, (n_pairs, 3)
        Logarithms of the weights of both axes, multiplied, and of the square of the sine of their angle; and 1 for an
        image with itself, else 0.
    """
    groups = tokens.groups
    own, axis = groups.of_pairs(tokens.axis, tokens.axis)
    apart = [turned(two - one, own) for one, two in (groups.of_pairs(v, v) for v in (tokens.centroid, tokens.foot))]
    cos, sin = turned(axis, own).unbind(dim=1)
    direction, impact = (_crossing(gap, cos, sin, far) for gap, far in zip(apart, _FARTHEST, strict=True))
    size = (tokens.shape["size"].log1p() / 4, *(10 * tokens.shape[n] for n in ("length", "width")), tokens.elongation)
    first, second = groups.of_pairs(torch.stack(size, dim=1), torch.stack(size, dim=1))
    weights = (tokens.weight + 1e-3).log()
    one, other = groups.of_pairs(weights, weights)
    itself, sine = _itself(tokens), (sin * sin).clamp_min(_SINE**2).log()
    columns = [
        *apart[0].unbind(dim=1),
        *apart[1].unbind(dim=1),
        cos * cos - sin * sin,
        2 * sin * cos,
        direction,
        impact,
        second[:, 0] - first[:, 0],
        *second.unbind(dim=1),
        itself,
        sine / 4,
    ]
    logits = torch.stack([one + other, torch.where(itself > 0, torch.zeros_like(sine), sine), itself], dim=1)
    return torch.stack(columns, dim=1).asinh(), direction, impact, logits


def seen_from(tokens: Tokens, direction: Tensor, impact: Tensor) -> Tensor:
    """How a shower lies to each image, (n, SEEN), in the frame of its axis.

    Parameters
    ----------
    tokens : Tokens
    direction, impact : Tensor, (n_events, 2)
        Of the showers: offset, deg, and place, hundreds of metres.
    """
    event = tokens.event
    away = tokens.in_own(direction[event] - tokens.centroid)
    far = tokens.in_own(impact[event] - tokens.foot)
    angle, distance = away.square().sum(dim=1).add(1e-4).sqrt(), far.square().sum(dim=1).add(1e-4).sqrt()
    columns = [*away.unbind(dim=1), *far.unbind(dim=1), angle, distance, distance / 3, (distance / angle).log() / 2]
    return torch.stack(columns, dim=1).asinh()


def _crossing(gap: Tensor, cos: Tensor, sin: Tensor, farthest: float) -> Tensor:
    """How far along the first axis the second one crosses it."""
    x, y = gap.unbind(dim=1)
    found = (x * sin - y * cos) * sin / (sin * sin).clamp_min(_SINE**2)
    return found / (1 + (found / farthest) ** 6) ** (1 / 6)


def _itself(tokens: Tokens) -> Tensor:
    """1 for pairs of an image with itself, else 0, (n_pairs,)."""
    like = tokens.along
    parts = [
        torch.eye(m, dtype=like.dtype, device=like.device).expand(k, m, m).flatten() for k, m in tokens.groups.blocks
    ]
    return torch.cat(parts) if parts else like[:0]


__all__ = ["IMAGE", "PAIR", "SEEN", "of_images", "of_pairs", "seen_from"]

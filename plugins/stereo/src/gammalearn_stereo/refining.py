"""`Refining`: direction and impact point, moved to where the images would have them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from gammalearn_stereo.crossing import Found
from gammalearn_stereo.tokens import Tokens
from gammalearn_stereo.tokens import turned_back

_GATE = -4.0
"""Of how much an image's own opinion counts at the start, before the sigmoid."""


class Refining(nn.Module):
    """Adds a weighted mean of corrections, one an image, in the frame of its axis.

    Each image says how to move what was found, and where it would have it by itself: direction from its centroid,
    impact point from its telescope, as the field's *disp* does. A gate says how far its own opinion is to be followed.
    At the start of training nearly nothing is moved.

    Parameters
    ----------
    width : int
        Numbers of an image.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trust = nn.Parameter(torch.full((2,), 0.5))
        self.scores = nn.Linear(width, 2)
        self.moves = nn.Linear(width, 8)
        self.gates = nn.Linear(width, 4)
        nn.init.zeros_(self.moves.weight)
        nn.init.zeros_(self.moves.bias)
        nn.init.zeros_(self.gates.weight)
        nn.init.constant_(self.gates.bias, _GATE)

    def forward(self, images: Tensor, tokens: Tokens, found: Found) -> Found:
        """From images (n, width) that know how the shower lies to them, and what was found so far."""
        groups, event = tokens.groups, tokens.event
        scores = self.scores(images) + self.trust * tokens.weight.add(1e-3).log()[:, None].to(images.dtype)
        moves, gates = self.moves(images).unflatten(1, (2, 2, 2)), self.gates(images).sigmoid().unflatten(1, (2, 2))
        moved = []
        for number, (place, start) in enumerate(((found.direction, tokens.centroid), (found.impact, tokens.foot))):
            away = tokens.in_own(place[event] - start).to(images.dtype)
            step = moves[:, number, 0] + gates[:, number] * (moves[:, number, 1] - away)
            step = turned_back(step, tokens.axis.to(images.dtype))
            moved.append(place + groups.mean(step[:, None], scores[:, number : number + 1])[:, 0])
        return Found(direction=moved[0], impact=moved[1], spread=found.spread)


__all__ = ["Refining"]

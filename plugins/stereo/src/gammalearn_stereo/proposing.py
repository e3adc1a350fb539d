"""`Proposals`: direction and impact point, as each image alone would have them, and their weighted means."""

from __future__ import annotations

from torch import Tensor
from torch import nn

from gammalearn_stereo.tokens import Tokens
from gammalearn_stereo.tokens import turned_back


class Proposals(nn.Module):
    """Weighted means of candidates, one an image: its centroid, or its telescope, moved along and across its axis.

    At the start of training nothing is moved, and all images weigh the same.

    Parameters
    ----------
    width : int
        Numbers of an image.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.moves = nn.Linear(width, 6)
        nn.init.zeros_(self.moves.weight)
        nn.init.zeros_(self.moves.bias)

    def forward(self, images: Tensor, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Direction, deg, and impact place, hundreds of metres, (n_events, 2) each, from images (n, width)."""
        moves = self.moves(images)
        axis = tokens.axis.to(moves.dtype)
        starts = tokens.centroid.to(moves.dtype), tokens.foot.to(moves.dtype)
        found = [
            tokens.groups.mean((start + turned_back(part[:, 1:], axis))[:, None], part[:, :1])[:, 0]
            for start, part in zip(starts, moves.split(3, dim=1), strict=True)
        ]
        return found[0], found[1]


def on_ground(tokens: Tokens, direction: Tensor, impact: Tensor) -> dict[str, Tensor]:
    """Directions and impact places of events as tasks have them: deg, and ``(x, y)`` in hundreds of metres."""
    return {"direction": direction, "impact": tokens.frame.on_ground(impact, direction).to(impact.dtype)}


__all__ = ["Proposals", "on_ground"]

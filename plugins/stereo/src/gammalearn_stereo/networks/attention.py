"""`StereoAttention`, the network ``stereo.attention``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import InputSpec
from gammalearn_core.api import Maker
from gammalearn_core.api import OutputSpec
from gammalearn_stereo import describing
from gammalearn_stereo.checks import check_share
from gammalearn_stereo.checks import check_whole
from gammalearn_stereo.crossing import Crossing
from gammalearn_stereo.crossing import Found
from gammalearn_stereo.crossing import Pairs
from gammalearn_stereo.heads import Heads
from gammalearn_stereo.layers import AttentionPool
from gammalearn_stereo.layers import PairAttention
from gammalearn_stereo.layers import hidden as hidden_layer
from gammalearn_stereo.networks.base import FEATURES
from gammalearn_stereo.networks.base import StereoNetwork
from gammalearn_stereo.networks.base import features_of
from gammalearn_stereo.proposing import on_ground
from gammalearn_stereo.refining import Refining
from gammalearn_stereo.tokens import Tokens


class StereoAttention(StereoNetwork):
    """Transformer over the telescopes of an event that knows the geometry of its images.

    1. An encoder gives features of each image. To them are added what the image measures (size, centroid, axis, length,
       width, …), where the telescope stands and where it points to.
    2. Layers of self-attention compare the images of an event. What two images have to do with each other, such as
       where their axes cross, adds to how much they attend to each other and to what they take.
    3. Direction and impact point are weighted means of where axes cross, moved and weighted as is learned (`Crossing`).
    4. Each image is told how the shower lies to it, such as its distance, one more layer compares them, and each says
       where it would have the shower (`Refining`). This may be done again.
    5. Each image is told once more, for a last layer. Means over the images go to a hidden layer and one linear layer a
       task. Tasks of a direction or of an impact point correct what was found.

    Parameters
    ----------
    inputs : InputSpec
        Cameras, at subarray level.
    outputs : OutputSpec
        The tasks.
    encoder : Maker, or mapping of str to Maker
        For images of all cameras, or by camera.
    features : int
        Numbers that encoders give for an image.
    width : int
        Numbers of an image in the layers of attention; a multiple of ``heads``.
    depth : int
        Layers of attention before direction and impact point are found.
    rounds : int
        Times that these are refined.
    heads : int
        Of each layer of attention.
    pair : int
        Numbers of a pair of images.
    hidden : int
        Width of the hidden layer that all tasks share.
    dropout : float
        Share of it, and of what layers of attention add, that is dropped in training.
    moments : bool
        Whether images come with what the transform ``stereo.moments`` measures; else they count as empty,
        and nothing is known of axes.

    Raises
    ------
    ValueError
        A parameter is wrong, there is no task, or a camera has no encoder.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        encoder: Maker | Mapping[str, Maker],
        features: int = 64,
        width: int = 64,
        depth: int = 2,
        rounds: int = 1,
        heads: int = 4,
        pair: int = 32,
        hidden: int = 64,
        dropout: float = 0.0,
        moments: bool = True,
    ) -> None:
        check_whole(width=width, heads=heads, pair=pair, hidden=hidden)
        check_whole(least=0, depth=depth, rounds=rounds)
        check_share(dropout=dropout)
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        encoded = features_of(features)
        super().__init__(inputs=inputs, outputs=outputs, encoder=encoder, encoded=encoded, moments=moments)
        self.enter = nn.Linear(features + describing.IMAGE, width)
        self.pairs = nn.Sequential(hidden_layer(describing.PAIR, pair), hidden_layer(pair, pair))
        self.layers = nn.ModuleList(PairAttention(width, pair, heads=heads, dropout=dropout) for _ in range(depth))
        self.crossing = Crossing(width, pair)
        self.seen = nn.ModuleList(
            nn.Sequential(hidden_layer(describing.SEEN, width), nn.Linear(width, width)) for _ in range(1 + rounds)
        )
        self.rounds = nn.ModuleList(PairAttention(width, pair, heads=heads, dropout=dropout) for _ in range(1 + rounds))
        self.refining = nn.ModuleList(Refining(width) for _ in range(rounds))
        self.norm = nn.LayerNorm(width)
        self.pool = AttentionPool(width, heads=heads)
        self.heads = Heads(width + _KNOWN, outputs, hidden=hidden, dropout=dropout, vectors=True)

    def of_tokens(self, encoded: Mapping[str, Tensor], tokens: Tokens) -> dict[str, Tensor]:
        groups, dtype = tokens.groups, self.dtype
        known = Pairs.of(tokens, dtype)
        images = self.enter(torch.cat([encoded[FEATURES], describing.of_images(tokens).to(dtype)], dim=1))
        pairs = self.pairs(known.described)
        for layer in self.layers:
            images = layer(images, pairs, groups)
        found = self.crossing(images, pairs, tokens, known)
        for number, (see, compare) in enumerate(zip(self.seen, self.rounds, strict=True)):
            seen = describing.seen_from(tokens, found.direction, found.impact).to(dtype)
            images = compare(images + see(seen), pairs, groups)
            if number < len(self.refining):
                found = self.refining[number](images, tokens, found)
        events = torch.cat([self.pool(self.norm(images), groups), _known(tokens, found)], dim=1)
        given: dict[str, Tensor] = self.heads(events, on_ground(tokens, found.direction, found.impact))
        return given


_KNOWN = 8


def _known(tokens: Tokens, found: Found) -> Tensor:
    """What is known of an event besides its images, (n_events, _KNOWN)."""
    groups = tokens.groups
    count = groups.multiplicity.to(found.direction)
    total = groups.of_events([size.sum(dim=1) for size in groups.images(tokens.shape["size"])], tokens.along)
    columns = [
        *found.direction.unbind(dim=1),
        *(found.impact / 3).unbind(dim=1),
        *found.spread.unbind(dim=1),
        count.log1p(),
        total.log1p() / 4,
    ]
    return torch.stack([column.to(count) for column in columns], dim=1).asinh()


__all__ = ["StereoAttention"]

"""`StereoPooling`, the network ``stereo.pooling``."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import InputSpec
from gammalearn_core.api import Maker
from gammalearn_core.api import OutputSpec
from gammalearn_stereo import describing
from gammalearn_stereo.checks import check_share
from gammalearn_stereo.checks import check_whole
from gammalearn_stereo.groups import Groups
from gammalearn_stereo.heads import Heads
from gammalearn_stereo.layers import AttentionPool
from gammalearn_stereo.layers import hidden as hidden_layer
from gammalearn_stereo.networks.base import FEATURES
from gammalearn_stereo.networks.base import StereoNetwork
from gammalearn_stereo.networks.base import features_of
from gammalearn_stereo.proposing import Proposals
from gammalearn_stereo.proposing import on_ground
from gammalearn_stereo.tokens import Tokens

WAYS = ("mean", "max", "attention")


class StereoPooling(StereoNetwork):
    """Features of each image, pooled over the telescopes of an event.

    To what an encoder finds in an image is added what it measures, where its telescope stands and where that points to;
    two hidden layers join them. Images do not see each other: what is pooled goes to a hidden layer and one linear
    layer a task. Tasks of a direction or of an impact point correct a weighted mean of what the images propose
    (`Proposals`).

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
        Of the hidden layers of an image; with ``attention`` a multiple of ``heads``.
    pooling : sequence of {"mean", "max", "attention"}
        What is taken of each number over the telescopes: ``attention`` is means with weights that are learned.
    heads : int
        Sets of such weights.
    hidden : int
        Width of the hidden layer that all tasks share.
    dropout : float
        Share of it that is dropped in training.
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
        pooling: Sequence[str] = ("mean", "max"),
        heads: int = 4,
        hidden: int = 64,
        dropout: float = 0.0,
        moments: bool = True,
    ) -> None:
        check_whole(width=width, heads=heads, hidden=hidden)
        check_share(dropout=dropout)
        if isinstance(pooling, str) or not pooling or not set(pooling) <= set(WAYS):
            raise ValueError(f"pooling must be a list of {', '.join(map(repr, WAYS))}, got {pooling!r}")
        if "attention" in pooling and width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        encoded = features_of(features)
        super().__init__(inputs=inputs, outputs=outputs, encoder=encoder, encoded=encoded, moments=moments)
        self.pooling = tuple(pooling)
        self.images = nn.Sequential(hidden_layer(features + describing.IMAGE, width), hidden_layer(width, width))
        self.attention = AttentionPool(width, heads=heads) if "attention" in pooling else None
        self.proposals = Proposals(width)
        size = width * len(self.pooling) + 1
        self.heads = Heads(size, outputs, hidden=hidden, dropout=dropout, vectors=True)

    def of_tokens(self, encoded: Mapping[str, Tensor], tokens: Tokens) -> dict[str, Tensor]:
        groups, dtype = tokens.groups, self.dtype
        images = self.images(torch.cat([encoded[FEATURES], describing.of_images(tokens).to(dtype)], dim=1))
        count = groups.multiplicity.to(dtype).log1p()[:, None]
        events = torch.cat([*(self._pooled(name, images, groups) for name in self.pooling), count], dim=1)
        given: dict[str, Tensor] = self.heads(events, on_ground(tokens, *self.proposals(images, tokens)))
        return given

    def _pooled(self, name: str, images: Tensor, groups: Groups) -> Tensor:
        if name == "attention" and self.attention is not None:
            pooled: Tensor = self.attention(images, groups)
            return pooled
        take = torch.amax if name == "max" else torch.mean
        return groups.of_events([take(values, dim=1) for values in groups.images(images)], images)


__all__ = ["WAYS", "StereoPooling"]

"""`StereoRNN`, the network ``stereo.rnn``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from gammalearn_core.api import InputSpec
from gammalearn_core.api import Maker
from gammalearn_core.api import OutputSpec
from gammalearn_stereo import describing
from gammalearn_stereo.checks import check_share
from gammalearn_stereo.checks import check_whole
from gammalearn_stereo.groups import Groups
from gammalearn_stereo.heads import Heads
from gammalearn_stereo.networks.base import FEATURES
from gammalearn_stereo.networks.base import StereoNetwork
from gammalearn_stereo.networks.base import features_of
from gammalearn_stereo.tokens import Tokens


class StereoRNN(StereoNetwork):
    """A recurrent network over the telescopes of an event, after the CNN-RNN of CTLearn.

    An LSTM reads the images of an event, the brightest first, and what it remembers in the end goes to a hidden layer
    and one linear layer a task. The order is that of the size that ``stereo.moments`` measures; images of the same size
    are read by ``tel_id``. Only images that are there are read: nothing is padded.

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
    units : int
        Numbers that the LSTM remembers.
    layers : int
        LSTMs, each of which reads what the one before it has found.
    geometry : bool
        Whether it is told what images measure and where telescopes stand and point to; CTLearn's was not.
    hidden : int
        Width of the hidden layer that all tasks share.
    dropout : float
        Share of it that is dropped in training.

    Raises
    ------
    ValueError
        A parameter is wrong, there is no task, a camera has no encoder, or images are not measured.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        encoder: Maker | Mapping[str, Maker],
        features: int = 64,
        units: int = 128,
        layers: int = 1,
        geometry: bool = True,
        hidden: int = 64,
        dropout: float = 0.0,
    ) -> None:
        check_whole(units=units, layers=layers, hidden=hidden)
        check_share(dropout=dropout)
        super().__init__(inputs=inputs, outputs=outputs, encoder=encoder, encoded=features_of(features), moments=True)
        self.geometry = geometry
        self.lstm = nn.LSTM(features + (describing.IMAGE if geometry else 0), units, num_layers=layers)
        self.heads = Heads(units, outputs, hidden=hidden, dropout=dropout)

    def of_tokens(self, encoded: Mapping[str, Tensor], tokens: Tokens) -> dict[str, Tensor]:
        images = encoded[FEATURES]
        if self.geometry:
            images = torch.cat([images, describing.of_images(tokens).to(images.dtype)], dim=1)
        given: dict[str, Tensor] = self.heads(self._remembered(images, tokens.shape["size"], tokens.groups))
        return given

    def _remembered(self, images: Tensor, size: Tensor, groups: Groups) -> Tensor:
        """What is known of each event after its last image, (n_events, units)."""
        like = images.new_zeros(0, self.lstm.hidden_size)
        if not groups.blocks:
            return groups.of_events([], like)
        rows = torch.arange(len(images), device=images.device)
        # Packed sequences begin with the longest.
        ordered = [
            row.gather(1, value.argsort(dim=1, descending=True, stable=True))
            for row, value in zip(groups.images(rows), groups.images(size), strict=True)
        ][::-1]
        steps = [[row[:, step] for row in ordered if row.shape[1] > step] for step in range(ordered[0].shape[1])]
        lengths = torch.tensor([sum(map(len, step)) for step in steps])
        packed = PackedSequence(images[torch.cat([row for step in steps for row in step])], lengths)
        _, (last, _) = self.lstm(packed)
        return groups.of_events(last[-1].split([len(row) for row in ordered])[::-1], like)


__all__ = ["StereoRNN"]

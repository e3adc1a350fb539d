"""`MonoAverage`, the network ``stereo.mono_average``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import InputSpec
from gammalearn_core.api import Maker
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_stereo import describing
from gammalearn_stereo.heads import VECTORS
from gammalearn_stereo.networks.base import StereoNetwork
from gammalearn_stereo.tokens import Tokens


class MonoAverage(StereoNetwork):
    """What a mono network predicts of each image, averaged over the telescopes of an event: the baseline of the others.

    The encoder is the whole mono network, heads included, so that a run on single images goes on here with its
    weights. Weights of the average are one softmax a task, of a linear function of what the image measures and of where
    its telescope stands; at the start of training all images weigh the same. Classes are averaged as probabilities.
    Directions are taken from the telescope's pointing to that of the array. Impact points are taken as seen from the
    telescope: a mono network does not know where it stands.

    Parameters
    ----------
    inputs : InputSpec
        Cameras, at subarray level.
    outputs : OutputSpec
        The tasks.
    encoder : Maker, or mapping of str to Maker
        For images of all cameras, or by camera.
    moments : bool
        Whether images come with what the transform ``stereo.moments`` measures; else weights do not depend on it.

    Raises
    ------
    ValueError
        There is no task, or a camera has no encoder.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        encoder: Maker | Mapping[str, Maker],
        moments: bool = True,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, encoder=encoder, encoded=outputs, moments=moments)
        self.weights = nn.Linear(describing.IMAGE, len(outputs.tasks), bias=False)
        nn.init.zeros_(self.weights.weight)

    def of_tokens(self, encoded: Mapping[str, Tensor], tokens: Tokens) -> dict[str, Tensor]:
        logits = self.weights(describing.of_images(tokens).to(self.dtype))
        tasks = self.encoders.outputs.tasks.values()
        return {t.name: _mean(t, encoded[t.name], logits[:, i], tokens) for i, t in enumerate(tasks)}


def _mean(task: TaskSpec, values: Tensor, logits: Tensor, tokens: Tokens) -> Tensor:
    """One task of all events, (n_events, size)."""
    if task.geometry == "class":
        return _mean_class(values, logits, tokens)
    if task.geometry in VECTORS and task.size >= 2:
        vector = _about_array(task.geometry, values[:, :2], tokens).to(logits.dtype)
        values = torch.cat([vector, values[:, 2:]], dim=1)
    return tokens.groups.mean(values[:, None], logits[:, None])[:, 0]


def _about_array(geometry: str, vectors: Tensor, tokens: Tokens) -> Tensor:
    """Vectors (n, 2) that images have about their telescopes."""
    if VECTORS[geometry] == "direction":
        return tokens.frame.take(tokens.event).offsets(tokens.telescopes.vectors(vectors))
    return vectors + tokens.position[:, :2]


def _mean_class(scores: Tensor, logits: Tensor, tokens: Tokens) -> Tensor:
    """Scores whose softmax is the mean of those of the images."""
    groups = tokens.groups
    split = zip(groups.images(scores), groups.images(logits), strict=True)
    means = [torch.logsumexp(s.log_softmax(dim=2) + w.log_softmax(dim=1)[..., None], dim=1) for s, w in split]
    return groups.of_events(means, scores)


__all__ = ["MonoAverage"]

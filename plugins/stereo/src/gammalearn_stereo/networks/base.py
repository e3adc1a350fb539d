"""`StereoNetwork`: what all networks of the plug-in have in common."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from collections.abc import Mapping

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import Batch
from gammalearn_core.api import InputSpec
from gammalearn_core.api import Maker
from gammalearn_core.api import OutputSpec
from gammalearn_core.api import TaskSpec
from gammalearn_stereo.checks import check_tasks
from gammalearn_stereo.checks import check_whole
from gammalearn_stereo.encoders import Encoders
from gammalearn_stereo.tokens import Tokeniser
from gammalearn_stereo.tokens import Tokens

FEATURES = "features"
"""What encoders are asked for."""


class StereoNetwork(nn.Module):
    """A network over events, with an encoder for the images of each camera.

    Encoders compute in the precision that torch's autocast chooses; what follows is not reduced.

    Parameters
    ----------
    inputs : InputSpec
        Cameras, at subarray level.
    outputs : OutputSpec
        The tasks.
    encoder : Maker, or mapping of str to Maker
        For images of all cameras, or by camera, see `Encoders`.
    moments : bool
        Whether images come with what ``stereo.moments`` measures.

    Raises
    ------
    ValueError
        There is no task, the samples are not events, or a camera has no encoder.
    """

    def __init__(
        self,
        *,
        inputs: InputSpec,
        outputs: OutputSpec,
        encoder: Maker | Mapping[str, Maker],
        encoded: OutputSpec,
        moments: bool = True,
    ) -> None:
        super().__init__()
        check_tasks(outputs)
        if inputs.level != "subarray":
            raise ValueError("samples are single images: read events with the loader's level='subarray'")
        if not inputs.cameras:
            raise ValueError("the data have no camera")
        self.encoders = Encoders(inputs, encoder, encoded)
        self.tokeniser = Tokeniser(inputs, moments=moments)
        self.sizes = {name: task.size for name, task in outputs.tasks.items()}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Numbers of each task, ``(n_events, size)``. Events may have any number of images, also none.

        Parameters that these images do not need get gradients of 0, so that all processes have the same.
        """
        groups = self.encoders.groups(batch)
        encoded = {key: self.encoders.encode(key, images) for key, images in groups}
        with torch.autocast(batch.events["row"].device.type, enabled=False):
            tokens = self.tokeniser(batch, groups)
            order, dtype = tokens.groups.order, self.dtype
            joined = {
                name: _in_order([e[name] for e in encoded.values()], order, task.size, dtype)
                for name, task in self.encoders.outputs.tasks.items()
            }
            outputs = self.of_tokens(joined, tokens)
            if torch.is_grad_enabled() and (len(tokens.event) == 0 or len(groups) < len(self.encoders.name_of)):
                nothing = _nothing(self.parameters(), tokens.along.to(dtype))
                outputs = {name: value + nothing for name, value in outputs.items()}
        return outputs

    def of_tokens(self, encoded: Mapping[str, Tensor], tokens: Tokens) -> dict[str, Tensor]:
        """From what the encoders give, (n, size) by name, in the order of the tokens."""
        raise NotImplementedError

    @property
    def dtype(self) -> torch.dtype:
        """What is computed in."""
        return next(p.dtype for name, p in self.named_parameters() if not name.startswith("encoders."))

    def for_prediction(self, *, dtype: torch.dtype = torch.float32) -> nn.Module | None:
        """A copy whose encoders are in the form that they have for prediction; None if none has such a form."""
        encoders = self.encoders.for_prediction(dtype)
        if encoders is None:
            return None
        new = copy.copy(self)
        new._modules = {**self._modules, "encoders": encoders}
        return new


def features_of(size: int) -> OutputSpec:
    """What encoders give that are asked for features."""
    check_whole(features=size)
    return OutputSpec(tasks={FEATURES: TaskSpec(name=FEATURES, target="stereo.features", size=size)})


def _in_order(parts: list[Tensor], order: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    if not parts:
        return torch.zeros(0, size, dtype=dtype, device=order.device)
    return torch.cat([part.to(dtype) for part in parts])[order]


def _nothing(parameters: Iterable[Tensor], like: Tensor) -> Tensor:
    """0, as the sum of nothing of each parameter."""
    return torch.cat([p.flatten()[:0].to(like) for p in parameters if p.requires_grad] or [like[:0]]).sum()


__all__ = ["FEATURES", "StereoNetwork", "features_of"]

"""What goes into a file: transforms, network and decoding in one module that takes and gives plain tensors."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.data.batch import Batch
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.steps import decoded_outputs
from gammalearn_core.exporting.inputs import Layout


class Graph(nn.Module):
    """The transforms of a run that are not random, from one of them on, its network, and what decodes its outputs.

    Parameters
    ----------
    built : Built
        With the weights and constants of the run.
    network : nn.Module
        Its network, in the form that is computed.
    layout : Layout
        Of the batches that the first of these transforms is given.
    transforms : sequence of (Part, transform)
        Those that are part of it.
    names : sequence of str
        Names of the tensors that it is called with, in order.
    """

    def __init__(
        self,
        built: Built,
        network: nn.Module,
        layout: Layout,
        transforms: Sequence[tuple[Part, Any]],
        names: Sequence[str],
    ) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self._built = built
        self._layout = layout
        self._names = tuple(names)
        self._transforms = [transform for _, transform in transforms]
        self._takes = tuple(built.parts["network"].fact("takes"))
        self._generator = torch.Generator()

    def forward(self, *tensors: Tensor) -> dict[str, Tensor]:
        """The tensors of a batch to ``{task: (n, size)}``, numbers of the targets, float32."""
        batch = self._layout.batch(dict(zip(self._names, tensors, strict=True)))
        for transform in self._transforms:
            batch = transform(batch, self._generator)
        outputs = self._predicted(batch)
        tasks = self._built.outputs.tasks
        return decoded_outputs(self._built, {name: outputs[name].float() for name in tasks})

    def _predicted(self, batch: Batch) -> Mapping[str, Tensor]:
        if self._built.stereo:
            outputs: Mapping[str, Tensor] = self.network(batch)
        else:
            images = batch.mono
            columns = batch.events | images.columns
            given = {name: columns[name].to(images.pixels.dtype) for name in self._takes}
            outputs = self.network(images.pixels, **given)
        return outputs


__all__ = ["Graph"]

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

UNCERTAINTY = "uncertainty"
"""What follows the name of a task in the name of its standard deviations."""


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
        """The tensors of a batch to what `predictions` lists: ``(n, size)``, numbers of the targets, float32."""
        batch = self._layout.batch(dict(zip(self._names, tensors, strict=True)))
        for transform in self._transforms:
            batch = transform(batch, self._generator)
        predicted = self._predicted(batch)
        outputs = {name: predicted[name].float() for name in self._built.outputs.tasks}
        decoded = decoded_outputs(self._built, outputs)
        for name, task in predictions(self._built).items():
            if name not in decoded:
                decoded[name] = self._built.losses[task].uncertainty(outputs[task]).float()
        return decoded

    def _predicted(self, batch: Batch) -> Mapping[str, Tensor]:
        if self._built.stereo:
            outputs: Mapping[str, Tensor] = self.network(batch)
        else:
            images = batch.mono
            columns = batch.events | images.columns
            given = {name: columns[name].to(images.pixels.dtype) for name in self._takes}
            outputs = self.network(images.pixels, **given)
        return outputs


def predictions(built: Built) -> dict[str, str]:
    """What a network predicts, and the task of each: the tasks, and the uncertainties of those whose loss says them."""
    tasks = {name: name for name in built.outputs.tasks}
    told = [name for name in tasks if getattr(built.losses[name], "uncertainty", None) is not None]
    return tasks | {f"{name}.{UNCERTAINTY}": name for name in told}


__all__ = ["UNCERTAINTY", "Graph", "predictions"]

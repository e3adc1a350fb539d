"""Zero mean and unit variance of each channel."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Generator
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


class Normalise:
    """Subtracts the mean of each channel and divides by its standard deviation, both measured on the training split.

    One pair of numbers a camera and channel, over all pixels and images. A channel that never varies is only shifted.
    """

    def __init__(self, *, inputs: InputSpec) -> None:
        self.outputs = inputs
        self._mean = {key: torch.zeros(len(c.channels)) for key, c in inputs.cameras.items()}
        self._std = {key: torch.ones(len(c.channels)) for key, c in inputs.cameras.items()}

    def fit(self, batches: Iterable[Batch]) -> None:
        """Measure mean and standard deviation, in double precision."""
        count = dict.fromkeys(self._mean, 0)
        total = {key: torch.zeros(len(m), dtype=torch.float64) for key, m in self._mean.items()}
        square = {key: torch.zeros(len(m), dtype=torch.float64) for key, m in self._mean.items()}
        for batch in batches:
            for key, group in batch.images.items():
                values = group.pixels.detach().to("cpu", torch.float64).flatten(2).transpose(0, 1).flatten(1)
                count[key] += values.shape[1]
                total[key] += values.sum(dim=1)
                square[key] += (values**2).sum(dim=1)
        for key, n in count.items():
            if n:
                mean = total[key] / n
                std = (square[key] / n - mean**2).clamp(min=0).sqrt()
                self._mean[key] = mean.float()
                self._std[key] = torch.where(std > 1e-6 * (1 + mean.abs()), std, torch.ones_like(std)).float()

    def state_dict(self) -> dict[str, Tensor]:
        """Means and standard deviations by camera."""
        return {f"{key}.mean": m for key, m in self._mean.items()} | {f"{key}.std": s for key, s in self._std.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        self._mean = {key: state[f"{key}.mean"].cpu() for key in self._mean}
        self._std = {key: state[f"{key}.std"].cpu() for key in self._std}

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return replace(batch, images={key: self._transformed(key, group) for key, group in batch.images.items()})

    def _transformed(self, key: str, group: Images) -> Images:
        shape = (-1, *[1] * (group.pixels.ndim - 2))
        mean, std = (t[key].to(group.pixels.device).view(shape) for t in (self._mean, self._std))
        return replace(group, pixels=(group.pixels - mean) / std)


__all__ = ["Normalise"]

"""Logarithm of the charge."""

from __future__ import annotations

from dataclasses import replace

from torch import Generator
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


class LogCharge:
    """Maps charge ``q`` to ``sign(q) log(1 + |q| / scale)``, which keeps negative pixels apart from positive ones.

    Parameters
    ----------
    channels : sequence of str
        Channels that hold charge.
    scale : float
        Charge below which the map is about linear, p.e.
    """

    def __init__(
        self, *, inputs: InputSpec, channels: list[str] | tuple[str, ...] = ("image",), scale: float = 1.0
    ) -> None:
        for key, camera in inputs.cameras.items():
            missing = [c for c in channels if c not in camera.channels]
            if missing:
                raise ValueError(
                    f"the images of {key} have no channel {missing[0]!r}: they have {', '.join(camera.channels)}"
                )
        if not scale > 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        self.outputs = inputs
        self.channels = tuple(channels)
        self.scale = scale

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return replace(batch, images={key: self._transformed(group) for key, group in batch.images.items()})

    def _transformed(self, group: Images) -> Images:
        pixels = group.pixels.clone()
        for name in self.channels:
            index = group.channels.index(name)
            pixels[:, index] = self._log(pixels[:, index])
        return replace(group, pixels=pixels)

    def _log(self, charge: Tensor) -> Tensor:
        return charge.sign() * (charge.abs() / self.scale).log1p()


__all__ = ["LogCharge"]

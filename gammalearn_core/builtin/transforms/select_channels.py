"""A choice of channels."""

from __future__ import annotations

from dataclasses import replace

from torch import Generator

from gammalearn_core.builtin.transforms.channels import require_channels
from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


class SelectChannels:
    """Keeps the named channels in the named order, on camera pixels or on a grid; the others are left out.

    Parameters
    ----------
    channels : sequence of str
        Channels to keep, each once.
    """

    def __init__(self, *, inputs: InputSpec, channels: list[str] | tuple[str, ...]) -> None:
        require_channels(inputs, channels)
        if not channels or len(set(channels)) < len(channels):
            raise ValueError(f"channels must be different names, at least one, got {list(channels)}")
        self.channels = tuple(channels)
        self.outputs = inputs.with_cameras({key: {"channels": self.channels} for key in inputs.cameras})

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return with_images(batch, self._selected)

    def _selected(self, _: str, group: Images) -> Images:
        rows = [group.channels.index(name) for name in self.channels]
        return replace(group, pixels=group.pixels[:, rows], channels=self.channels)


__all__ = ["SelectChannels"]

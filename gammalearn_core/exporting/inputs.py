"""A batch as tensors that have names, and back: what a graph in a file can take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.table import EventTable

PIXELS = "pixels"
EVENT = "event"
EVENTS = "events"
"""Of stereo networks: numbers of the events, which say how many there are."""
_OF_IMAGES = (PIXELS, EVENT, "telescope", "position", "pointing")
_ROW = "row"


@frozen(kw_only=True)
class Layout:
    """How the tensors of a batch are named.

    A network that sees one image at a time has one camera, whose tensors are called ``pixels``, ``pointing`` and as the
    columns are; of stereo networks, they are called ``<camera>.pixels`` and so on. Columns of events have their names.
    """

    stereo: bool
    channels: Mapping[str, tuple[str, ...]]
    """By camera."""
    columns: Mapping[str, tuple[str, ...]]
    """By camera, those of images."""
    events: tuple[str, ...]
    """Columns of events."""

    @classmethod
    def of(cls, batch: Batch, *, stereo: bool) -> Layout:
        """That of a batch."""
        return cls(
            stereo=stereo,
            channels={key: group.channels for key, group in batch.images.items()},
            columns={key: tuple(group.columns) for key, group in batch.images.items()},
            events=tuple(name for name in batch.events if name != _ROW),
        )

    def name(self, key: str, what: str) -> str:
        """What a tensor of the images of a camera is called."""
        return f"{key}.{what}" if self.stereo else what

    def tensors(self, batch: Batch) -> dict[str, Tensor]:
        """All tensors of a batch, by name. Of one image an event, which image is whose need not be told."""
        found: dict[str, Tensor] = {}
        for key, group in batch.images.items():
            told = [name for name in _OF_IMAGES if self.stereo or name != EVENT]
            found |= {self.name(key, name): getattr(group, name) for name in told}
            found |= {self.name(key, name): value for name, value in group.columns.items()}
        found |= {name: batch.events[name] for name in self.events}
        if self.stereo:
            found[EVENTS] = torch.arange(len(batch))
        return found

    def batch(self, tensors: Mapping[str, Tensor]) -> Batch:
        """The batch of these tensors; those that are not given are zeros."""
        images = {key: self._images(key, tensors) for key in self.channels}
        row = tensors[EVENTS] if self.stereo else next(iter(images.values())).event
        events = {name: tensors[name] if name in tensors else torch.zeros_like(row).double() for name in self.events}
        return Batch(images=images, events={_ROW: row} | events)

    def _images(self, key: str, tensors: Mapping[str, Tensor]) -> Images:
        pixels = tensors[self.name(key, PIXELS)]
        n = pixels.shape[0]

        def given(name: str, *size: int, dtype: torch.dtype) -> Tensor:
            found = tensors.get(self.name(key, name))
            return torch.zeros((n, *size), dtype=dtype) if found is None else found

        event = given(EVENT, dtype=torch.int64) if self.stereo else torch.arange(n)
        return Images(
            pixels=pixels,
            channels=self.channels[key],
            event=event,
            telescope=given("telescope", dtype=torch.int64),
            position=given("position", 3, dtype=torch.float32),
            pointing=given("pointing", 2, dtype=torch.float64),
            columns={name: given(name, dtype=torch.float32) for name in self.columns[key]},
        )


def with_taken(batch: Batch, takes: tuple[str, ...], events: EventTable) -> Batch:
    """The batch of one image an event with the columns that the network takes from the table of events."""
    absent = [n for n in takes if n not in batch.mono.columns and n not in batch.events]
    rows = batch.events[_ROW].cpu().numpy()
    found: dict[str, Any] = {n: torch.from_numpy(events[n][rows]).to(torch.float32) for n in absent}
    batch.events |= found
    return batch


__all__ = ["EVENT", "EVENTS", "PIXELS", "Layout", "with_taken"]

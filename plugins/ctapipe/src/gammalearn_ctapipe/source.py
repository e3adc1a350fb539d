"""Images in memory as an event source of the core."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.api import Batch
from gammalearn_core.api import EventTable
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec


@frozen(kw_only=True, eq=False)
class Seen:
    """Images of one camera, the channels as ctapipe has them."""

    camera: str
    """The network's key of the camera."""
    channels: Mapping[str, NDArray[np.float32]]
    """By name, (n, n_pixels)."""
    telescope: NDArray[np.int64]
    position: NDArray[np.float64]
    """Of the telescope in the ground frame, m, (n, 3)."""
    pointing: NDArray[np.float64]
    """Altitude and azimuth, deg, (n, 2)."""
    columns: Mapping[str, NDArray[np.float32]]
    """Columns that go with the images, (n,)."""


def pixels_of(channels: Mapping[str, NDArray[np.generic]], names: Sequence[str]) -> NDArray[np.float32]:
    """Images as the core reads them from DL1 files: (n, channels, n_pixels), 0 where there is no finite value.

    Parameters
    ----------
    channels : mapping of str to array, (n, n_pixels)
        At least ``image``.
    names : sequence of str
        Channels that the network takes; ``valid`` is 1 where the charge is finite.

    Raises
    ------
    KeyError
        A channel is missing.
    """
    finite = np.isfinite(np.asarray(channels["image"], dtype=np.float32))
    parts = [finite if name == "valid" else channels[name] for name in names]
    pixels = np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=1)
    return np.where(finite[:, None] & np.isfinite(pixels), pixels, np.float32(0))


class MemorySource:
    """Images of one or more events.

    Parameters
    ----------
    inputs : InputSpec
        What the network wants.
    events : EventTable
        A row a sample.
    seen : sequence of Seen
        Images by camera; at telescope level of one, in the order of the rows.
    event : sequence of array of int, (n,)
        For each of these, the event of each image, in ascending order.
    """

    def __init__(
        self, inputs: InputSpec, events: EventTable, seen: Sequence[Seen], event: Sequence[NDArray[np.int64]]
    ) -> None:
        self.inputs = inputs
        self.events = events
        self.blocks = np.array([0, len(events)], dtype=np.int64)
        self.capacity = len(events)
        images = {group.camera: self._images(group, rows) for group, rows in zip(seen, event, strict=True)}
        columns = {
            name: torch.from_numpy(np.asarray(events[name], dtype=np.float64))
            for name in ("pointing_alt", "pointing_az")
            if name in events
        }
        self._batch = Batch(images=images, events={"row": torch.arange(len(events))} | columns)

    def _images(self, group: Seen, event: NDArray[np.int64]) -> Images:
        channels = self.inputs.cameras[group.camera].channels
        return Images(
            pixels=torch.from_numpy(pixels_of(group.channels, channels)),
            channels=channels,
            event=torch.from_numpy(event),
            telescope=torch.from_numpy(group.telescope),
            position=torch.from_numpy(group.position.astype(np.float32)),
            pointing=torch.from_numpy(group.pointing),
            columns={name: torch.from_numpy(values) for name, values in group.columns.items()},
        )

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These samples."""
        batch = self._batch.take(torch.from_numpy(rows))
        batch.events["row"] = torch.from_numpy(rows)
        return batch

    def close(self) -> None:
        """Nothing is open."""


__all__ = ["MemorySource", "Seen", "pixels_of"]

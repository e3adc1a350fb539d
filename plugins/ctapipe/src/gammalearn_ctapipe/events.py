"""An event of ctapipe as the network takes it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial

import astropy.units as u
import numpy as np
from ctapipe.containers import ArrayEventContainer
from ctapipe.containers import ImageParametersContainer
from ctapipe.core import Container
from ctapipe.instrument import SubarrayDescription
from numpy.typing import NDArray

from gammalearn_core.api import EventTable
from gammalearn_core.api import TrainedRun
from gammalearn_ctapipe.source import MemorySource
from gammalearn_ctapipe.source import Seen

Column = Callable[[], NDArray[np.generic]]


def source_of(
    event: ArrayEventContainer,
    telescopes: Sequence[int],
    run: TrainedRun,
    subarray: SubarrayDescription,
    keys: Mapping[int, str],
) -> MemorySource:
    """Images of these telescopes: a sample each, or all in one sample of a stereo network.

    Parameters
    ----------
    event : ArrayEventContainer
        With images.
    telescopes : sequence of int
        Those that have an image of a camera that the network knows.
    run : TrainedRun
    subarray : SubarrayDescription
    keys : mapping of int to str
        By ``tel_id``, the network's key of the camera.
    """
    stereo = run.inputs.level == "subarray"
    images = _table_of_images(event, telescopes)
    cameras = [key for key in run.inputs.cameras if stereo or any(keys[tel_id] == key for tel_id in telescopes)]
    seen, rows = [], []
    for key in cameras:
        mine = [n for n, tel_id in enumerate(telescopes) if keys[tel_id] == key]
        if mine:
            seen.append(_seen(event, [telescopes[n] for n in mine], key, run, subarray, images.take(np.array(mine))))
            rows.append(np.zeros(len(mine), dtype=np.int64) if stereo else np.arange(len(mine)))
    if not stereo:
        return MemorySource(run.inputs, images, seen, rows)
    return MemorySource(run.inputs, _table_of_event(event, images), seen, rows)


def pointing_of(event: ArrayEventContainer, tel_id: int) -> tuple[float, float]:
    """Altitude and azimuth that a telescope points to, deg."""
    pointing = event.monitoring.tel[tel_id].pointing
    return pointing.altitude.to_value(u.deg), pointing.azimuth.to_value(u.deg) % 360.0


def _seen(
    event: ArrayEventContainer,
    telescopes: Sequence[int],
    key: str,
    run: TrainedRun,
    subarray: SubarrayDescription,
    table: EventTable,
) -> Seen:
    dl1 = [event.dl1.tel[tel_id] for tel_id in telescopes]
    names = {"image", *run.inputs.cameras[key].channels} - {"valid"}
    for name in names:
        absent = [tel_id for tel_id, images in zip(telescopes, dl1, strict=True) if images[name] is None]
        if absent:
            raise ValueError(f"telescope {absent[0]} has no {name}, which the network takes")
    return Seen(
        camera=key,
        channels={name: np.stack([images[name] for images in dl1]) for name in names},
        telescope=np.array(telescopes, dtype=np.int64),
        position=np.array([subarray.positions[tel_id].to_value(u.m) for tel_id in telescopes]),
        pointing=np.array([pointing_of(event, tel_id) for tel_id in telescopes]),
        columns={name: table[name].astype(np.float32) for name in run.columns},
    )


def _table_of_images(event: ArrayEventContainer, telescopes: Sequence[int]) -> EventTable:
    """Identity, pointing and DL1 parameters of images; parameters are looked up when a cut reads them."""
    n = len(telescopes)
    pointing = np.array([pointing_of(event, tel_id) for tel_id in telescopes]).reshape(n, 2)
    columns: dict[str, NDArray[np.generic] | Column] = {
        "obs_id": np.full(n, event.index.obs_id),
        "event_id": np.full(n, event.index.event_id),
        "tel_id": np.array(telescopes, dtype=np.int64),
        "pointing_alt": pointing[:, 0],
        "pointing_az": pointing[:, 1],
        "multiplicity": np.full(n, len(event.trigger.tels_with_trigger)),
        "event_type": np.full(n, event.trigger.event_type.value),
    }
    found = [event.dl1.tel[tel_id].parameters or ImageParametersContainer() for tel_id in telescopes]
    for group, first in found[0].items() if found else ():
        for field, _ in first.items():
            columns[f"{first.prefix}_{field}"] = partial(_parameter, [other[group] for other in found], field)
    return EventTable(columns, n)


def _parameter(groups: Sequence[Container], field: str) -> NDArray[np.generic]:
    """A parameter of each image, in the unit that DL1 files have."""
    return np.array([getattr(group[field], "value", group[field]) for group in groups])


def _table_of_event(event: ArrayEventContainer, images: EventTable) -> EventTable:
    pointing = event.monitoring.pointing if hasattr(event.monitoring, "pointing") else event.pointing
    columns = {
        "obs_id": np.array([event.index.obs_id]),
        "event_id": np.array([event.index.event_id]),
        "event_type": np.array([event.trigger.event_type.value]),
        "pointing_alt": np.array([pointing.array_altitude.to_value(u.deg)]),
        "pointing_az": np.array([pointing.array_azimuth.to_value(u.deg) % 360.0]),
    }
    return EventTable(columns, 1, offsets=np.array([0, len(images)]), images=images)


__all__ = ["pointing_of", "source_of"]

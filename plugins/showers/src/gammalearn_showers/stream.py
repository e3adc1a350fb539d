"""The loader ``showers.stream``: simulated showers that train a network without a file."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.api import Batch
from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import EventTable
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_showers.compiled import is_compiled
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.production import Production
from gammalearn_showers.progress import ShowerProgress
from gammalearn_showers.simulator import Simulator
from gammalearn_showers.simulator import look
from gammalearn_showers.stream_choice import chosen_cameras
from gammalearn_showers.stream_choice import joined
from gammalearn_showers.stream_choice import productions
from gammalearn_showers.stream_images import CHANNELS
from gammalearn_showers.stream_images import ShowerCache
from gammalearn_showers.stream_index import by_event
from gammalearn_showers.stream_index import image_table
from gammalearn_showers.work import Progress
from gammalearn_showers.work import Started

_EVENT_COLUMNS = ("obs_id", "event_id", "pointing_alt", "pointing_az")


class ShowerStream:
    """Images of simulated showers, as ``core.dl1`` gives those of files that `gammalearn showers` wrote.

    Showers are simulated once to know truth and image parameters, which stay in memory (about 0.5 kB an image).
    Images do not: they are simulated again when they are read, bit by bit the same, unless they are among the latest.

    Parameters
    ----------
    particles : dict of str to int
        Events of each particle, such as ``{"gamma": 2000, "proton": 2000}``.
    array : str
        Name of an array, or path of a file of telescopes, which is relative to the working directory.
    camera : str, optional
        Of all telescopes, in place of their own.
    zenith, azimuth : float
        Pointing, in deg.
    energy_range : two numbers, or dict of str to two numbers, optional
        In TeV, for all particles or for each.
    index, viewcone, scatter_radius : float or dict of str to float, optional
        Of the power law; half angle of the cone of directions, in deg; radius of the circle of cores, in m.
    min_telescopes : int, optional
        Telescopes that must trigger.
    seed : int
    channels : list of str
        Channels of an image: ``image`` (p.e.), ``peak_time`` (ns), ``image_mask`` and ``valid``.
    cameras : str or list of str, optional
        Cameras to use, by name or by telescope type. Needed at telescope level if the array has several.
    level : {"telescope", "subarray"}
        Whether a sample is an image or an event with all its images.
    columns : list of str
        DL1 parameters that go with each image, such as ``hillas_intensity``.
    buffer_mb : float
        Memory for images, MB. Showers that fit are simulated once.
    events_per_file : int
        Events of a run: showers are those of files of as many.

    Raises
    ------
    SettingsError
        A parameter is wrong; all that are, are told.
    NoEventsError
        The array does not trigger on such showers.
    """

    def __init__(
        self,
        particles: Mapping[str, int],
        array: str = "4mst",
        camera: str | None = None,
        zenith: float = 20.0,
        azimuth: float = 180.0,
        energy_range: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
        index: float | Mapping[str, float] = -2.0,
        viewcone: float | Mapping[str, float] | None = None,
        scatter_radius: float | Mapping[str, float] | None = None,
        min_telescopes: int | None = None,
        seed: int = 0,
        channels: str | Sequence[str] = ("image", "peak_time"),
        cameras: str | Sequence[str] | None = None,
        level: Literal["telescope", "subarray"] = "telescope",
        columns: str | Sequence[str] = (),
        buffer_mb: float = 512,
        events_per_file: int = 5000,
    ) -> None:
        same = {"array": array, "camera": camera, "zenith": zenith, "azimuth": azimuth, "seed": seed}
        same["min_telescopes"] = min_telescopes
        each = {"energy_range": energy_range, "index": index, "viewcone": viewcone, "scatter_radius": scatter_radius}
        self._channels = (channels,) if isinstance(channels, str) else tuple(channels)
        self._columns = (columns,) if isinstance(columns, str) else tuple(columns)
        self._level = level
        thrown = productions(
            particles,
            same,
            each,
            channels=self._channels,
            columns=self._columns,
            events_per_file=events_per_file,
            buffer_mb=buffer_mb,
        )
        self._array = next(iter(thrown)).subarray
        self._kinds = chosen_cameras(self._array, cameras, mono=level == "telescope")
        simulators = {p.primary_id: Simulator(p) for p in thrown}
        self._cache = ShowerCache(simulators, self._channels, int(buffer_mb * 1e6))
        self._events = self._index(thrown, simulators, events_per_file)

    @property
    def events(self) -> EventTable:
        """One row an image, or an event at subarray level."""
        return self._events

    @property
    def inputs(self) -> InputSpec:
        """Cameras and columns of what `read` gives."""
        cameras = {kind.camera.name: self._spec(kind) for kind in self._kinds}
        return InputSpec(level=self._level, cameras=cameras, columns=self._events.names)

    @property
    def blocks(self) -> NDArray[np.int64]:
        """First row of each shower, and the number of rows."""
        keys = np.column_stack([self._events["obs_id"], self._events["event_id"]])
        return np.append(np.flatnonzero(np.append(True, (keys[1:] != keys[:-1]).any(axis=1))), len(keys))

    @property
    def capacity(self) -> int:
        """Rows whose images stay in memory."""
        pixels = max(kind.camera.n_pixels for kind in self._kinds)
        images = self._cache.budget // (4 * pixels * len(self._channels))
        return int(min(1.0, images / len(self._events.images)) * len(self._events))

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These samples, in this order."""
        rows = np.asarray(rows, dtype=np.int64)
        images, offsets = self._events.image_rows(rows)
        event = np.repeat(np.arange(len(rows)), np.diff(offsets))
        place = self._place(self._events.images["tel_id"][images])
        groups = {}
        for kind in self._kinds:
            here = self._array.tel_type[place] == self._array.types.index(kind)
            if here.any() or self._level == "telescope":
                groups[kind.camera.name] = self._images(kind, images[here], event[here])
        names = [n for n in _EVENT_COLUMNS if n in self._events]
        columns = {"row": torch.from_numpy(rows)} | {n: torch.from_numpy(self._events[n][rows]) for n in names}
        return Batch(images=groups, events=columns)

    def close(self) -> None:
        """Forget the images."""
        self._cache.clear()

    def _index(self, thrown: Mapping[Production, int], simulators: Mapping[int, Simulator], per_run: int) -> EventTable:
        types = [self._array.types.index(kind) for kind in self._kinds]
        telescopes = np.flatnonzero(np.isin(self._array.tel_type, types))
        tables, serial = [], 0
        with ShowerProgress(sum(thrown.values())) as progress:
            progress(Started(is_compiled(look)))
            for production, events in thrown.items():
                for run in range(1, -(-events // per_run) + 1):
                    serial += 1
                    table = image_table(
                        simulators[production.primary_id],
                        run,
                        min(per_run, events - (run - 1) * per_run),
                        telescopes,
                        lambda showers, found, serial=serial: progress(Progress(serial, showers, found)),  # type: ignore[misc]
                    )
                    tables.append(table if self._level == "telescope" else by_event(table))
        table = joined([t for t in tables if len(t)])
        if not len(table):
            raise DataError("none of the chosen telescopes has an image of these showers")
        return table if self._level == "telescope" else table.with_columns({}, images=self._named(table.images))

    def _named(self, images: EventTable) -> EventTable:
        """Images with the type and the camera of their telescopes, as ``core.dl1`` has them."""
        types = self._array.types
        kind = self._array.tel_type[self._place(images["tel_id"])]
        names = {"tel_type": [t.size_type for t in types], "camera": [t.camera.name for t in types]}
        return images.with_columns({name: np.array(texts)[kind] for name, texts in names.items()})

    def _spec(self, kind: TelescopeType) -> CameraSpec:
        camera = kind.camera
        geometry = CameraGeometry(
            name=camera.name, x=camera.x, y=camera.y, area=camera.area, focal_length=kind.effective_focal_length
        )
        return CameraSpec(geometry=geometry, shape=(camera.n_pixels,), channels=self._channels)

    def _place(self, tel_id: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the subarray of these telescopes."""
        order = np.argsort(self._array.tel_id)
        return order[np.searchsorted(self._array.tel_id[order], tel_id)]

    def _images(self, kind: TelescopeType, rows: NDArray[np.int64], event: NDArray[np.int64]) -> Images:
        table = self._events.images
        ids = [table[n][rows] for n in ("obs_id", "event_id", "tel_id")]
        pixels = np.zeros((len(rows), len(self._channels), kind.camera.n_pixels), dtype=np.float32)
        for out, key in zip(pixels, zip(*(i.tolist() for i in ids), strict=True), strict=True):
            out[:] = self._cache.pixels(*key)
        position = self._array.position[self._place(ids[2])].astype(np.float32)
        pointing = np.column_stack([table["pointing_alt"][rows], table["pointing_az"][rows]])
        return Images(
            pixels=torch.from_numpy(pixels),
            channels=self._channels,
            event=torch.from_numpy(event),
            telescope=torch.from_numpy(ids[2].astype(np.int64)),
            position=torch.from_numpy(position),
            pointing=torch.from_numpy(pointing),
            columns={n: torch.from_numpy(table[n][rows].astype(np.float32)) for n in self._columns},
        )


__all__ = ["CHANNELS", "ShowerStream"]

"""The loader ``core.dl1``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.blocks import CHANNELS
from gammalearn_core.builtin.loaders.dl1.blocks import BlockCache
from gammalearn_core.builtin.loaders.dl1.blocks import block_size
from gammalearn_core.builtin.loaders.dl1.choice import Camera
from gammalearn_core.builtin.loaders.dl1.choice import choose
from gammalearn_core.builtin.loaders.dl1.choice import find_cameras
from gammalearn_core.builtin.loaders.dl1.file import DL1File
from gammalearn_core.builtin.loaders.dl1.index import find_pieces
from gammalearn_core.builtin.loaders.dl1.index import image_table
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.columns import label
from gammalearn_core.data.specs import CameraSpec
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.table import concatenate
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest

_log = logging.getLogger(__name__)
_EVENT_COLUMNS = ("obs_id", "event_id", "multiplicity", "pointing_alt", "pointing_az")


class DL1Source:
    """Images of ctapipe DL1 files (data model v4 to v7), simulated or observed.

    Parameters
    ----------
    paths : str, path or list of these
        Files, or patterns such as ``data/gamma_*.h5``.
    channels : list of str
        Channels of an image: ``image`` (p.e.), ``peak_time`` (ns), ``image_mask`` (the cleaning mask, 0 or 1) and
        ``valid`` (0 where the file has no finite value; such pixels are 0 in all channels).
    cameras : str or list of str, optional
        Cameras to use, by name or by telescope type (``"LSTCam"``, ``"LST"``). Needed at telescope level if the files
        have images of several geometries.
    telescopes : list of int, optional
        Telescopes to use, by ``tel_id``.
    level : {"telescope", "subarray"}
        Whether a sample is an image or an event with all its images.
    columns : list of str
        DL1 parameters that go with each image, such as ``hillas_intensity``.
    buffer_mb : float
        Memory for decoded images, MB. Data that fit are read once.

    Raises
    ------
    DataError
        A file is not what it should be, or nothing is left.
    SettingsError
        A camera, telescope, channel or column is named that the files do not have.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        channels: str | Sequence[str] = ("image", "peak_time"),
        cameras: str | Sequence[str] | None = None,
        telescopes: Sequence[int] | None = None,
        level: Literal["telescope", "subarray"] = "telescope",
        columns: str | Sequence[str] = (),
        buffer_mb: float = 512,
    ) -> None:
        self._channels = _checked_channels(channels)
        self._level = level
        self._columns = (columns,) if isinstance(columns, str) else tuple(columns)
        self._cache = BlockCache(self._channels, int(buffer_mb * 1e6))
        self.files: list[DL1File] = []
        try:
            for path in [paths] if isinstance(paths, (str, Path)) else paths:
                self.files.append(_opened(Path(path)))
            names = [cameras] if isinstance(cameras, str) else cameras
            found = find_cameras(self.files)
            self._cameras = choose(found, names=names, telescopes=telescopes, mono=level == "telescope")
            self._key_of = {owner: camera.key for camera in self._cameras for owner in camera.telescopes}
            self._check_columns()
            self._events = self._index()
        except BaseException:
            self.close()
            raise

    @property
    def events(self) -> EventTable:
        """One row an image, or an event at subarray level."""
        return self._events

    @property
    def inputs(self) -> InputSpec:
        """Cameras and columns of what `read` gives."""
        return InputSpec(
            level=self._level, cameras={c.key: self._spec(c) for c in self._cameras}, columns=self._events.names
        )

    @property
    def blocks(self) -> list[NDArray[np.int64]]:
        """Rows whose images are in one block of one image table (of the first image, at subarray level)."""
        images, first = self._events.images, self._events.offsets[:-1]
        keys = np.column_stack([images[n][first] for n in ("file", "tel_id", "table_row")])
        sizes = np.array([block_size(self.files[f].image_tables[t]) for f, t, _ in keys])
        keys[:, 2] //= sizes
        _, inverse = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(inverse.reshape(-1), kind="stable")
        return np.split(order, np.cumsum(np.bincount(inverse.reshape(-1)))[:-1])

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These samples, in this order."""
        rows = np.asarray(rows, dtype=np.int64)
        images, offsets = self._events.image_rows(rows)
        event = np.repeat(np.arange(len(rows)), np.diff(offsets))
        table = self._events.images
        owners = np.column_stack([table["file"][images], table["tel_id"][images]]).astype(np.int64)
        keys = np.array([self._key_of[int(f), int(t)] for f, t in owners], dtype=object)
        groups = {}
        for camera in self._cameras:
            here = keys == camera.key
            if here.any() or self._level == "telescope":
                groups[camera.key] = self._images(camera, images[here], event[here])
        return Batch(images=groups, events=self._event_columns(rows))

    def close(self) -> None:
        """Close all files, and tell of pixels that had no value."""
        for file in self.files:
            file.close()
        for name, count in self._cache.repaired.items():
            if count:
                _log.warning("%s: %d pixels have no finite value; they became 0", name, count)
        self._cache.repaired.clear()

    def _check_columns(self) -> None:
        """Every chosen image table must have what the channels need."""
        needed = {"image", *self._channels} - {"valid"}
        for number, tel_id in self._key_of:
            table = self.files[number].image_tables[tel_id]
            missing = sorted(needed - set(table.dtype.names))
            if missing:
                raise DataError(f"{label(table)} has no column {missing[0]!r}, which channels= asks for")

    def _index(self) -> EventTable:
        tables = []
        for number, file in enumerate(self.files):
            mine = [tel for tel in file.image_tables if (number, tel) in self._key_of]
            pieces = [p for p in find_pieces(file, mine) if len(p.rows)]
            if pieces:
                table = image_table(pieces, number)
                tables.append(table if self._level == "telescope" else _by_event(table))
        if not tables:
            raise DataError(f"no usable image in {', '.join(str(f.path) for f in self.files)}")
        table = concatenate(tables)
        for name in self._columns:
            if name not in table.images:
                what = f"the data have no column {name!r}"
                raise SettingsError([Problem("columns", what, suggest(name, table.images.names))])
            if name.startswith("true_"):
                what = f"{name!r} is simulated truth, which a network must not be given"
                raise SettingsError([Problem("columns", what)])
        return table

    def _spec(self, camera: Camera) -> CameraSpec:
        geometry = camera.geometry
        return CameraSpec(geometry=geometry, shape=(geometry.n_pixels,), channels=self._channels)

    def _event_columns(self, rows: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        names = [n for n in _EVENT_COLUMNS if n in self._events]
        return {"row": torch.from_numpy(rows)} | {n: torch.from_numpy(self._events[n][rows]) for n in names}

    def _images(self, camera: Camera, images: NDArray[np.int64], event: NDArray[np.int64]) -> Images:
        table = self._events.images
        file, tel_id, row = (table[n][images] for n in ("file", "tel_id", "table_row"))
        pixels = np.zeros((len(images), len(self._channels), camera.geometry.n_pixels), dtype=np.float32)
        position = np.zeros((len(images), 3), dtype=np.float32)
        for f, t in sorted({(int(a), int(b)) for a, b in zip(file, tel_id, strict=True)}):
            here = (file == f) & (tel_id == t)
            pixels[here] = self._cache.read(self.files[f].image_tables[t], row[here])
            position[here] = self.files[f].telescopes[t].position
        pointing = np.column_stack([table["pointing_alt"][images], table["pointing_az"][images]])
        return Images(
            pixels=torch.from_numpy(pixels),
            channels=self._channels,
            event=torch.from_numpy(event),
            telescope=torch.from_numpy(tel_id.astype(np.int64)),
            position=torch.from_numpy(position),
            pointing=torch.from_numpy(pointing),
            columns={n: torch.from_numpy(table[n][images].astype(np.float32)) for n in self._columns},
        )


def _opened(path: Path) -> DL1File:
    """A file whose instrument, tables and triggers can be read."""
    file = DL1File(path)
    try:
        _ = file.telescopes, file.image_tables, file.trigger
    except BaseException as error:
        file.close()
        if isinstance(error, GammalearnError) or not isinstance(error, Exception):
            raise
        raise DataError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    return file


def _checked_channels(channels: Sequence[str]) -> tuple[str, ...]:
    given = (channels,) if isinstance(channels, str) else tuple(channels)
    for name in given:
        if name not in CHANNELS:
            hint = suggest(name, CHANNELS) or f"one of {', '.join(CHANNELS)}"
            raise SettingsError([Problem("channels", f"there is no channel {name!r}", hint)])
    if not given or len(set(given)) < len(given):
        raise SettingsError([Problem("channels", f"expected different names, got {given}")])
    return given


def _by_event(images: EventTable) -> EventTable:
    """One row an event of the subarray, with its images; columns of an event are those of its first image."""
    order = np.lexsort((images["tel_id"], images["event_id"], images["obs_id"]))
    images = images.take(order)
    keys = np.column_stack([images["obs_id"], images["event_id"]])
    starts = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
    of_event = [n for n in images.names if n.startswith(("true_", "pointing_")) or n in _SHARED]
    columns = {n: (lambda n=n: images[n][starts]) for n in of_event}
    offsets = np.concatenate([starts, [len(images)]]).astype(np.int64)
    return EventTable(columns, len(starts), offsets=offsets, images=images)


_SHARED = ("file", "obs_id", "event_id", "event_type", "multiplicity")

__all__ = ["DL1Source"]

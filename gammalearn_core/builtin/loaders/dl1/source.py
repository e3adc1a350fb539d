"""The loader ``core.dl1``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.array import TEXTS
from gammalearn_core.builtin.loaders.dl1.array import names_of_images
from gammalearn_core.builtin.loaders.dl1.array import tell_moved_telescopes
from gammalearn_core.builtin.loaders.dl1.choice import Camera
from gammalearn_core.builtin.loaders.dl1.choice import check_telescopes
from gammalearn_core.builtin.loaders.dl1.choice import choose
from gammalearn_core.builtin.loaders.dl1.choice import find_cameras
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.images import ImageIndex
from gammalearn_core.builtin.loaders.dl1.images import by_event
from gammalearn_core.builtin.loaders.dl1.images import event_blocks
from gammalearn_core.builtin.loaders.dl1.opening import open_dl1
from gammalearn_core.builtin.loaders.dl1.selecting import check_events
from gammalearn_core.builtin.loaders.dl1.selecting import find_pieces
from gammalearn_core.builtin.loaders.dl1.stations import Stations
from gammalearn_core.builtin.loaders.dl1.store import CHANNELS
from gammalearn_core.builtin.loaders.dl1.store import ImageStore
from gammalearn_core.builtin.loaders.dl1.store import Stored
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.specs import CameraSpec
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest

_log = logging.getLogger(__name__)
_EVENT_COLUMNS = ("obs_id", "event_id", "pointing_alt", "pointing_az")


class DL1Source:
    """Images of DL1 files of ctapipe (data models v1 to v7) and lstchain, simulated or observed.

    Parameters
    ----------
    paths : str, path or list of these
        Files, or patterns such as ``data/gamma_*.h5``.
    channels : list of str
        Channels of an image: ``image`` (p.e.), ``peak_time`` (ns), ``image_mask`` (the cleaning mask, 0 or 1) and
        ``valid`` (0 where the file has no finite value; such pixels are 0 in all channels).
    cameras : str or list of str, optional
        Cameras to use, by name or by telescope type (``"LSTCam"``, ``"LST"``); Python code may give geometries instead.
        Needed at telescope level if the files have images of several geometries.
    telescopes : list of int, optional
        Telescopes to use, by ``tel_id``.
    level : {"telescope", "subarray"}
        Whether a sample is an image or an event with all its images.
    columns : list of str
        DL1 parameters that go with each image, such as ``hillas_intensity``.
    buffer_mb : float
        Memory for decoded images, MB. Data that fit are read once.
    threads : int
        Chunks that are decoded at once. The order of samples does not depend on it.
    on_corrupt : {"stop", "skip"}
        Whether damaged data are an error, or are searched for when the files are opened, told, and left out.

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
        cameras: str | Sequence[str | CameraGeometry] | None = None,
        telescopes: Sequence[int] | None = None,
        level: Literal["telescope", "subarray"] = "telescope",
        columns: str | Sequence[str] = (),
        buffer_mb: float = 512,
        threads: int = 1,
        on_corrupt: Literal["stop", "skip"] = "stop",
    ) -> None:
        self._channels = _checked_channels(channels)
        self._level = level
        self._columns = (columns,) if isinstance(columns, str) else tuple(columns)
        self._lock = RLock()
        self._open_files = OpenFiles()
        self._stores: list[ImageStore] = []
        self._reading = False
        try:
            given = [Path(p) for p in ([paths] if isinstance(paths, (str, Path)) else paths)]
            self.files = self._opened(given, on_corrupt)
            names = [cameras] if isinstance(cameras, str) else cameras
            found = find_cameras(self.files)
            if not found:
                raise DataError(f"no telescope has images in {', '.join(str(f.path) for f in self.files)}")
            for file in self.files:
                if not file.images:
                    _log.warning("%s: no telescope has images", file.path)
            self._cameras = choose(
                found, names=names, telescopes=telescopes, files=self.files, mono=level == "telescope"
            )
            self._make_index(on_corrupt)
            self._make_stores(int(buffer_mb * 1e6), threads)
            self._check_columns()
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
    def blocks(self) -> NDArray[np.int64]:
        """First sample of each block that is cheap to read together, and the number of samples."""
        if self._level == "subarray":
            numbers = {file: n for n, file in enumerate(self.files)}
            file = [numbers[p.file] for p in self._index.pieces]
            tables, chunks = np.zeros((2, len(self.files)), dtype=np.int64)
            np.add.at(tables, file, 1)
            np.maximum.at(chunks, file, [p.table.layout.chunk for p in self._index.pieces])
            return event_blocks(self._events, tables, chunks, capacity=self.capacity)
        return self._index.blocks(self._stores[0].starts())

    @property
    def capacity(self) -> int:
        """Samples that stay in memory."""
        return int(min(store.share for store in self._stores) * len(self._events))

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These samples, in this order.

        Raises
        ------
        DataError
            Some are damaged.
        """
        rows = np.asarray(rows, dtype=np.int64)
        images, offsets = self._events.image_rows(rows)
        event = np.repeat(np.arange(len(rows)), np.diff(offsets))
        piece, table_row = self._index.locate(images if self._order is None else self._order[images])
        camera = self._camera_of[piece]
        groups, columns = {}, {}
        for number, chosen in enumerate(self._cameras):
            here = np.flatnonzero(camera == number) if len(self._cameras) > 1 else slice(None)
            part = images[here]
            if len(part) or self._level == "telescope":
                with self._lock:
                    self._forget()
                    pixels, ids = self._stores[number].read(self._table_of[piece[here]], table_row[here])
                groups[chosen.key] = self._images(part, piece[here], event[here], pixels, ids)
                columns = _of_images(ids, groups[chosen.key])
        if self._level == "subarray":
            columns = {n: torch.from_numpy(self._events[n][rows]) for n in _EVENT_COLUMNS if n in self._events}
        return Batch(images=groups, events={"row": torch.from_numpy(rows)} | columns)

    def close(self) -> None:
        """Close all files, and tell of what was noticed in them."""
        for store in self._stores:
            store.close()
            for file, counts in store.counts.items():
                if counts.broken:
                    _log.warning("%s: %d pixels have no finite value; they became 0", file.path, counts.broken)
                if counts.invalid:
                    _log.warning("%s: %d images are marked as not valid; they are used", file.path, counts.invalid)
            store.counts.clear()
        self._open_files.close()

    def _forget(self) -> None:
        """Let files go of what was kept while columns were read, which is not needed for images."""
        if not self._reading:
            self._reading = True
            for file in self.files:
                file.forget()

    def _opened(self, paths: Sequence[Path], on_corrupt: str) -> list[DL1File]:
        """All files, or those that can be opened and whose tables of events can be read."""
        files = []
        for path in paths:
            try:
                file = open_dl1(path, self._open_files)
                check_telescopes(file)
                file.prepare()
                if on_corrupt == "skip":
                    check_events(file)
                files.append(file)
            except DataError as error:
                if on_corrupt == "stop":
                    raise
                _log.warning("left out: %s", error)
        if not files:
            raise DataError(f"none of {len(paths)} files can be read")
        if len({file.equivalent_focal for file in files}) > 1:
            others = next(file.path for file in files if file.equivalent_focal)
            _log.warning(
                "lengths in degrees, such as hillas_length, are some per cent larger in %s and its like than in other"
                " files: they were made with the equivalent focal length",
                others,
            )
        return files

    def _make_index(self, on_corrupt: str) -> None:
        if on_corrupt == "skip":
            self._leave_out_lacking()
        pieces, self._camera_of = find_pieces(self.files, self._cameras, skip=on_corrupt == "skip")
        if not pieces:
            raise DataError(f"no usable image in {', '.join(str(f.path) for f in self.files)}")
        self._index = ImageIndex(pieces, self.files)
        self._stations = Stations(pieces, self.files)
        self._events, self._order = self._index.table(), None
        if self._level == "subarray":
            tell_moved_telescopes(self.files)
            images = self._events
            named = images.with_columns(names_of_images(images, self.files, self._cameras))
            self._events, self._order = by_event(named)

    def _make_stores(self, budget: int, threads: int) -> None:
        """Memory for the images of each camera, in proportion to how much these are."""
        pieces = self._index.pieces
        self._table_of = np.zeros(len(pieces), dtype=np.int64)
        sizes = []
        for number, camera in enumerate(self._cameras):
            mine = np.flatnonzero(self._camera_of == number)
            self._table_of[mine] = np.arange(len(mine))
            sizes.append(sum(len(pieces[i]) for i in mine) * camera.geometry.n_pixels)
        for number, size in enumerate(sizes):
            tables = [
                Stored(file=pieces[i].file, table=pieces[i].table) for i in np.flatnonzero(self._camera_of == number)
            ]
            self._stores.append(ImageStore(tables, self._channels, budget * size // sum(sizes), threads))

    def _lacking(self, file: DL1File, table: ImageTable) -> str:
        """What a table of images lacks for the channels; empty if nothing."""
        missing = sorted(set(self._channels) - {"valid"} - set(table.decoders))
        if not missing:
            return ""
        return f"{file.path}, table {table.layout.path} has no column {missing[0]!r}, which channels= asks for"

    def _leave_out_lacking(self) -> None:
        """Leave out tables without what the channels need; if that were all of them, the channels are wrong."""
        found = [(file, table, self._lacking(file, table)) for file in self.files for table in file.images]
        if all(wrong for *_, wrong in found):
            return
        for file, table, wrong in found:
            if wrong:
                file.images = tuple(other for other in file.images if other is not table)
                _log.warning("left out: %s", wrong)

    def _check_columns(self) -> None:
        """Every image table must have what the channels need, and the event table what goes with the images."""
        for piece in self._index.pieces:
            if wrong := self._lacking(piece.file, piece.table):
                raise DataError(wrong)
        for name in self._columns:
            if name not in self._events.images:
                what = f"the data have no column {name!r}"
                raise SettingsError([Problem("columns", what, suggest(name, self._events.images.names))])
            if name.startswith("true_"):
                what = f"{name!r} is simulated truth, which a network must not be given"
                raise SettingsError([Problem("columns", what)])
            if name in TEXTS:
                raise SettingsError([Problem("columns", f"{name!r} is a text, and networks take numbers")])

    def _spec(self, camera: Camera) -> CameraSpec:
        geometry = camera.geometry
        return CameraSpec(geometry=geometry, shape=(geometry.n_pixels,), channels=self._channels)

    def _images(
        self,
        images: NDArray[np.int64],
        piece: NDArray[np.int64],
        event: NDArray[np.int64],
        pixels: NDArray[np.float32],
        ids: NDArray[np.int64],
    ) -> Images:
        table = self._events.images
        self._check_ids(images, ids)
        tel_id = self._stations.telescopes(piece, images, table)
        return Images(
            pixels=torch.from_numpy(pixels),
            channels=self._channels,
            event=torch.from_numpy(event),
            telescope=torch.from_numpy(tel_id),
            position=torch.from_numpy(self._stations.positions(piece, tel_id)),
            pointing=torch.from_numpy(self._stations.pointing(piece, tel_id, ids[:, 0], images, table)),
            columns={n: torch.from_numpy(table[n][images].astype(np.float32)) for n in self._columns},
        )

    def _check_ids(self, images: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """The table that named these events, if it did, must mean the images that were read."""
        table = self._events.images
        wrong = np.zeros(len(images), dtype=bool)
        for number, name in enumerate(("obs_id", "event_id")):
            if table.known(name):
                wrong |= ids[:, number] != table[name][images]
        if wrong.any():
            first = images[np.flatnonzero(wrong)[0]]
            path = self.files[int(table["file"][first])].path
            raise DataError(
                f"{path}, telescope {table['tel_id'][first]}: the tables of images and of parameters list other events"
                f" from row {table['table_row'][first]} on"
            )


def _of_images(ids: NDArray[np.int64], images: Images) -> dict[str, torch.Tensor]:
    """Columns of events that are one image each."""
    names = {"obs_id": ids[:, 0], "event_id": ids[:, 1]}
    return {n: torch.from_numpy(v.copy()) for n, v in names.items()} | {
        n: images.pointing[:, i] for i, n in enumerate(("pointing_alt", "pointing_az"))
    }


def _checked_channels(channels: Sequence[str]) -> tuple[str, ...]:
    given = (channels,) if isinstance(channels, str) else tuple(channels)
    for name in given:
        if name not in CHANNELS:
            hint = suggest(name, CHANNELS) or f"one of {', '.join(CHANNELS)}"
            raise SettingsError([Problem("channels", f"there is no channel {name!r}", hint)])
    if not given or len(set(given)) < len(given):
        raise SettingsError([Problem("channels", f"expected different names, got {given}")])
    return given


__all__ = ["DL1Source"]

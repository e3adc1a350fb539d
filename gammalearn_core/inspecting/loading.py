"""A file as ``core.dl1`` sees it: whatever keeps that loader from reading it is a problem of the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.choice import Camera
from gammalearn_core.builtin.loaders.dl1.choice import check_telescopes
from gammalearn_core.builtin.loaders.dl1.choice import find_cameras
from gammalearn_core.builtin.loaders.dl1.ctapipe import PARAMETERS
from gammalearn_core.builtin.loaders.dl1.formats import PIXEL_COLUMNS
from gammalearn_core.builtin.loaders.dl1.formats import Column
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.images import OF_EVENT
from gammalearn_core.builtin.loaders.dl1.opening import open_dl1
from gammalearn_core.builtin.loaders.dl1.selecting import find_pieces
from gammalearn_core.inspecting.contents import IDS
from gammalearn_core.inspecting.contents import Tables
from gammalearn_core.inspecting.events import first_rows
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Range
from gammalearn_core.inspecting.wording import count

_LOG = "gammalearn_core.builtin.loaders.dl1"


class OneFile(OpenFiles):
    """A file that is open already, for what opens files by itself."""

    def __init__(self, h5: h5py.File) -> None:
        super().__init__()
        self._h5 = h5

    @contextmanager
    def open(self, path: Path) -> Iterator[h5py.File]:
        """The file."""
        yield self._h5

    @contextmanager
    def table(self, path: Path, name: str) -> Iterator[h5py.Dataset]:
        """A table of the file."""
        yield self._h5[name]


class _Noting(logging.Handler):
    """Makes warnings problems of a file."""

    def __init__(self, info: FileInfo) -> None:
        super().__init__(logging.WARNING)
        self._info = info

    def emit(self, record: logging.LogRecord) -> None:
        self._info.warn(record.getMessage())


@contextmanager
def warnings_noted(info: FileInfo) -> Iterator[None]:
    """What the loader warns of until the end of the context is a problem of the file, and not printed."""
    logger = logging.getLogger(_LOG)
    handler = _Noting(info)
    before = logger.propagate
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def open_as_dl1(info: FileInfo, h5: h5py.File) -> DL1File | None:
    """The file as the loader opens it, or None if it cannot be opened so. A DL2 file need not have images."""
    if info.holds["predictions"] and not info.holds["images"]:
        return None
    with info.noting():
        return open_dl1(info.path, OneFile(h5))
    return None


def find_cameras_of(info: FileInfo, dl1: DL1File) -> list[Camera]:
    """Cameras as the loader calls them; names that stand for several are told."""
    cameras: list[Camera] = []
    with info.noting():
        check_telescopes(dl1)
        cameras = find_cameras([dl1])
    names = [c.geometry.name for c in cameras]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        keys = " and ".join(repr(c.key) for c in cameras if c.geometry.name == name)
        info.warn(f"{names.count(name)} geometries are called {name!r}; cameras= tells them apart as {keys}")
    return cameras


def describe_samples(
    info: FileInfo, tables: Tables, dl1: DL1File, cameras: Sequence[Camera], *, everything: bool
) -> None:
    """Number of images, columns as settings name them, pointing, and times of observations.

    These need the ids of the images, and so all images have to be read if no table of parameters tells them.
    """
    info.images = sum(table.layout.rows for table in dl1.images)
    _check_channels(info, dl1)
    if not dl1.images:
        info.error("no telescope has images")
    if not dl1.images or not cameras:
        return
    if not (everything or _ids_are_cheap(tables, dl1)):
        info.warn("no parameters tell the events of the images: only --verify, which reads all, checks the pointing")
        return
    _check_repetitions(info, dl1)
    with info.noting():
        pieces, _ = find_pieces([dl1], cameras, skip=False)
        if not pieces:
            info.error("all images are of calibration events")
            return
        columns = dl1.columns(pieces)
        info.columns = info.columns | _sorted(columns)
        _describe_columns(info, columns)
        if everything:
            _read_all(info, columns)


def _ids_are_cheap(tables: Tables, dl1: DL1File) -> bool:
    def parameters(table: ImageTable) -> h5py.Dataset | None:
        return tables.get(f"{PARAMETERS}/{table.layout.path.rpartition('/')[2]}")

    return all((p := parameters(t)) is not None and len(p) == t.layout.rows for t in dl1.images)


def _check_channels(info: FileInfo, dl1: DL1File) -> None:
    for name in PIXEL_COLUMNS:
        without = sum(table.layout.rows for table in dl1.images if name not in table.decoders)
        if without:
            info.warn(f"{count(without, 'image')} without {name!r}: leave it out of channels=")


def _check_repetitions(info: FileInfo, dl1: DL1File) -> None:
    for table in dl1.images:
        with info.noting():
            ids = dl1.ids(table)
            repeated = len(ids) - len(first_rows(ids))
            if repeated:
                info.warn(f"images are repeated in {count(repeated, 'row')}", table=table.layout.path)


def _sorted(columns: Mapping[str, Column]) -> dict[str, list[str]]:
    """Names of columns by what they tell of."""
    found: dict[str, list[str]] = {"parameters": [], "truth": [], "events": []}
    for name in columns:
        if name not in IDS:
            of_event = name in OF_EVENT or name.startswith("pointing_")
            found["events" if of_event else "truth" if name.startswith("true_") else "parameters"].append(name)
    return found


def _describe_columns(info: FileInfo, columns: Mapping[str, Column]) -> None:
    """Evaluate the columns that runs need, so that it is known whether they can be read."""
    if "true_energy" in columns and info.usable:
        with info.noting():
            columns["true_energy"]("true_energy")
    with info.noting():
        info.altitude = _range(columns["pointing_alt"]("pointing_alt"))
        info.azimuth = _turned(columns["pointing_az"]("pointing_az"))
    if not info.simulated and "time" in columns:
        with info.noting():
            info.time = _times(columns["time"]("time"))


def _read_all(info: FileInfo, columns: Mapping[str, Column]) -> None:
    """Evaluate all columns, of which any may be named in a cut."""
    for name, read in columns.items():
        with info.noting():
            read(name)


def _range(values: NDArray[np.float64]) -> Range | None:
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else None


def _turned(azimuth: NDArray[np.float64]) -> Range | None:
    """The range of directions, across north too."""
    finite = azimuth[np.isfinite(azimuth)]
    if not len(finite):
        return None
    offsets = (finite - finite[0] + 180.0) % 360.0 - 180.0
    start = float((finite[0] + offsets.min()) % 360.0)
    return start, start + float(np.ptp(offsets))


def _times(seconds: NDArray[np.float64]) -> tuple[str, str] | None:
    found = _range(seconds[seconds > 0])
    if found is None:
        return None
    first, last = (datetime.fromtimestamp(s, UTC).isoformat(sep=" ", timespec="milliseconds")[:23] for s in found)
    return first, last


__all__ = ["describe_samples", "find_cameras_of", "open_as_dl1", "warnings_noted"]

"""Everything that is told of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.instrument import Telescope
from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.inspecting.contents import Tables
from gammalearn_core.inspecting.contents import describe_contents
from gammalearn_core.inspecting.contents import describe_simulation
from gammalearn_core.inspecting.damage import verify
from gammalearn_core.inspecting.events import describe_events
from gammalearn_core.inspecting.instrument import count_rows
from gammalearn_core.inspecting.instrument import describe_instrument
from gammalearn_core.inspecting.loading import describe_samples
from gammalearn_core.inspecting.loading import find_cameras_of
from gammalearn_core.inspecting.loading import open_as_dl1
from gammalearn_core.inspecting.loading import warnings_noted
from gammalearn_core.inspecting.opening import open_unlocked
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.storage import describe_storage
from gammalearn_core.inspecting.storage import find_datasets


def describe(path: Path, *, everything: bool = False, progress: Callable[[str], object] = str) -> FileInfo:
    """What a file holds, as far as it can be found out; it is never an error.

    Images are not read, except for the first and the last chunk of a table, unless ``everything`` is.

    Parameters
    ----------
    path : Path
    everything : bool
        Whether to read every chunk, to find those that are damaged.
    progress : callable
        Is told the path of each table before it is read as a whole.
    """
    info = FileInfo(path=path)
    # Damaged numbers are of any size, and truth may be missing: what comes of it is told, not printed.
    with info.noting(), np.errstate(all="ignore"), open_unlocked(path) as h5, warnings_noted(info):
        info.size = path.stat().st_size
        datasets = find_datasets(info, h5)
        _describe(info, h5, Tables(datasets), everything=everything)
        info.storage = describe_storage(datasets)
        if everything:
            verify(info, datasets, progress=progress)
    info.problems.sort(key=lambda p: p.severity != "error")
    return info


def _describe(info: FileInfo, h5: h5py.File, tables: Tables, *, everything: bool) -> None:
    with info.noting():
        describe_contents(info, h5, tables)
    dl1 = open_as_dl1(info, h5)
    with info.noting():
        describe_events(info, h5)
    with info.noting():
        describe_simulation(info, tables)
    if info.format is not None:
        with info.noting():
            _describe_telescopes(info, h5, tables, dl1, everything=everything)
    if info.images is None and info.format is not None:
        info.images = sum(c.images for c in info.cameras)


def _describe_telescopes(
    info: FileInfo, h5: h5py.File, tables: Tables, dl1: DL1File | None, *, everything: bool
) -> None:
    cameras = [] if dl1 is None else find_cameras_of(info, dl1)
    if dl1 is not None:
        info.data_model = dl1.model or info.data_model
        if info.format == "lstchain" and info.data_model:
            info.software = info.software or f"lstchain {info.data_model}"
        describe_samples(info, tables, dl1, cameras, everything=everything)
    telescopes: dict[int, Telescope] = read_telescopes(h5, {}) if dl1 is None else dl1.telescopes
    describe_instrument(info, telescopes, count_rows(info, tables, dl1), cameras)


__all__ = ["describe"]

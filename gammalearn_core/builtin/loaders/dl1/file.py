"""One ctapipe DL1 file: what it is, and its images, truth and pointing."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.instrument import Telescope
from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import read_rows
from gammalearn_core.data.columns import text
from gammalearn_core.errors import DataError

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
POINTING = (
    "/configuration/telescope/pointing",
    "/dl0/monitoring/telescope/pointing",
    "/dl1/monitoring/telescope/pointing",
)
VERSION = "CTA PRODUCT DATA MODEL VERSION"
MODELS = range(4, 8)
"""Major versions of ctapipe's data model that are read."""
SUBARRAY_EVENT = 32
"""``event_type`` of showers; others are calibration."""

Ids = NDArray[np.int64]


class DL1File:
    """A ctapipe DL1 file, open for reading.

    Raises
    ------
    DataError
        It is not one, is damaged, or has no images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.h5 = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            what = (
                "is truncated: it ends too early" if "truncated" in str(error) else f"cannot be opened as HDF5: {error}"
            )
            raise DataError(f"{path} {what}") from error
        try:
            self._recognise()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.h5.close()

    def _recognise(self) -> None:
        if self._group(IMAGES) is None:
            raise DataError(f"{self.path} {self._what_it_is()}")
        found = re.match(r"v?(\d+)\.", self.model)
        if not found or int(found[1]) not in MODELS:
            raise DataError(
                f"{self.path} is written in data model {self.model or 'unknown'}; this reads"
                f" v{MODELS[0]} to v{MODELS[-1]}: process it again with a newer ctapipe"
            )

    def _what_it_is(self) -> str:
        if self._group("/dl1/event/telescope/image") is not None:
            return "is lstchain DL1, which this version does not read"
        if self._group(PARAMETERS) is not None:
            return "has DL1 parameters but no images: run ctapipe-process with --write-images"
        if self._group("/dl2") is not None:
            return "is a DL2 file without images"
        if self._group("/r1/event/telescope") is not None or self._group("/r0/event/telescope") is not None:
            return "has waveforms but no images: run ctapipe-process with --write-images"
        return f"is HDF5, but not ctapipe DL1: it has no {IMAGES}"

    def _group(self, path: str) -> h5py.Group | None:
        node = self.h5.get(path)
        return node if isinstance(node, h5py.Group) else None

    def table(self, path: str) -> h5py.Dataset | None:
        """A table, or None."""
        node = self.h5.get(path)
        return node if isinstance(node, h5py.Dataset) and node.dtype.names is not None else None

    @property
    def model(self) -> str:
        """Version of the data model."""
        return str(text(self.h5.attrs.get(VERSION, "")))

    @cached_property
    def telescopes(self) -> dict[int, Telescope]:
        """The subarray."""
        return read_telescopes(self.h5)

    @cached_property
    def image_tables(self) -> dict[int, h5py.Dataset]:
        """Image tables that have rows, by ``tel_id``; most telescopes of an array have none."""
        group = self._group(IMAGES)
        assert group is not None
        found = {int(name[4:]): node for name, node in group.items() if re.fullmatch(r"tel_\d+", name)}
        return {tel: found[tel] for tel in sorted(found) if len(found[tel])}

    @property
    def simulated(self) -> bool:
        """Whether there is truth."""
        return self.table(SHOWER) is not None

    @cached_property
    def shower(self) -> tuple[Ids, dict[str, NDArray[Any]]]:
        """Ids ``(n, 2)`` of simulated events, and their truth by column."""
        table = self.table(SHOWER)
        assert table is not None
        keys = event_ids(table)
        if len(np.unique(keys, axis=0)) < len(keys):
            raise DataError(f"{self.path}, table {SHOWER}: some (obs_id, event_id) stand there twice")
        return keys, {n: read_column(table, n) for n in table.dtype.names if n.startswith("true_")}

    @cached_property
    def trigger(self) -> tuple[Ids, dict[str, NDArray[Any]]]:
        """Ids ``(n, 2)`` of triggered events, with ``multiplicity`` and ``event_type``."""
        table = self.table(TRIGGER)
        if table is None:
            raise DataError(f"{self.path} has no table {TRIGGER}")
        columns = {}
        if "tels_with_trigger" in table.dtype.names:
            columns["multiplicity"] = read_column(table, "tels_with_trigger").astype(bool).sum(axis=1)
        if "event_type" in table.dtype.names:
            columns["event_type"] = read_column(table, "event_type").astype(np.int64)
        return event_ids(table), columns

    def parameters(self, tel_id: int) -> tuple[Ids, h5py.Dataset] | None:
        """Ids and table of the DL1 parameters of a telescope, if the file has them."""
        table = self.table(f"{PARAMETERS}/tel_{tel_id:03d}")
        return None if table is None else (event_ids(table), table)

    def pointing(self, tel_id: int, obs_id: NDArray[np.int64]) -> NDArray[np.float64]:
        """Altitude and azimuth (deg) of a telescope for each ``obs_id``, ``(n, 2)``.

        Raises
        ------
        DataError
            The file does not say where the telescope points to.
        """
        for folder in POINTING:
            table = self.table(f"{folder}/tel_{tel_id:03d}")
            if table is not None and len(table):
                return self._pointing(table, obs_id)
        raise DataError(f"{self.path} does not say where telescope {tel_id} points to: none of {', '.join(POINTING)}")

    def _pointing(self, table: h5py.Dataset, obs_id: NDArray[np.int64]) -> NDArray[np.float64]:
        alt, az = (next(n for n in table.dtype.names if n.endswith(end)) for end in ("altitude", "azimuth"))
        values = np.column_stack([read_column(table, alt), read_column(table, az)]).astype(np.float64)
        if "obs_id" in table.dtype.names:
            rows = match(obs_id[:, None].astype(np.int64), read_column(table, "obs_id")[:, None].astype(np.int64))
            if (rows < 0).any():
                raise DataError(f"{self.path}, table {table.name}: no pointing for obs_id {obs_id[rows < 0][0]}")
            return values[rows]
        if np.ptp(values, axis=0).max() > 1e-4:
            raise DataError(f"{self.path}, table {table.name}: a pointing that changes with time is not supported yet")
        return np.broadcast_to(values[0], (len(obs_id), 2))


def event_ids(table: h5py.Dataset) -> Ids:
    """``(obs_id, event_id)`` of each row, ``(n, 2)``."""
    return valid_ids(table)[0]


def valid_ids(table: h5py.Dataset) -> tuple[Ids, NDArray[np.bool_]]:
    """``(obs_id, event_id)`` of each row, ``(n, 2)``, and whether the row is valid, which it is unless it says not.

    One pass over the table: HDF5 decompresses all columns of a chunk to read one.
    """
    known = table.dtype.names or ()
    missing = [n for n in ("obs_id", "event_id") if n not in known]
    if missing:
        raise DataError(f"{label(table)} has no column {missing[0]!r}")
    rows = read_rows(table, slice(None), [n for n in ("obs_id", "event_id", "is_valid") if n in known])
    keys = np.column_stack([rows["obs_id"], rows["event_id"]]).astype(np.int64)
    valid = rows["is_valid"].astype(bool) if "is_valid" in known else np.ones(len(keys), dtype=bool)
    return keys, valid


def taken(values: NDArray[Any], rows: Ids) -> NDArray[Any]:
    """These rows of a column; NaN, or -1 in whole numbers, where the row is -1."""
    if not len(values):
        return np.full(len(rows), np.nan if values.dtype.kind == "f" else -1)
    taken = values[rows].copy()
    taken[rows < 0] = np.nan if taken.dtype.kind == "f" else -1
    return taken


__all__ = ["SUBARRAY_EVENT", "DL1File", "event_ids", "taken", "valid_ids"]

"""ctapipe's DL1 files, data models v1 to v7."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import cached_property
from functools import partial
from pathlib import Path
from typing import Any
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.formats import CALIBRATION
from gammalearn_core.builtin.loaders.dl1.formats import Column
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import Ids
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.formats import Memory
from gammalearn_core.builtin.loaders.dl1.formats import Piece
from gammalearn_core.builtin.loaders.dl1.formats import event_ids
from gammalearn_core.builtin.loaders.dl1.formats import image_table
from gammalearn_core.builtin.loaders.dl1.formats import rows_of
from gammalearn_core.builtin.loaders.dl1.formats import simulated_index
from gammalearn_core.builtin.loaders.dl1.formats import taken
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.builtin.loaders.dl1.pointing import FOLDERS
from gammalearn_core.builtin.loaders.dl1.pointing import directions
from gammalearn_core.builtin.loaders.dl1.pointing import seconds
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.columns import text
from gammalearn_core.errors import DataError

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
IMPACT = "/simulation/event/telescope/impact"
SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
RUN = "/configuration/simulation/run"
VERSION = "CTA PRODUCT DATA MODEL VERSION"
MODELS = range(1, 8)
"""Major versions of ctapipe's data model that are read."""
_IDS = ("obs_id", "event_id", "tel_id")


class CtapipeFile(DL1File):
    """A DL1 file of ctapipe.

    Raises
    ------
    DataError
        It is of another data model, or damaged.
    """

    format: ClassVar[str] = "ctapipe"

    def __init__(self, path: Path, files: OpenFiles) -> None:
        super().__init__(path, files)
        with self.open() as h5:
            self.model = str(text(h5.attrs.get(VERSION, "")))
            found = re.match(r"v?(\d+)\.", self.model)
            if not found or int(found[1]) not in MODELS:
                raise DataError(
                    f"{path} is written in data model {self.model or 'unknown'}; this reads"
                    f" v{MODELS[0]} to v{MODELS[-1]}: process it again with another ctapipe"
                )
            self.telescopes = read_telescopes(h5)
            self.simulated = self.table(h5, SHOWER) is not None
            self.images = tuple(self._image_tables(h5))

    def usable(self, table: ImageTable) -> NDArray[np.bool_] | None:
        """Whether each image is of a shower, not of a calibration event; None if all are."""
        ids, columns = self._trigger
        if "event_type" not in columns or not np.isin(columns["event_type"], CALIBRATION).any():
            return None
        rows = match(self.ids(table)[:, :2], ids)
        keep: NDArray[np.bool_] = (rows < 0) | ~np.isin(taken(columns["event_type"], rows), CALIBRATION)
        return keep

    def columns(self, pieces: Sequence[Piece]) -> dict[str, Column]:
        """Columns of the images of these pieces, one after the other, each read when it is called."""
        memory = self.memory()

        def keys() -> Ids:
            return memory.once("keys", lambda: np.concatenate([p.taken(self.ids(p.table)) for p in pieces]))

        obs_id: Callable[[], Ids] = lambda: keys()[:, 0]  # noqa: E731
        found: dict[str, Column] = {name: partial(lambda i: keys()[:, i], i) for i, name in enumerate(_IDS)}
        found |= self._of_trigger(keys, memory)

        def pointing() -> NDArray[np.float64]:
            return memory.once("pointing", lambda: np.concatenate([self._pointing_of(p) for p in pieces]))

        found |= {n: partial(lambda i: pointing()[:, i], i) for i, n in enumerate(("pointing_alt", "pointing_az"))}
        found |= self._truth(keys, memory)
        with self.open() as h5:
            found |= simulated_index(self.table(h5, RUN), obs_id)
        found |= self._parameters(pieces, memory)
        return found

    def _parameters_path(self, table: ImageTable) -> str:
        return f"{PARAMETERS}/{table.layout.path.rpartition('/')[2]}"

    def _image_tables(self, h5: h5py.File) -> Iterator[ImageTable]:
        group = h5[IMAGES]
        for name in sorted(group):
            dataset = self.table(h5, f"{IMAGES}/{name}")
            if dataset is None or not len(dataset):
                continue
            of_one = re.fullmatch(r"tel_(\d+)", name)
            yield image_table(dataset, int(of_one[1]) if of_one else read_column(dataset, "tel_id"))

    @cached_property
    def _trigger(self) -> tuple[Ids, dict[str, NDArray[Any]]]:
        """Ids of triggered events, with ``multiplicity``, ``event_type`` and ``time`` (s)."""
        with self.open() as h5:
            table = self.table(h5, TRIGGER)
            if table is None:
                raise DataError(f"{self.path} has no table {TRIGGER}")
            columns = {}
            if "tels_with_trigger" in table.dtype.names:
                columns["multiplicity"] = read_column(table, "tels_with_trigger").astype(bool).sum(axis=1)
            if "event_type" in table.dtype.names:
                columns["event_type"] = read_column(table, "event_type").astype(np.int64)
            if "time" in table.dtype.names:
                columns["time"] = seconds(table, "time")
            return event_ids(table), columns

    def _of_trigger(self, keys: Callable[[], Ids], memory: Memory) -> dict[str, Column]:
        ids, columns = self._trigger

        def rows() -> NDArray[np.int64]:
            where = f"{self.path}, table {TRIGGER}"
            return memory.once("trigger rows", lambda: rows_of(keys()[:, :2], ids, where))

        return {name: partial(lambda v: taken(v, rows()), values) for name, values in columns.items()}

    def _truth(self, keys: Callable[[], Ids], memory: Memory) -> dict[str, Column]:
        if not self.simulated:
            return {}
        with self.open() as h5:
            names = [n for n in h5[SHOWER].dtype.names if n.startswith("true_")]

        def read() -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
            with self.open() as h5:
                table = h5[SHOWER]
                rows = rows_of(keys()[:, :2], event_ids(table), f"{self.path}, table {SHOWER}")
                return rows, read_columns(table, names)

        def column(name: str) -> NDArray[Any]:
            rows, columns = memory.once("truth", read)
            return taken(columns[name], rows)

        return {n: partial(column, n) for n in names}

    def _pointing_of(self, piece: Piece) -> NDArray[np.float64]:
        """Altitude and azimuth (deg) of each image, ``(n, 2)``."""
        ids = piece.taken(self.ids(piece.table))
        found = np.empty((len(ids), 2))
        for tel_id in piece.table.telescopes:
            here = ids[:, 2] == tel_id
            if here.any():
                found[here] = self._pointing_of_telescope(tel_id, ids[here])
        return found

    def _pointing_of_telescope(self, tel_id: int, ids: Ids) -> NDArray[np.float64]:
        def time() -> NDArray[np.float64]:
            known, columns = self._trigger
            if "time" not in columns:
                raise DataError(f"{self.path}, table {TRIGGER}: the pointing changes, but events have no time")
            times: NDArray[np.float64] = taken(columns["time"], match(ids[:, :2], known))
            return times

        with self.open() as h5:
            for folder in FOLDERS:
                table = self.table(h5, f"{folder}/tel_{tel_id:03d}")
                if table is not None and len(table):
                    return directions(table, ids[:, 0], time)
        raise DataError(f"{self.path} does not say where telescope {tel_id} points to: none of {', '.join(FOLDERS)}")

    def _parameters(self, pieces: Sequence[Piece], memory: Memory) -> dict[str, Column]:
        """DL1 parameters and true impact distances that all of these pieces have."""
        found: dict[str, Column] = {}
        for folder, prefix in ((PARAMETERS, ""), (IMPACT, "true_")):
            paths = [f"{folder}/{p.table.layout.path.rpartition('/')[2]}" for p in pieces]
            with self.open() as h5:
                tables = [self.table(h5, path) for path in paths]
                if any(t is None for t in tables):
                    continue
                types = [t.dtype for t in tables if t is not None]
            names = [n for n in types[0].names if n not in _IDS and all(n in t.names for t in types)]
            rows = partial(memory.once, folder, partial(self._parameter_rows, pieces, paths))
            for name in names:
                numeric = all(t[name].shape == () and t[name].kind in "fiub" for t in types)
                if numeric and name.startswith(prefix):
                    called = self._name_now(name)
                    found[called] = partial(self._parameter, paths, name, rows)
        return found

    def _name_now(self, name: str) -> str:
        """What a parameter is called today: v1 had lengths in the camera frame, and until v3 counts had other names."""
        if self.model.startswith(("v1.", "1.")) and re.match(r"(hillas|timing)_", name):
            return f"camera_frame_{name}"
        return name.replace("morphology_num_", "morphology_n_")

    def _parameter_rows(self, pieces: Sequence[Piece], paths: Sequence[str]) -> list[NDArray[np.int64]]:
        """For each piece the rows of its parameters."""
        found = []
        with self.open() as h5:
            for piece, path in zip(pieces, paths, strict=True):
                ids = piece.taken(self.ids(piece.table))
                used = _IDS if "tel_id" in h5[path].dtype.names else _IDS[:2]
                known = np.column_stack([read_column(h5[path], n) for n in used]).astype(np.int64)
                found.append(match(ids[:, : len(used)], known))
        return found

    def _parameter(
        self, paths: Sequence[str], name: str, rows: Callable[[], list[NDArray[np.int64]]]
    ) -> NDArray[np.float64]:
        chosen = rows()
        with self.open() as h5:
            values = [read_column(h5[path], name).astype(np.float64) for path in paths]
        return np.concatenate([taken(v, r) for v, r in zip(values, chosen, strict=True)])


__all__ = ["IMAGES", "MODELS", "PARAMETERS", "SHOWER", "TRIGGER", "VERSION", "CtapipeFile"]

"""ctapipe's DL1 files, data models v1 to v7."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
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
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.formats import Memory
from gammalearn_core.builtin.loaders.dl1.formats import Piece
from gammalearn_core.builtin.loaders.dl1.formats import check_telescope
from gammalearn_core.builtin.loaders.dl1.formats import image_table
from gammalearn_core.builtin.loaders.dl1.formats import simulated_index
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.ids import Ids
from gammalearn_core.builtin.loaders.dl1.ids import check_unique
from gammalearn_core.builtin.loaders.dl1.ids import event_ids
from gammalearn_core.builtin.loaders.dl1.ids import multiplicity
from gammalearn_core.builtin.loaders.dl1.ids import rows_of
from gammalearn_core.builtin.loaders.dl1.ids import taken
from gammalearn_core.builtin.loaders.dl1.ids import whole_numbers
from gammalearn_core.builtin.loaders.dl1.instrument import array_name
from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.builtin.loaders.dl1.nodes import find
from gammalearn_core.builtin.loaders.dl1.nodes import find_table
from gammalearn_core.builtin.loaders.dl1.nodes import names_in
from gammalearn_core.builtin.loaders.dl1.pointing import FOLDERS
from gammalearn_core.builtin.loaders.dl1.pointing import directions
from gammalearn_core.builtin.loaders.dl1.pointing import moves
from gammalearn_core.builtin.loaders.dl1.pointing import seconds
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import row_type
from gammalearn_core.data.columns import text
from gammalearn_core.errors import DataError

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
IMPACT = "/simulation/event/telescope/impact"
SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
TEL_TRIGGER = "/dl1/event/telescope/trigger"
RUN = "/configuration/simulation/run"
LAYOUT = "/configuration/instrument/subarray/layout"
VERSION = "CTA PRODUCT DATA MODEL VERSION"
MODELS = range(1, 8)
"""Major versions of ctapipe's data model that are read."""
_OF_EVENTS = (*(f"/{level}/event" for level in ("r0", "r1", "dl0", "dl1", "dl2")), "/simulation/event", FOLDERS[1])
"""What there is as soon as there is an event."""
_IDS = ("obs_id", "event_id", "tel_id")
_POINTING = ("pointing_alt", "pointing_az")


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
            self._major = int(found[1])
            self.equivalent_focal = self._major in (2, 3)
            self.telescopes = read_telescopes(h5, files.cameras)
            self.array = array_name(h5)
            self.simulated = self.row_type_at(SHOWER) is not None
            self.images = tuple(self._image_tables(h5))
            self._check_complete(h5)

    def prepare(self) -> None:
        """Look up now, while the file is open, what `usable` and `columns` would open it again for."""
        if not self.images:
            return
        with self.open():
            _ = self._calibration
            self.columns([Piece(file=self, table=table, rows=None) for table in self.images])

    def usable(self, table: ImageTable) -> NDArray[np.bool_] | None:
        """Whether each image is of a shower, not of a calibration event; None if all are."""
        if not self._calibration:
            return None
        ids, types = self._read_trigger("event_type")
        rows = match(self.ids(table)[:, :2], ids)
        keep: NDArray[np.bool_] = (rows < 0) | ~np.isin(taken(types, rows), CALIBRATION)
        return keep

    def columns(self, pieces: Sequence[Piece]) -> dict[str, Column]:
        """By name: what reads a column of the images of these pieces, one after the other."""
        memory = self.memory()

        def keys() -> Ids:
            return np.concatenate([p.taken(self.ids(p.table)) for p in pieces])

        def pointing(name: str) -> NDArray[np.float64]:
            return np.concatenate([self._pointing_of(p) for p in pieces])[:, _POINTING.index(name)]

        found: dict[str, Column] = dict.fromkeys(_IDS, lambda name: keys()[:, _IDS.index(name)])
        found |= self._of_trigger(keys, memory)
        found |= dict.fromkeys(_POINTING, pointing)
        found |= self._truth(keys, memory)
        found |= simulated_index(self, RUN, lambda: keys()[:, 0])
        found |= self._parameters(pieces, memory)
        return found

    def _parameters_path(self, table: ImageTable) -> str:
        return f"{PARAMETERS}/{table.layout.path.rpartition('/')[2]}"

    def _image_tables(self, h5: h5py.File) -> Iterator[ImageTable]:
        for name in names_in(h5, IMAGES):
            dataset = self.table(h5, f"{IMAGES}/{name}")
            if dataset is None or not len(dataset):
                continue
            of_one = re.fullmatch(r"tel_(\d+)", name)
            yield image_table(dataset, int(of_one[1]) if of_one else whole_numbers(dataset, ["tel_id"])[:, 0])

    def _check_complete(self, h5: h5py.File) -> None:
        """Ctapipe writes parameters of the images that it writes, so a table that only they have has been lost."""
        known = {t.layout.path.rpartition("/")[2]: t.layout.rows for t in self.images}
        for name in names_in(h5, PARAMETERS):
            table = self.table(h5, f"{PARAMETERS}/{name}")
            rows = len(table) if table is not None else 0
            if rows and name not in known:
                raise DataError(
                    f"{self.path} has DL1 parameters of {name}, but no images: the table {IMAGES}/{name} is lost"
                )
            if rows > known.get(name, 0):
                raise DataError(
                    f"{self.path} has DL1 parameters of {rows} images of {name}, but {known[name]} images: rows of the"
                    f" table {IMAGES}/{name} are lost"
                )

    @cached_property
    def _trigger_columns(self) -> dict[str, str]:
        """What the trigger table tells, and the name of its column there."""
        kinds = self.row_type_at(TRIGGER)
        if kinds is None:
            raise DataError(f"{self.path} has no table {TRIGGER}")
        found = {"multiplicity": "tels_with_trigger", "event_type": "event_type", "time": "time"}
        found = {name: column for name, column in found.items() if column in (kinds.names or ())}
        if "multiplicity" not in found and self.row_type_at(TEL_TRIGGER) is not None:
            found["multiplicity"] = "tel_id"
        return found

    @cached_property
    def _calibration(self) -> bool:
        """Whether there is any calibration event."""
        if "event_type" not in self._trigger_columns:
            return False
        with self.open() as h5:
            return bool(np.isin(whole_numbers(h5[TRIGGER], ["event_type"]), CALIBRATION).any())

    def _read_trigger(self, name: str) -> tuple[Ids, NDArray[Any]]:
        """Ids of triggered events, and their ``multiplicity``, ``event_type`` or ``time`` (s)."""
        with self.open() as h5:
            table = h5[TRIGGER]
            if name == "time":
                return event_ids(table), seconds(table, "time")
            if self._trigger_columns[name] == "tel_id":
                triggered = whole_numbers(h5[TEL_TRIGGER], _IDS)
                check_unique(triggered, label(h5[TEL_TRIGGER]))
                return _counted(event_ids(table), triggered[:, :2])
            if name == "multiplicity":
                return event_ids(table), multiplicity(table)
            return event_ids(table), whole_numbers(table, [self._trigger_columns[name]])[:, 0]

    def _of_trigger(self, keys: Callable[[], Ids], memory: Memory) -> dict[str, Column]:
        where = f"{self.path}, table {TRIGGER}"

        def column(name: str) -> NDArray[Any]:
            ids, values = self._read_trigger(name)
            rows = memory.once("trigger", lambda: rows_of(keys()[:, :2], ids, where).astype(np.int32))
            return taken(values, rows)

        return dict.fromkeys(self._trigger_columns, column)

    def _truth(self, keys: Callable[[], Ids], memory: Memory) -> dict[str, Column]:
        kinds = self.row_type_at(SHOWER)
        if kinds is None:
            return {}
        names = [
            n for n in kinds.names or () if n.startswith("true_") and kinds[n].kind in "fiu" and not kinds[n].shape
        ]

        def column(name: str) -> NDArray[Any]:
            with self.open() as h5:
                ids, values = event_ids(h5[SHOWER]), read_column(h5[SHOWER], name)
            where = f"{self.path}, table {SHOWER}"
            return taken(values, memory.once("truth", lambda: rows_of(keys()[:, :2], ids, where).astype(np.int32)))

        return dict.fromkeys(names, column)

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
            if "time" not in self._trigger_columns:
                raise DataError(f"{self.path}, table {TRIGGER}: the pointing changes, but events have no time")
            known, times = self._read_trigger("time")
            return taken(times, match(ids[:, :2], known))

        with self.open() as h5:
            return directions(self._pointing_table(h5, tel_id), ids[:, 0], time, steps=self._steps)

    def direction(self, tel_id: int, obs_id: int) -> tuple[float, float] | None:
        """Altitude and azimuth (deg) of a telescope in a run; None if they follow the time."""
        with self.open() as h5:
            table = self._pointing_table(h5, tel_id)
            if moves(table):
                return None
            ((alt, az),) = directions(table, np.array([obs_id]), lambda: np.empty(0), steps=self._steps)
            return float(alt), float(az)

    @property
    def _steps(self) -> bool:
        """Whether pointings change in steps: before v6, tables of simulations had a row for each, without a run."""
        return self.simulated and self._major < 6

    def _pointing_table(self, h5: h5py.File, tel_id: int) -> h5py.Dataset:
        for folder in FOLDERS:
            table = self.table(h5, f"{folder}/tel_{tel_id:03d}")
            if table is not None and len(table):
                return table
        raise DataError(f"{self.path} does not say where telescope {tel_id} points to: none of {', '.join(FOLDERS)}")

    def _parameters(self, pieces: Sequence[Piece], memory: Memory) -> dict[str, Column]:
        """DL1 parameters and true impact distances that all of these pieces have."""
        found: dict[str, Column] = {}
        for folder, prefix in ((PARAMETERS, ""), (IMPACT, "true_")):
            paths = [f"{folder}/{p.table.layout.path.rpartition('/')[2]}" for p in pieces]
            types = [t for t in map(self.row_type_at, paths) if t is not None]
            if not types or len(types) < len(paths):
                continue
            known = [t.names or () for t in types]
            names = [n for n in known[0] if n not in _IDS and all(n in k for k in known)]
            names = [n for n in names if all(t[n].shape == () and t[n].kind in "fiub" for t in types)]
            stored = {self._name_now(n): n for n in names if n.startswith(prefix)}
            # The charge is the same in any frame.
            if "camera_frame_hillas_intensity" in stored:
                stored.setdefault("hillas_intensity", stored["camera_frame_hillas_intensity"])
            rows = partial(memory.once, folder, partial(self._parameter_rows, pieces, paths))
            found |= dict.fromkeys(stored, partial(self._parameter, paths, stored, rows))
        return found

    def _name_now(self, name: str) -> str:
        """What a parameter is called today: v1 had lengths in the camera frame, and until v3 counts had other names."""
        if self._major == 1 and re.match(r"(hillas|timing)_", name):
            return f"camera_frame_{name}"
        return name.replace("morphology_num_", "morphology_n_")

    def _parameter_rows(self, pieces: Sequence[Piece], paths: Sequence[str]) -> list[NDArray[np.int32]]:
        """For each piece the rows of its parameters."""
        found = []
        with self.open() as h5:
            for piece, path in zip(pieces, paths, strict=True):
                ids = piece.taken(self.ids(piece.table))
                used = _IDS if "tel_id" in (row_type(h5[path]).names or ()) else _IDS[:2]
                known = whole_numbers(h5[path], used)
                where = label(h5[path])
                check_unique(known, where)
                if len(used) == len(_IDS):
                    check_telescope(known[:, 2], piece.table, where)
                found.append(match(ids[:, : len(used)], known).astype(np.int32))
        return found

    def _parameter(
        self, paths: Sequence[str], stored: Mapping[str, str], rows: Callable[[], list[NDArray[np.int32]]], name: str
    ) -> NDArray[np.float64]:
        chosen = rows()
        with self.open() as h5:
            values = [read_column(h5[path], stored[name]).astype(np.float64) for path in paths]
        return np.concatenate([taken(v, r) for v, r in zip(values, chosen, strict=True)])


def nothing_triggered(h5: h5py.File) -> bool:
    """Whether it is a file of ctapipe without any event: ctapipe makes no table before it has a row for it."""
    return VERSION in h5.attrs and find_table(h5, LAYOUT) is not None and not any(find(h5, p) for p in _OF_EVENTS)


def _counted(ids: Ids, of_telescopes: Ids) -> tuple[Ids, NDArray[np.int64]]:
    """Number of telescopes of each event: ctapipe 0.8 had no mask of them."""
    rows = match(of_telescopes, ids)
    return ids, np.bincount(rows[rows >= 0], minlength=len(ids))


__all__ = ["IMAGES", "MODELS", "PARAMETERS", "SHOWER", "TRIGGER", "VERSION", "CtapipeFile", "nothing_triggered"]

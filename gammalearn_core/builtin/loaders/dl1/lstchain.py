"""DL1 files of lstchain: all telescopes of a type in one table, truth and pointing among the parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
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
from gammalearn_core.builtin.loaders.dl1.formats import Piece
from gammalearn_core.builtin.loaders.dl1.formats import image_table
from gammalearn_core.builtin.loaders.dl1.formats import simulated_index
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.ids import Ids
from gammalearn_core.builtin.loaders.dl1.ids import event_ids
from gammalearn_core.builtin.loaders.dl1.ids import multiplicity
from gammalearn_core.builtin.loaders.dl1.ids import rows_of
from gammalearn_core.builtin.loaders.dl1.ids import taken
from gammalearn_core.builtin.loaders.dl1.ids import whole_numbers
from gammalearn_core.builtin.loaders.dl1.instrument import array_name
from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.builtin.loaders.dl1.nodes import names_in
from gammalearn_core.builtin.loaders.dl1.pointing import FARTHEST
from gammalearn_core.builtin.loaders.dl1.pointing import HIGHEST
from gammalearn_core.builtin.loaders.dl1.pointing import check_directions
from gammalearn_core.data.columns import column_facts
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.columns import text
from gammalearn_core.errors import DataError

IMAGES = "/dl1/event/telescope/image"
PARAMETERS = "/dl1/event/telescope/parameters"
TRIGGER = "/dl1/event/subarray/trigger"
RUN = "/simulation/run_config"
VERSION = "LSTCHAIN_VERSION"
_CALIBRATION_BITS = 0b100100
"""Of ``trigger_type`` before lstchain 0.7, which had no ``event_type``: calibration and pedestal."""
_IDS = ("obs_id", "event_id", "tel_id")
NAMES = {
    "intensity": "hillas_intensity",
    "length": "hillas_length",
    "length_uncertainty": "hillas_length_uncertainty",
    "width": "hillas_width",
    "width_uncertainty": "hillas_width_uncertainty",
    "skewness": "camera_frame_hillas_skewness",
    "kurtosis": "hillas_kurtosis",
    "x": "camera_frame_hillas_x",
    "y": "camera_frame_hillas_y",
    "r": "camera_frame_hillas_r",
    "psi": "camera_frame_hillas_psi",
    "phi": "camera_frame_hillas_phi",
    "time_gradient": "camera_frame_timing_slope",
    "intercept": "camera_frame_timing_intercept",
    "leakage1_intensity": "leakage_intensity_width_1",
    "leakage2_intensity": "leakage_intensity_width_2",
    "n_pixels": "morphology_n_pixels",
    "n_islands": "morphology_n_islands",
    "alt_tel": "pointing_alt",
    "az_tel": "pointing_az",
    "trigger_time": "time",
    "mc_energy": "true_energy",
    "mc_alt": "true_alt",
    "mc_az": "true_az",
    "mc_core_x": "true_core_x",
    "mc_core_y": "true_core_y",
    "mc_h_first_int": "true_h_first_int",
    "mc_x_max": "true_x_max",
    "mc_type": "true_shower_primary_id",
}
"""lstchain's names of columns that ctapipe calls otherwise. Any other column keeps its name."""
_WHOLE = ("true_shower_primary_id", "event_type")
_DERIVED = ("mc_", "log_mc_", "disp_", "src_")
"""Beginnings of columns made from the truth; those that are not among `NAMES` are left out."""


class LstchainFile(DL1File):
    """A DL1 file of lstchain.

    Raises
    ------
    DataError
        It has no parameters, or is damaged.
    """

    format: ClassVar[str] = "lstchain"
    equivalent_focal = True

    def __init__(self, path: Path, files: OpenFiles) -> None:
        super().__init__(path, files)
        with self.open() as h5:
            self.telescopes = read_telescopes(h5, files.cameras)
            self.array = array_name(h5)
            self.images = tuple(self._image_tables(h5))
            tables = [h5[self._parameters_path(t)] for t in self.images]
            versions = [text(t.attrs.get(VERSION)) for t in tables]
            self.model = next((v for v in versions if isinstance(v, str) and v), "")
            self.simulated = bool(tables) and all(_simulated(t) for t in tables)

    def usable(self, table: ImageTable) -> NDArray[np.bool_] | None:
        """Whether each image is of a shower, not of a calibration event; None if all are."""
        with self.open() as h5:
            parameters = h5[self._parameters_path(table)]
            if "event_type" in parameters.dtype.names:
                calibration = np.isin(whole_numbers(parameters, ["event_type"])[:, 0], CALIBRATION)
            elif "trigger_type" in parameters.dtype.names and not self.simulated:
                bits = whole_numbers(parameters, ["trigger_type"])[:, 0]
                calibration = (bits > 0) & (bits & _CALIBRATION_BITS > 0)
            else:
                return None
        return ~calibration if calibration.any() else None

    def columns(self, pieces: Sequence[Piece]) -> dict[str, Column]:
        """By name: what reads a column of the images of these pieces, one after the other."""

        def keys() -> Ids:
            return np.concatenate([p.taken(self.ids(p.table)) for p in pieces])

        found: dict[str, Column] = dict.fromkeys(_IDS, lambda name: keys()[:, _IDS.index(name)])
        with self.open() as h5:
            tables = [h5[self._parameters_path(p.table)] for p in pieces]
            names = [n for n in tables[0].dtype.names if self._offered(n) and all(_numeric(t, n) for t in tables)]
            stored = {self._name(tables[0], n): n for n in names}
        found |= dict.fromkeys(stored, lambda name: self._parameter(pieces, stored[name]))
        found |= simulated_index(self, RUN, lambda: keys()[:, 0])
        return found | self._multiplicity(keys)

    def _parameters_path(self, table: ImageTable) -> str:
        return f"{PARAMETERS}/{table.layout.path.rpartition('/')[2]}"

    def _image_tables(self, h5: h5py.File) -> Iterator[ImageTable]:
        for name in names_in(h5, IMAGES):
            dataset = self.table(h5, f"{IMAGES}/{name}")
            if dataset is None or not len(dataset):
                continue
            parameters = self.table(h5, f"{PARAMETERS}/{name}")
            if parameters is None or len(parameters) != len(dataset):
                raise DataError(f"{self.path}: table {PARAMETERS}/{name} does not have a row for each image")
            missing = [n for n in ("alt_tel", "az_tel") if n not in parameters.dtype.names]
            if missing:
                raise DataError(f"{label(parameters)} has no column {missing[0]!r}")
            yield image_table(dataset, whole_numbers(parameters, ["tel_id"])[:, 0])

    def _read_ids(self, table: ImageTable) -> NDArray[np.int64]:
        ids = super()._read_ids(table)
        with self.open() as h5:
            parameters = h5[self._parameters_path(table)]
            known = whole_numbers(parameters, _IDS)
        if not np.array_equal(ids, known):
            raise DataError(f"{self.path}: the tables {table.layout.path} and {parameters.name} list other events")
        return ids

    def _offered(self, name: str) -> bool:
        if name in _IDS:
            return False
        return (self.simulated and name in NAMES) or not name.startswith(_DERIVED)

    def _name(self, table: h5py.Dataset, name: str) -> str:
        """Ctapipe's name of a column. Old versions gave lengths in metres on the camera."""
        called = NAMES.get(name, name)
        on_camera = re.fullmatch(r"(length|width)(_uncertainty)?", name)
        metres = on_camera and column_facts(table, name).get("UNIT") == "m"
        return f"camera_frame_{called}" if metres else called

    def _parameter(self, pieces: Sequence[Piece], name: str) -> NDArray[Any]:
        with self.open() as h5:
            read = [p.taken(read_column(h5[self._parameters_path(p.table)], name)) for p in pieces]
        values = np.concatenate(read)
        if name in ("alt_tel", "az_tel"):
            limit = HIGHEST if name == "alt_tel" else FARTHEST
            check_directions(values, f"{self.path}, table {PARAMETERS}, column {name!r}", limit)
        if name == "az_tel":
            values = values % 360.0
        if NAMES.get(name, name) not in _WHOLE:
            return values.astype(np.float64)
        if not np.isfinite(values).all():
            raise DataError(f"{self.path}, table {PARAMETERS}: some values of {name!r} are not whole numbers")
        return values.astype(np.int64)

    def _multiplicity(self, keys: Callable[[], Ids]) -> dict[str, Column]:
        with self.open() as h5:
            table = self.table(h5, TRIGGER)
            if table is None or "tels_with_trigger" not in table.dtype.names:
                return {}

        def column(name: str) -> NDArray[Any]:
            with self.open() as h5:
                ids, counts = event_ids(h5[TRIGGER]), multiplicity(h5[TRIGGER])
            return taken(counts, rows_of(keys()[:, :2], ids, f"{self.path}, table {TRIGGER}"))

        return {"multiplicity": column}


def _numeric(table: h5py.Dataset, name: str) -> bool:
    return name in table.dtype.names and table.dtype[name].shape == () and table.dtype[name].kind in "fiub"


def _simulated(table: h5py.Dataset) -> bool:
    """Whether there is truth: observed files lack the columns, but may have an ``mc_type`` of -9999."""
    if not {"mc_energy", "mc_type"} <= set(table.dtype.names):
        return False
    return bool((read_column(table, "mc_type") >= 0).any())


__all__ = ["IMAGES", "NAMES", "LstchainFile"]

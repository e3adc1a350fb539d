"""The instrument that a file describes: telescopes and their cameras."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Collection
from typing import Any

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gammalearn_core.builtin.loaders.dl1.nodes import find
from gammalearn_core.builtin.loaders.dl1.nodes import find_table
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.columns import read_rows
from gammalearn_core.data.columns import row_type
from gammalearn_core.data.columns import text
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.errors import DataError

_log = logging.getLogger(__name__)
Numbers = NDArray[np.float64]
_INSTRUMENT = "/configuration/instrument"
_OF_LAYOUT = (
    *("tel_id", "name", "type", "pos_x", "pos_y", "pos_z", "camera_name", "camera_index", "optics_index"),
    *("camera_type", "tel_description"),
)
_OF_OPTICS = ("equivalent_focal_length", "effective_focal_length", "optics_name", "name", "description")
_OF_CAMERA = ("pix_id", "pix_x", "pix_y", "pix_area")
"""Columns of the tables that are read, whatever the version of the file."""
_HIGHEST_ID = 2**16 - 1
_FARTHEST = 1e7
"""Metres; no telescope is farther from the centre of an array."""
_LONGEST = 1e3
"""Metres; no telescope has a longer focal length."""
_OUT_OF_LINE = 0.2
"""Relative; areas of pixels of one kind, and distances to the next one, differ by less."""
_FEW = 0.05
"""Share of the pixels; where more are out of line, the camera has pixels of several sizes."""
_MOST_LINES = 1000
"""Of the text beside a table."""


@frozen(kw_only=True)
class Telescope:
    """One telescope of a subarray."""

    tel_id: int
    name: str
    type: str
    position: tuple[float, float, float]
    """Ground frame, m."""
    geometry: CameraGeometry


Known = dict[object, CameraGeometry]
"""Cameras that were read before, by all that a file says of them: most files of a data set describe the same."""


def read_telescopes(file: h5py.File, known: Known) -> dict[int, Telescope]:
    """Telescopes by ``tel_id``, in the order of the layout, which masks over the subarray follow.

    Parameters
    ----------
    file : File
    known : dict
        Cameras of other files, which are used again where they are the same to the last bit; others are added.

    Raises
    ------
    DataError
        The file does not describe its instrument.
    """
    layout = _Table(file, f"{_INSTRUMENT}/subarray/layout", _OF_LAYOUT)
    optics = _Table(file, f"{_INSTRUMENT}/telescope/optics", _OF_OPTICS)
    focal = _focal_lengths(file, optics)
    indexed = "camera_index" in layout
    # Before ctapipe 0.9: the layout names camera and optics instead of numbering them.
    camera = layout.whole("camera_index") if indexed else layout.texts("camera_type")
    optic = layout.whole("optics_index") if indexed else _described(layout, optics)
    names = layout.texts("camera_name" if "camera_name" in layout else "camera_type")
    own_names, types, positions = layout.texts("name"), layout.texts("type"), _positions(layout)
    geometries: dict[tuple[Any, int], CameraGeometry] = {}
    telescopes = {}
    for i, tel_id in enumerate(layout.whole("tel_id")):
        if not 0 <= tel_id <= _HIGHEST_ID:
            raise DataError(f"{layout.where}: {tel_id} is no tel_id")
        key = camera[i], optic[i]
        if not 0 <= key[1] < len(focal):
            raise DataError(f"{file.filename}: telescope {tel_id} has optics {key[1]}, which are not described")
        if key not in geometries:
            geometries[key] = _geometry(file, key[0], names[i], focal[key[1]], known)
        if tel_id in telescopes:
            raise DataError(f"{file.filename} describes telescope {tel_id} twice")
        telescopes[tel_id] = Telescope(
            tel_id=tel_id,
            name=own_names[i],
            type=types[i],
            position=positions[i],
            geometry=geometries[key],
        )
    return telescopes


def array_name(file: h5py.File) -> str:
    """What the array is called; empty if the file does not say it."""
    layout = find_table(file, f"{_INSTRUMENT}/subarray/layout")
    found = [text(layout.attrs.get(name)) for name in ("name", "SUBARRAY")] if layout is not None else []
    return next((name for name in found if isinstance(name, str)), "")


class _Table:
    """Those of some columns that a small table has."""

    def __init__(self, file: h5py.File, path: str, names: Collection[str]) -> None:
        node = find_table(file, path)
        if node is None:
            raise DataError(f"{file.filename} has no table {path}, so the instrument is unknown")
        self.path = path
        self._node = node
        self.attributes = node.attrs
        self.checked = bool(node.fletcher32)
        self._columns = read_columns(node, [n for n in row_type(node).names or () if n in names])

    @property
    def where(self) -> str:
        """File and table, for messages."""
        return label(self._node)

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise DataError(f"{self.where} has no column {name!r}")
        if self._columns[name].ndim != 1:
            raise DataError(f"{self.where}, column {name!r} is not one value a row")
        return self._columns[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers."""
        if self[name].dtype.kind not in "fiu":
            raise DataError(f"{self.where}, column {name!r}: {self[name].dtype} is not a number")
        return self[name].astype(np.float64)

    def whole(self, name: str) -> list[int]:
        """A column of whole numbers."""
        if self[name].dtype.kind not in "iu":
            raise DataError(f"{self.where}, column {name!r}: {self[name].dtype} is not a whole number")
        return [int(value) for value in self[name]]

    def texts(self, name: str) -> list[str]:
        """A column of texts."""
        return [str(text(v)) for v in self[name].tolist()]


def _described(layout: _Table, optics: _Table) -> list[int]:
    """Row of the optics of each telescope, which has the same description."""
    known = optics.texts("description")
    wanted = layout.texts("tel_description")
    unknown = [w for w in wanted if w not in known]
    if unknown:
        raise DataError(f"{optics.where} does not describe {unknown[0]}")
    return [known.index(w) for w in wanted]


def _focal_lengths(file: h5py.File, optics: _Table) -> list[float]:
    equivalent = optics.numbers("equivalent_focal_length")
    effective = optics.numbers("effective_focal_length") if "effective_focal_length" in optics else equivalent * np.nan
    missing = ~np.isfinite(effective)
    if missing.any():
        names = optics.texts("optics_name" if "optics_name" in optics else "name")
        told = ", ".join(n for n, m in zip(names, missing, strict=True) if m)
        _log.warning("%s: no effective focal length for %s, using the equivalent one", file.filename, told)
    found = np.where(missing, equivalent, effective)
    if not ((found > 0) & (found <= _LONGEST)).all():
        raise DataError(f"{optics.where}: some telescopes have no focal length that makes sense")
    return [float(value) for value in found]


def _positions(layout: _Table) -> list[tuple[float, float, float]]:
    x, y, z = (layout.numbers(f"pos_{axis}") for axis in "xyz")
    wrong = ~(np.abs([x, y, z]).max(axis=0) <= _FARTHEST)
    if wrong.any():
        raise DataError(f"{layout.where}: the position of telescope {layout['tel_id'][wrong][0]} makes no sense")
    return list(zip(x.tolist(), y.tolist(), z.tolist(), strict=True))


def _geometry(file: h5py.File, index: int | str, name: str, focal_length: float, known: Known) -> CameraGeometry:
    table = _Table(file, f"{_INSTRUMENT}/telescope/camera/geometry_{index}", _OF_CAMERA)
    x, y, area = (table.numbers(n) for n in ("pix_x", "pix_y", "pix_area"))
    turn = -_camera_rotation(table, _lines_beside(file, table))
    order = table.numbers("pix_id") if "pix_id" in table else np.arange(len(x), dtype=np.float64)
    key = name, focal_length, turn, table.checked, *(values.tobytes() for values in (x, y, area, order))
    if key not in known:
        _check_pixels(table, x, y, area, order, focal_length)
        # As ctapipe reads it: the stored positions are turned by the camera's rotation, and are turned back.
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        known[key] = CameraGeometry(
            name=name,
            x=cos * x - sin * y if turn else x,
            y=sin * x + cos * y if turn else y,
            area=area,
            focal_length=focal_length,
        )
    return known[key]


def _check_pixels(table: _Table, x: Numbers, y: Numbers, area: Numbers, order: Numbers, focal_length: float) -> None:
    # Not negated, so that NaN makes no sense either. A camera is smaller than its distance from the mirror.
    if not (len(x) and (np.abs([x, y]) < focal_length).all() and ((area > 0) & (area < focal_length**2)).all()):
        raise DataError(f"{table.where}: some pixels have no position or area that makes sense")
    _check_apart(table, x, y, area)
    if (np.diff(order) <= 0).any():
        raise DataError(f"{table.where}: the pixels are not in the order of their pix_id")


def _check_apart(table: _Table, x: Numbers, y: Numbers, area: Numbers) -> None:
    """Refuse pixels at one place and, where no checksum would tell a flipped bit, a few that are out of line."""
    points = np.column_stack([x, y])
    apart = cKDTree(points).query(points, k=2)[0][:, 1]
    if not (apart > 0).all():
        raise DataError(f"{table.where}: some pixels are at the same place")
    for values in () if table.checked else (apart, area):
        wrong = np.abs(values / np.median(values) - 1) > _OUT_OF_LINE
        if 0 < wrong.mean() < _FEW:
            raise DataError(f"{table.where}: pixel {np.flatnonzero(wrong)[0]} is not like the others, it is damaged")


def _lines_beside(file: h5py.File, table: _Table) -> str:
    """Before ctapipe 0.13, a text beside the table told what attributes tell now."""
    beside = find(file, f"{table.path}.__table_column_meta__")
    if not isinstance(beside, h5py.Dataset) or beside.ndim != 1 or not 0 < len(beside) <= _MOST_LINES:
        return ""
    return "\n".join(str(text(line)) for line in read_rows(beside, slice(None)).tolist())


def _told(table: _Table, lines: str, key: str) -> Any:
    """What is told of a camera, or None."""
    found = re.search(rf"\b{key}: *([^\s,]+)", lines)
    return text(table.attributes.get(key, found[1] if found else None))


def _camera_rotation(table: _Table, lines: str) -> float:
    """The rotation of a camera, deg."""
    value = _told(table, lines, "CAM_ROT")
    try:
        number = float(value) if value is not None else 0.0
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= 360.0:
        raise DataError(f"{table.where}: the rotation CAM_ROT is {str(value)[:40]!r}, which makes no sense")
    return number


__all__ = ["Known", "Telescope", "array_name", "read_telescopes"]

"""The instrument that a file describes: telescopes and their cameras."""

from __future__ import annotations

import logging
import math
import re
from typing import Any

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.columns import text
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.errors import DataError

_log = logging.getLogger(__name__)
_INSTRUMENT = "/configuration/instrument"


@frozen(kw_only=True)
class Telescope:
    """One telescope of a subarray."""

    tel_id: int
    name: str
    type: str
    position: tuple[float, float, float]
    """Ground frame, m."""
    geometry: CameraGeometry


def read_telescopes(file: h5py.File) -> dict[int, Telescope]:
    """Telescopes by ``tel_id``, in the order of the layout, which masks over the subarray follow.

    Raises
    ------
    DataError
        The file does not describe its instrument.
    """
    layout = _Table(file, f"{_INSTRUMENT}/subarray/layout")
    optics = _Table(file, f"{_INSTRUMENT}/telescope/optics")
    focal = _focal_lengths(file, optics)
    indexed = "camera_index" in layout
    # Before ctapipe 0.9: the layout names camera and optics instead of numbering them.
    camera = layout["camera_index"].astype(int).tolist() if indexed else layout.texts("camera_type")
    optic = layout["optics_index"].astype(int).tolist() if indexed else _described(layout, optics)
    names = layout.texts("camera_name" if "camera_name" in layout else "camera_type")
    geometries: dict[tuple[Any, int], CameraGeometry] = {}
    telescopes = {}
    for i, tel_id in enumerate(layout["tel_id"].astype(int).tolist()):
        key = camera[i], optic[i]
        if not 0 <= key[1] < len(focal):
            raise DataError(f"{file.filename}: telescope {tel_id} has optics {key[1]}, which are not described")
        if key not in geometries:
            geometries[key] = _geometry(file, key[0], str(names[i]), focal[key[1]])
        if tel_id in telescopes:
            raise DataError(f"{file.filename} describes telescope {tel_id} twice")
        telescopes[tel_id] = Telescope(
            tel_id=tel_id,
            name=layout.texts("name")[i],
            type=layout.texts("type")[i],
            position=tuple(float(layout[f"pos_{axis}"][i]) for axis in "xyz"),  # type: ignore[arg-type]
            geometry=geometries[key],
        )
    return telescopes


class _Table:
    """All columns of a small table."""

    def __init__(self, file: h5py.File, path: str) -> None:
        node = file.get(path)
        if not isinstance(node, h5py.Dataset) or node.dtype.names is None:
            raise DataError(f"{file.filename} has no table {path}, so the instrument is unknown")
        self.path = path
        self.where = label(node)
        self.attributes = node.attrs
        self._columns = read_columns(node, node.dtype.names)

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise DataError(f"{self.where} has no column {name!r}")
        if self._columns[name].ndim != 1:
            raise DataError(f"{self.where}, column {name!r} is not one value a row")
        return self._columns[name]

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
    equivalent = optics["equivalent_focal_length"]
    effective = optics["effective_focal_length"] if "effective_focal_length" in optics else equivalent * np.nan
    missing = ~np.isfinite(effective)
    if missing.any():
        names = optics.texts("optics_name" if "optics_name" in optics else "name")
        told = ", ".join(n for n, m in zip(names, missing, strict=True) if m)
        _log.warning("%s: no effective focal length for %s, using the equivalent one", file.filename, told)
    found = np.where(missing, equivalent, effective).astype(np.float64)
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise DataError(f"{optics.where}: some telescopes have no focal length")
    return [float(value) for value in found]


def _geometry(file: h5py.File, index: int | str, name: str, focal_length: float) -> CameraGeometry:
    table = _Table(file, f"{_INSTRUMENT}/telescope/camera/geometry_{index}")
    x, y, area = table["pix_x"], table["pix_y"], table["pix_area"]
    if not (len(x) and np.isfinite([x, y, area]).all() and (area > 0).all()):
        raise DataError(f"{table.where}: some pixels have no finite position or area")
    # As ctapipe reads it: the stored positions are turned by the camera's rotation, and are turned back.
    turn = -_camera_rotation(file, table)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return CameraGeometry(
        name=name,
        x=cos * x - sin * y if turn else x,
        y=sin * x + cos * y if turn else y,
        area=area,
        focal_length=focal_length,
    )


def _camera_rotation(file: h5py.File, table: _Table) -> float:
    """The rotation of a camera, deg. Before ctapipe 0.9 a text beside the table told it."""
    value: Any = table.attributes.get("CAM_ROT")
    beside = file.get(f"{table.path}.__table_column_meta__")
    if value is None and isinstance(beside, h5py.Dataset):
        lines = "\n".join(str(text(line)) for line in beside[:].tolist())
        found = re.search(r"\bCAM_ROT: *([-+.\deE]+)", lines)
        value = found[1] if found else None
    try:
        number = float(text(value)) if value is not None else 0.0
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0


__all__ = ["Telescope", "read_telescopes"]

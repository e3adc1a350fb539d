"""The instrument that a file describes: telescopes and their cameras."""

from __future__ import annotations

import logging
import math
from typing import Any

import h5py
import numpy as np
from attrs import frozen

from gammalearn_core.data.columns import read_column
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
    layout = _table(file, f"{_INSTRUMENT}/subarray/layout")
    optics = _table(file, f"{_INSTRUMENT}/telescope/optics")
    names = ("tel_id", "name", "type", "pos_x", "pos_y", "pos_z", "camera_name", "camera_index", "optics_index")
    columns = {n: read_column(layout, n) for n in names}
    focal = _focal_lengths(file, optics)
    geometries: dict[tuple[int, int], CameraGeometry] = {}
    telescopes = {}
    for i, tel_id in enumerate(columns["tel_id"]):
        key = int(columns["camera_index"][i]), int(columns["optics_index"][i])
        if key not in geometries:
            name = str(text(columns["camera_name"][i]))
            geometries[key] = _geometry(file, key[0], name, focal[key[1]])
        telescopes[int(tel_id)] = Telescope(
            tel_id=int(tel_id),
            name=str(text(columns["name"][i])),
            type=str(text(columns["type"][i])),
            position=tuple(float(columns[f"pos_{axis}"][i]) for axis in "xyz"),  # type: ignore[arg-type]
            geometry=geometries[key],
        )
    return telescopes


def _table(file: h5py.File, path: str) -> h5py.Dataset:
    node = file.get(path)
    if not isinstance(node, h5py.Dataset) or node.dtype.names is None:
        raise DataError(f"{file.filename} has no table {path}, so the instrument is unknown")
    return node


def _focal_lengths(file: h5py.File, optics: h5py.Dataset) -> list[float]:
    equivalent = read_column(optics, "equivalent_focal_length")
    effective = (
        read_column(optics, "effective_focal_length")
        if "effective_focal_length" in optics.dtype.names
        else np.full(len(equivalent), np.nan)
    )
    missing = ~np.isfinite(effective)
    if missing.any():
        names = ", ".join(str(text(n)) for n in read_column(optics, "optics_name")[missing])
        _log.warning("%s: no effective focal length for %s, using the equivalent one", file.filename, names)
    return [float(e if math.isfinite(e) else q) for e, q in zip(effective, equivalent, strict=True)]


def _geometry(file: h5py.File, index: int, name: str, focal_length: float) -> CameraGeometry:
    table = _table(file, f"{_INSTRUMENT}/telescope/camera/geometry_{index}")
    x, y = read_column(table, "pix_x"), read_column(table, "pix_y")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError(f"{file.filename}, table {table.name}: some pixels have no finite position")
    # As ctapipe reads it: the stored positions are turned by the camera's rotation, and are turned back.
    turn = -_degrees(table.attrs.get("CAM_ROT", 0.0))
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return CameraGeometry(
        name=name,
        x=cos * x - sin * y if turn else x,
        y=sin * x + cos * y if turn else y,
        area=read_column(table, "pix_area"),
        focal_length=focal_length,
    )


def _degrees(value: Any) -> float:
    number = float(text(value))
    return number if math.isfinite(number) else 0.0


__all__ = ["Telescope", "read_telescopes"]

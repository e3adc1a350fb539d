"""Tables that describe the array: ``configuration/instrument``."""

from __future__ import annotations

import math

import h5py
import numpy as np

from gammalearn_showers.dl1.columns import Column
from gammalearn_showers.dl1.table import write_table
from gammalearn_showers.instrument import Subarray
from gammalearn_showers.instrument import TelescopeType

PULSE_WIDTH = 1.2
"""Standard deviation of the reference pulse in ns: about 2.8 ns of full width at half maximum."""
PULSE_STEP = 0.1
ORIGIN = "ctapipe.instrument.SubarrayDescription"
_CAMERA = "configuration/instrument/telescope/camera"


def write_instrument(file: h5py.File, subarray: Subarray) -> None:
    """Write the layout, and optics, camera and read-out of each type of telescope."""
    _write_layout(file, subarray)
    _write_optics(file, subarray)
    for number, kind in enumerate(subarray.types):
        _write_geometry(file, number, kind)
        _write_readout(file, number, kind)


def earth_position(latitude: float, longitude: float, altitude: float) -> tuple[float, float, float]:
    """Place in the International Terrestrial Reference System, from the WGS84 ellipsoid.

    Parameters
    ----------
    latitude, longitude : float
        In deg.
    altitude : float
        In m.

    Returns
    -------
    x, y, z : float
        In m.

    Examples
    --------
    >>> [round(value) for value in earth_position(0, 90, 0)]
    [0, 6378137, 0]
    """
    flattening = 1 / 298.257223563
    squared = flattening * (2 - flattening)
    lat, lon = math.radians(latitude), math.radians(longitude)
    radius = 6378137 / math.sqrt(1 - squared * math.sin(lat) ** 2)
    across = (radius + altitude) * math.cos(lat)
    return across * math.cos(lon), across * math.sin(lon), (radius * (1 - squared) + altitude) * math.sin(lat)


def _write_layout(file: h5py.File, subarray: Subarray) -> None:
    types = [subarray.types[number] for number in subarray.tel_type]
    x, y, z = earth_position(subarray.latitude, subarray.longitude, subarray.altitude)
    texts = {
        "name": [t.name for t in types],
        "type": [t.size_type for t in types],
        "camera_name": [t.camera.name for t in types],
        "optics_name": [t.name for t in types],
        "tel_description": [t.description for t in types],
    }
    columns = (
        Column(name="tel_id", dtype="u2"),
        _text("name", texts["name"]),
        _text("type", texts["type"]),
        *(Column(name=f"pos_{axis}", dtype="f4", unit="m") for axis in "xyz"),
        _text("camera_name", texts["camera_name"]),
        _text("optics_name", texts["optics_name"]),
        Column(name="camera_index", dtype="i8"),
        Column(name="optics_index", dtype="i8"),
        _text("tel_description", texts["tel_description"]),
    )
    values: dict[str, object] = {name: _encoded(content) for name, content in texts.items()}
    values |= {f"pos_{axis}": subarray.position[:, place] for place, axis in enumerate("xyz")}
    values |= {"tel_id": subarray.tel_id, "camera_index": subarray.tel_type, "optics_index": subarray.tel_type}
    about: dict[str, str | float] = {"TAB_TYPE": "subarray", "TAB_VER": "2.0", "ORIGIN": ORIGIN}
    about |= {"SUBARRAY": subarray.name, "name": subarray.name}
    about |= {"reference_itrs_x": x, "reference_itrs_y": y, "reference_itrs_z": z}
    path = "configuration/instrument/subarray/layout"
    write_table(file, path, columns=columns, values=values, count=len(subarray), attributes=about)


def _write_optics(file: h5py.File, subarray: Subarray) -> None:
    types = subarray.types
    texts = {
        "optics_name": [t.name for t in types],
        "size_type": [t.size_type for t in types],
        "reflector_shape": ["SCHWARZSCHILD_COUDER" if t.n_mirrors == 2 else "UNKNOWN" for t in types],
    }
    columns = (
        *(_text(name, content) for name, content in texts.items()),
        Column(name="mirror_area", dtype="f8", unit="m**2"),
        Column(name="n_mirrors", dtype="i8"),
        Column(name="n_mirror_tiles", dtype="i8"),
        Column(name="equivalent_focal_length", dtype="f8", unit="m"),
        Column(name="effective_focal_length", dtype="f8", unit="m"),
    )
    values: dict[str, object] = {name: _encoded(content) for name, content in texts.items()}
    values |= {n: [getattr(t, n) for t in types] for n in ("mirror_area", "n_mirrors", "n_mirror_tiles")}
    values["equivalent_focal_length"] = [t.focal_length for t in types]
    values["effective_focal_length"] = [t.effective_focal_length for t in types]
    about = {"TAB_TYPE": "optics", "TAB_VER": "4.0", "ORIGIN": ORIGIN, "SUBARRAY": subarray.name}
    path = "configuration/instrument/telescope/optics"
    write_table(file, path, columns=columns, values=values, count=len(types), attributes=about)


def _write_geometry(file: h5py.File, number: int, kind: TelescopeType) -> None:
    camera = kind.camera
    columns = (
        Column(name="pix_id", dtype="i8"),
        Column(name="pix_x", dtype="f8", unit="m"),
        Column(name="pix_y", dtype="f8", unit="m"),
        Column(name="pix_area", dtype="f8", unit="m**2"),
    )
    values = {"pix_id": np.arange(camera.n_pixels), "pix_x": camera.x, "pix_y": camera.y, "pix_area": camera.area}
    about: dict[str, str | int | float] = {
        "TAB_TYPE": "ctapipe.instrument.CameraGeometry",
        "TAB_VER": "2.0",
        "CAM_ID": camera.name,
        "CAM_ROT": 0.0,
        "PIX_ROT": float(camera.pixel_rotation),
        "PIX_TYPE": camera.shape,
    }
    path = f"{_CAMERA}/geometry_{number}"
    write_table(file, path, columns=columns, values=values, count=camera.n_pixels, attributes=about)


def _write_readout(file: h5py.File, number: int, kind: TelescopeType) -> None:
    """A made-up pulse, sampled once a ns: the simulator has no waveforms, but ctapipe wants a read-out."""
    time = np.arange(0, 10 * PULSE_WIDTH, PULSE_STEP)
    pulse = np.exp(-0.5 * ((time - 5 * PULSE_WIDTH) / PULSE_WIDTH) ** 2)
    columns = (
        Column(name="reference_pulse_shape_channel0", dtype="f8"),
        Column(name="reference_pulse_sample_time", dtype="f8", unit="ns"),
    )
    values = {"reference_pulse_shape_channel0": pulse, "reference_pulse_sample_time": time}
    about: dict[str, str | int | float] = {
        "TAB_TYPE": "ctapipe.instrument.CameraReadout",
        "TAB_VER": "3.0",
        "CAM_ID": kind.camera.name,
        "NCHAN": 1,
        "NPIXELS": kind.camera.n_pixels,
        "NSAMPLES": round(kind.window),
        "SAMPFREQ": 1.0,
        "REFWIDTH": PULSE_STEP,
    }
    path = f"{_CAMERA}/readout_{number}"
    write_table(file, path, columns=columns, values=values, count=len(time), attributes=about)


def _text(name: str, texts: list[str]) -> Column:
    return Column(name=name, dtype=f"S{max(len(text.encode()) for text in texts)}")


def _encoded(texts: list[str]) -> list[bytes]:
    return [text.encode() for text in texts]


__all__ = ["earth_position", "write_instrument"]

"""What lstchain calls the columns of images of LSTCam that ctapipe has written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.instrument import read_telescopes
from gammalearn_core.builtin.loaders.dl1.source import DL1Source
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError
from gammalearn_core.errors import SettingsError
from gammalearn_core.results.dl2.parts import Part

_TYPE = "LST"
"""How types of telescopes begin that have an LSTCam."""
_SAME = {
    "obs_id": ("obs_id", ""),
    "event_id": ("event_id", ""),
    "tel_id": ("tel_id", ""),
    "event_type": ("event_type", ""),
    "trigger_time": ("time", "s"),
    "alt_tel": ("pointing_alt", "rad"),
    "az_tel": ("pointing_az", "rad"),
    "mc_type": ("true_shower_primary_id", ""),
    "mc_energy": ("true_energy", "TeV"),
    "mc_alt": ("true_alt", "rad"),
    "mc_az": ("true_az", "rad"),
    "mc_core_x": ("true_core_x", "m"),
    "mc_core_y": ("true_core_y", "m"),
    "mc_h_first_int": ("true_h_first_int", "m"),
    "mc_x_max": ("true_x_max", "g / cm2"),
    "intensity": ("hillas_intensity", ""),
    "length": ("hillas_length", "deg"),
    "width": ("hillas_width", "deg"),
    "kurtosis": ("hillas_kurtosis", ""),
    "leakage_intensity_width_1": ("leakage_intensity_width_1", ""),
    "leakage_intensity_width_2": ("leakage_intensity_width_2", ""),
    "leakage_pixels_width_1": ("leakage_pixels_width_1", ""),
    "leakage_pixels_width_2": ("leakage_pixels_width_2", ""),
    "concentration_cog": ("concentration_cog", ""),
    "concentration_core": ("concentration_core", ""),
    "concentration_pixel": ("concentration_pixel", ""),
    "n_pixels": ("morphology_n_pixels", ""),
    "n_islands": ("morphology_n_islands", ""),
}
"""By lstchain's name: that of ctapipe, and lstchain's unit. Angles on the sky become radians."""
_COPIES = {"mc_alt_tel": "alt_tel", "mc_az_tel": "az_tel"}
_WHOLE = ("obs_id", "event_id", "tel_id", "event_type", "mc_type", "n_pixels", "n_islands")


def lst_columns(part: Part) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Columns of all images of LSTCam in a file of ctapipe, and their units.

    Parameters whose meaning depends on the frame, such as ``psi`` and ``skewness``, are left out: ctapipe's are not
    those of lstchain.

    Raises
    ------
    DataError
        It has no images of LSTCam.
    """
    telescopes = {i: t for i, t in read_telescopes(part.h5, {}).items() if t.type.startswith(_TYPE)}
    types = sorted({t.type for t in telescopes.values()})
    try:
        source = DL1Source(part.input.path, channels=["image"], cameras=types or [_TYPE])
    except SettingsError as error:
        raise DataError(f"{part.input.path} has no images of LSTCam, which lstchain's layout is for") from error
    try:
        columns = _named(source.events)
        focal = np.array([telescopes[i].geometry.focal_length for i in columns["tel_id"].tolist()])
        columns |= _derived(source.events, columns, focal)
    finally:
        source.close()
    units = {name: unit for name, (_, unit) in _SAME.items()} | {"x": "m", "y": "m", "r": "m", "dragon_time": "s"}
    return columns, units


def _named(events: EventTable) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name, (theirs, unit) in _SAME.items():
        if theirs in events:
            values = np.asarray(events[theirs])
            values = np.radians(values) if unit == "rad" else values
            found[name] = values.astype(np.int64 if name in _WHOLE else np.float64)
    return found


def _derived(
    events: EventTable, columns: dict[str, NDArray[Any]], focal: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    """What lstchain's event filters and its DL3 tool read besides."""
    found: dict[str, NDArray[Any]] = {}
    if "mc_type" in columns:
        found |= {name: columns[of] for name, of in _COPIES.items()}
    elif "trigger_time" in columns:
        found["dragon_time"] = columns["trigger_time"]
        found["delta_t"] = np.diff(columns["trigger_time"], prepend=columns["trigger_time"][:1])
    with np.errstate(divide="ignore", invalid="ignore"):
        if "intensity" in columns:
            found["log_intensity"] = np.log10(columns["intensity"])
        if "length" in columns and "width" in columns:
            found["wl"] = columns["width"] / columns["length"]
    if "hillas_fov_lon" in events:
        x, y = (focal * np.radians(events[n]) for n in ("hillas_fov_lat", "hillas_fov_lon"))
    elif "camera_frame_hillas_x" in events:
        x, y = events["camera_frame_hillas_x"], events["camera_frame_hillas_y"]
    else:
        return found
    return found | {"x": x, "y": y, "r": np.hypot(x, y)}


__all__ = ["lst_columns"]

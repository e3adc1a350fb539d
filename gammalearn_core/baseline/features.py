"""What the forests are given of an image, and the convention of disp.

*disp* is the angle from the centre of gravity of an image to the direction of the shower, in the telescope frame: a
norm and a sign, + towards the end of the major axis at ``psi``. ctapipe and lstchain use the same. The direction that
follows lies on the major axis: ``(fov_lon, fov_lat) + sign * norm * (cos psi, sin psi)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.baseline.images import OTHERS
from gammalearn_core.baseline.images import ImageTable
from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import to_offset

Floats = NDArray[np.float64]


def features(images: ImageTable, extra: Mapping[str, Floats]) -> dict[str, Floats]:
    """Numbers of each image by name, NaN where there is none; ``extra`` are others than those of the image alone."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = dict(_of_image(images.values)) | dict(extra)
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in found.items()}


def _of_image(values: Mapping[str, Floats]) -> Iterator[tuple[str, Floats]]:
    length, width, psi = values["hillas_length"], values["hillas_width"], np.radians(values["hillas_psi"])
    lon, lat = values["hillas_fov_lon"], values["hillas_fov_lat"]
    yield "log_intensity", np.log10(values["hillas_intensity"])
    yield "log_density", np.log10(values["hillas_intensity"] / (length * width))
    yield "length", length
    yield "width", width
    yield "width_over_length", width / length
    yield "fov_lon", lon
    yield "fov_lat", lat
    yield "psi", values["hillas_psi"]
    yield "along", lon * np.cos(psi) + lat * np.sin(psi)
    yield "miss", np.abs(lat * np.cos(psi) - lon * np.sin(psi))
    for name in OTHERS:
        if name in values:
            yield name.removeprefix("hillas_").removeprefix("morphology_"), values[name]


def true_disp(images: ImageTable, alt: Floats, az: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Norm of disp, deg, and whether its sign is +, of the true directions of the images' showers."""
    source_lon, source_lat = to_offset(alt, az, images.pointing_alt, images.pointing_az)
    d_lon, d_lat = source_lon - images.values["hillas_fov_lon"], source_lat - images.values["hillas_fov_lat"]
    psi = np.radians(images.values["hillas_psi"])
    return np.hypot(d_lon, d_lat), d_lon * np.cos(psi) + d_lat * np.sin(psi) > 0


def direction(images: ImageTable, disp: Floats) -> tuple[Floats, Floats]:
    """Altitude and azimuth, deg, at a signed disp, deg, on the major axis of each image."""
    psi = np.radians(images.values["hillas_psi"])
    lon = images.values["hillas_fov_lon"] + disp * np.cos(psi)
    lat = images.values["hillas_fov_lat"] + disp * np.sin(psi)
    return from_offset(lon, lat, images.pointing_alt, images.pointing_az)


__all__ = ["direction", "features", "true_disp"]

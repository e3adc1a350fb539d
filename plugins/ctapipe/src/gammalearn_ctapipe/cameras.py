"""Which telescopes of a subarray have the network's cameras."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from ctapipe.instrument import SubarrayDescription
from ctapipe.instrument import TelescopeDescription

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec


def geometry_of(telescope: TelescopeDescription) -> CameraGeometry:
    """The pixels of a telescope's camera, with the focal length that gives its images their scale."""
    pixels = telescope.camera.geometry
    optics = telescope.optics
    effective = optics.effective_focal_length.to_value(u.m)
    known = np.isfinite(effective) and effective > 0
    return CameraGeometry(
        name=telescope.camera.name,
        x=pixels.pix_x.to_value(u.m),
        y=pixels.pix_y.to_value(u.m),
        area=pixels.pix_area.to_value(u.m**2),
        focal_length=float(effective if known else optics.equivalent_focal_length.to_value(u.m)),
    )


def key_of(telescope: TelescopeDescription, inputs: InputSpec) -> str | None:
    """What the network calls the camera of a telescope; None if it knows none with these pixels."""
    geometry = geometry_of(telescope)
    return next((key for key, spec in inputs.cameras.items() if spec.geometry.same_as(geometry)), None)


def keys_of(subarray: SubarrayDescription, inputs: InputSpec) -> dict[int, str]:
    """By ``tel_id``: the network's key of the camera, for telescopes that have one."""
    by_type = {telescope: key_of(telescope, inputs) for telescope in subarray.telescope_types}
    found = {tel_id: by_type[telescope] for tel_id, telescope in subarray.tel.items()}
    return {tel_id: key for tel_id, key in found.items() if key is not None}


__all__ = ["geometry_of", "key_of", "keys_of"]

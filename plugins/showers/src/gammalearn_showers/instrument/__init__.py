"""Cameras, telescopes and their arrays."""

from __future__ import annotations

from gammalearn_showers.instrument.arrays import array_names
from gammalearn_showers.instrument.arrays import subarray
from gammalearn_showers.instrument.camera import Camera
from gammalearn_showers.instrument.cameras import camera
from gammalearn_showers.instrument.cameras import camera_names
from gammalearn_showers.instrument.lookup import PixelLookup
from gammalearn_showers.instrument.telescope import Subarray
from gammalearn_showers.instrument.telescope import TelescopeType
from gammalearn_showers.instrument.telescopes import telescope_type

__all__ = [
    "Camera",
    "PixelLookup",
    "Subarray",
    "TelescopeType",
    "array_names",
    "camera",
    "camera_names",
    "subarray",
    "telescope_type",
]

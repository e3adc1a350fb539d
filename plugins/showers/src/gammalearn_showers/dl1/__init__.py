"""Files of ctapipe's DL1: image parameters, and a writer that needs neither ctapipe nor PyTables."""

from __future__ import annotations

from gammalearn_showers.dl1.parameters import ImageParameters
from gammalearn_showers.dl1.parameters import image_parameters
from gammalearn_showers.dl1.parameters import true_image_parameters
from gammalearn_showers.dl1.part import DL1WriteError
from gammalearn_showers.dl1.pixels import SkyPixels
from gammalearn_showers.dl1.reference import read_provenance
from gammalearn_showers.dl1.writer import DL1Writer

__all__ = [
    "DL1WriteError",
    "DL1Writer",
    "ImageParameters",
    "SkyPixels",
    "image_parameters",
    "read_provenance",
    "true_image_parameters",
]

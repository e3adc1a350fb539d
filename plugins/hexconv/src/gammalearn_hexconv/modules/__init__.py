"""Layers over the pixels of a camera and their neighbours."""

from __future__ import annotations

from gammalearn_hexconv.modules.adaptive import HexAdaptiveAvgPool2d
from gammalearn_hexconv.modules.adaptive import HexAdaptiveMaxPool2d
from gammalearn_hexconv.modules.conv import HexConv2d
from gammalearn_hexconv.modules.pooling import HexAvgPool2d
from gammalearn_hexconv.modules.pooling import HexMaxPool2d
from gammalearn_hexconv.modules.transpose import HexConvTranspose2d

__all__ = [
    "HexAdaptiveAvgPool2d",
    "HexAdaptiveMaxPool2d",
    "HexAvgPool2d",
    "HexConv2d",
    "HexConvTranspose2d",
    "HexMaxPool2d",
]

"""Layers over the pixels of a camera and their neighbours."""

from __future__ import annotations

from gammalearn_hexconv.modules.conv import HexConv2d
from gammalearn_hexconv.modules.transpose import HexConvTranspose2d

__all__ = ["HexConv2d", "HexConvTranspose2d"]

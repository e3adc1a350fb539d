"""`HexConv2d`, where it was before."""

from __future__ import annotations

from gammalearn_hexconv.modules.conv import HexConv2d

__all__ = ["HexConv2d"]

"""Convolution on the hexagonal pixels of Cherenkov cameras: a plug-in of gammalearn-core."""

from __future__ import annotations

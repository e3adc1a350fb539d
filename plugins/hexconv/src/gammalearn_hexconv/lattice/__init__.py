"""Lattices of pixels, and the kernels on them."""

from __future__ import annotations

from gammalearn_hexconv.lattice.hexlattice import HexLattice
from gammalearn_hexconv.lattice.hexlattice import Kind
from gammalearn_hexconv.lattice.taps import TAPS
from gammalearn_hexconv.table import NeighbourTable

__all__ = ["TAPS", "HexLattice", "Kind", "NeighbourTable"]

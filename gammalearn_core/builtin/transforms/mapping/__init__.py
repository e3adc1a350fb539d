"""Mappings of camera pixels to square grids, as sparse matrices."""

from __future__ import annotations

from gammalearn_core.builtin.transforms.mapping.methods import METHODS
from gammalearn_core.builtin.transforms.mapping.methods import Method
from gammalearn_core.builtin.transforms.mapping.methods import square_mapping
from gammalearn_core.builtin.transforms.mapping.normalisation import Mapping

__all__ = ["METHODS", "Mapping", "Method", "square_mapping"]

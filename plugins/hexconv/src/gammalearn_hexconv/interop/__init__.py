"""Weights from and to other packages."""

from __future__ import annotations

from gammalearn_hexconv.interop.indexedconv import IndicesWarning
from gammalearn_hexconv.interop.indexedconv import indexedconv_state_dict
from gammalearn_hexconv.interop.indexedconv import same_up_to_order
from gammalearn_hexconv.interop.indexedconv import to_indexedconv
from gammalearn_hexconv.interop.kernels import from_hexagdly
from gammalearn_hexconv.interop.kernels import from_square
from gammalearn_hexconv.interop.kernels import hexagdly_places
from gammalearn_hexconv.interop.kernels import to_hexagdly
from gammalearn_hexconv.interop.kernels import to_square

__all__ = [
    "IndicesWarning",
    "from_hexagdly",
    "from_square",
    "hexagdly_places",
    "indexedconv_state_dict",
    "same_up_to_order",
    "to_hexagdly",
    "to_indexedconv",
    "to_square",
]

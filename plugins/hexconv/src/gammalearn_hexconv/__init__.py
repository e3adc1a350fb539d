"""Convolution on the hexagonal pixels of Cherenkov cameras: a plug-in of gammalearn-core.

The names are imported when they are used, so that the plug-in can be listed without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gammalearn_hexconv import functional
    from gammalearn_hexconv.backends.report import backend_report
    from gammalearn_hexconv.fused.fusing import fuse
    from gammalearn_hexconv.lattice import HexLattice
    from gammalearn_hexconv.modules import HexAdaptiveAvgPool2d
    from gammalearn_hexconv.modules import HexAdaptiveMaxPool2d
    from gammalearn_hexconv.modules import HexAvgPool2d
    from gammalearn_hexconv.modules import HexConv2d
    from gammalearn_hexconv.modules import HexConvTranspose2d
    from gammalearn_hexconv.modules import HexMaxPool2d
    from gammalearn_hexconv.table import NeighbourTable

_PLACES = {
    "HexAdaptiveAvgPool2d": "modules",
    "HexAdaptiveMaxPool2d": "modules",
    "HexAvgPool2d": "modules",
    "HexConv2d": "modules",
    "HexConvTranspose2d": "modules",
    "HexLattice": "lattice",
    "HexMaxPool2d": "modules",
    "NeighbourTable": "table",
    "backend_report": "backends.report",
    "functional": "",
    "fuse": "fused.fusing",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = _PLACES[name]
    return getattr(import_module(f"{__name__}.{place}"), name) if place else import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})


__all__ = [
    "HexAdaptiveAvgPool2d",
    "HexAdaptiveMaxPool2d",
    "HexAvgPool2d",
    "HexConv2d",
    "HexConvTranspose2d",
    "HexLattice",
    "HexMaxPool2d",
    "NeighbourTable",
    "backend_report",
    "functional",
    "fuse",
]

"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Network
from gammalearn_core import hookimpl

api_version = "1.0"


@hookimpl
def gammalearn_networks() -> Iterator[Network]:
    yield Network(
        name="resnet",
        target="gammalearn_hexconv.resnet:HexResNet",
        summary="Residual network that convolves the hexagonal pixels themselves",
        lattice="hexagonal",
    )

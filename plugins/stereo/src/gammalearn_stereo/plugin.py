"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Network
from gammalearn_core import hookimpl

api_version = "1.0"

NETWORKS = "gammalearn_stereo.networks"


@hookimpl
def gammalearn_networks() -> Iterator[Network]:
    yield Network(
        name="attention",
        target=f"{NETWORKS}.attention:StereoAttention",
        summary="Transformer over the telescopes of an event, with the geometry of their images",
        stereo=True,
    )

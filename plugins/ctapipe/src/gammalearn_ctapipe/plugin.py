"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Command
from gammalearn_core import hookimpl

api_version = "1.0"


@hookimpl
def gammalearn_commands() -> Iterator[Command]:
    yield Command(
        name="ctapipe_models",
        target="gammalearn_ctapipe.command:main",
        summary="Write the network of a run as models for ctapipe-apply-models",
    )

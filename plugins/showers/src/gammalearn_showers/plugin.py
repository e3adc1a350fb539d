"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Command
from gammalearn_core import Loader
from gammalearn_core import hookimpl

api_version = "1.0"


@hookimpl
def gammalearn_commands() -> Iterator[Command]:
    yield Command(
        name="showers",
        target="gammalearn_showers.command:main",
        summary="Simulate air showers and write what telescopes see of them as DL1 files",
    )


@hookimpl
def gammalearn_loaders() -> Iterator[Loader]:
    yield Loader(
        name="stream",
        target="gammalearn_showers.stream:ShowerStream",
        summary="Simulated showers, without files",
        paths="",
        levels=("telescope", "subarray"),
    )

"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Command
from gammalearn_core import Report
from gammalearn_core import hookimpl

api_version = "1.0"


@hookimpl
def gammalearn_commands() -> Iterator[Command]:
    yield Command(
        name="irf",
        target="gammalearn_irf.command:main",
        summary="Make instrument response functions and sensitivities of a run's predictions",
    )


@hookimpl
def gammalearn_reports() -> Iterator[Report]:
    yield Report(
        name="benchmarks",
        target="gammalearn_irf.report:Benchmarks",
        summary="Resolutions, effective area and sensitivity beside reference curves",
        writes=(
            "irf/benchmarks.json",
            "irf/benchmarks.fits",
            "irf/*.ecsv",
            "irf/*.png",
            "irf/*.svg",
            "irf/charts.json",
        ),
    )

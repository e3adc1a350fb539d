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
        name="gammaboard",
        target="gammalearn_gammaboard_export.command:main",
        summary="Write the predictions of runs so that GammaBoard opens them",
    )


@hookimpl
def gammalearn_reports() -> Iterator[Report]:
    yield Report(
        name="figures",
        target="gammalearn_gammaboard_export.report:Figures",
        summary="Figures of ctaplot: resolutions, effective area, ROC, theta2",
        writes=("ctaplot/*.png", "ctaplot/*.svg"),
    )
    yield Report(
        name="files",
        target="gammalearn_gammaboard_export.report:Files",
        summary="Files that GammaBoard opens, and the notebook that shows it",
        writes=("gammaboard/gammaboard.ipynb", "gammaboard/*/*.h5", "gammaboard/*/*_settings.json"),
    )

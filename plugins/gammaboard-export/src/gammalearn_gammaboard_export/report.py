"""The reports ``gammaboard_export.files`` and ``gammaboard_export.figures``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gammalearn_core.api import RunFolder
from gammalearn_gammaboard_export.finding import find
from gammalearn_gammaboard_export.layouts import LAYOUTS
from gammalearn_gammaboard_export.layouts import layout_problems
from gammalearn_gammaboard_export.panels import panel_problems

_log = logging.getLogger(__name__)


class Files:
    """Writes ``gammaboard/`` in the run folder: a folder of the experiment, and the notebook that shows it.

    Parameters
    ----------
    run : RunFolder
    layout : {"gammalearn", "lstchain"}

    Raises
    ------
    ValueError
        There is no such layout.
    """

    def __init__(self, run: RunFolder, *, layout: str = LAYOUTS[0]) -> None:
        self.run = run
        self.layout = layout
        _refuse(layout_problems(layout))

    def __call__(self, results: Mapping[str, Any] | None) -> list[Path]:
        """Write, and say what was written."""
        from gammalearn_gammaboard_export.exporting import export
        from gammalearn_gammaboard_export.writing import NOTEBOOK

        folder = self.run.path / "gammaboard"
        (done,) = export([find(self.run.path, where="gammaboard_export.files")], folder, layout=self.layout)
        for note in done.notes:
            _log.info("gammaboard_export.files: %s", note)
        return [*done.written, folder / NOTEBOOK]


class Figures:
    """Writes ``ctaplot/`` in the run folder: a PNG and an SVG of each figure.

    Parameters
    ----------
    run : RunFolder
    figures : sequence of str, optional
        Names of the figures; by default all that the run has predictions for.
    site : {"north", "south"}, optional
        Whose requirements of CTA are drawn beside; none by default.

    Raises
    ------
    ValueError
        There is no such figure or site, or ctaplot is not installed.
    """

    def __init__(self, run: RunFolder, *, figures: Sequence[str] | None = None, site: str | None = None) -> None:
        self.run = run
        self.figures = figures
        self.site = site
        _refuse(panel_problems(figures, site))
        if find_spec("ctaplot") is None:
            raise ValueError("ctaplot is not installed: pip install 'gammalearn-gammaboard-export[ctaplot]'")

    def __call__(self, results: Mapping[str, Any] | None) -> list[Path]:
        """Draw, and say what was written."""
        from gammalearn_gammaboard_export.drawing import draw_all
        from gammalearn_gammaboard_export.reading import read_samples

        found = find(self.run.path, where="gammaboard_export.figures")
        samples = read_samples(found.files)
        written, notes = draw_all(self.run.path / "ctaplot", samples, figures=self.figures, site=self.site)
        for note in (*samples.notes, *notes):
            _log.info("gammaboard_export.figures: %s", note)
        return written


def _refuse(problems: Sequence[Any]) -> None:
    if problems:
        raise ValueError("; ".join(str(problem) for problem in problems))


__all__ = ["Figures", "Files"]

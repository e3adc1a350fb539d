"""The report of a run as one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gammalearn_core.engine.folder import RunFolder


class HtmlReport:
    """Writes ``report.html``, which needs no other file and no network, and its figures, ``figures/*.svg``.

    It is the page of ``gammalearn report``. The same folder gives the same bytes.

    Parameters
    ----------
    run : RunFolder
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def __call__(self, results: Mapping[str, Any] | None) -> list[Path]:
        """Write the report and say what was written.

        Parameters
        ----------
        results : mapping
            Content of ``metrics.json``.
        """
        from gammalearn_core.reporting.run_page import make_page
        from gammalearn_core.reporting.writing import write_report

        page = make_page(self.run, results or {}, figures=True)
        return write_report(self.run.path / "report.html", page, svg=self.run.figures)


__all__ = ["HtmlReport"]

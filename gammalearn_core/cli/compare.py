"""``gammalearn compare``: one page on several runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.cli.report import add_figures
from gammalearn_core.cli.report import figure_folders
from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run folders, what is written where, and whether their test events may be others."""
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="run folders; the others are compared with the first one"
    )
    default = Path("comparison.html")
    help = "the page (default: ./comparison.html)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", default=default, help=help)
    add_figures(parser)
    parser.add_argument(
        "--different-events",
        action="store_true",
        help="show runs beside one another that have no test event in common, and mark that",
    )


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Write the page."""
    from gammalearn_core.reporting.commands import compare

    return compare(
        arguments.runs,
        output=arguments.output.expanduser(),
        figures=figure_folders(arguments),
        different_events=arguments.different_events,
    )


__all__ = ["add_arguments", "execute"]

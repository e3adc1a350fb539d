"""``gammalearn report``: the page of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run folder, what is written where, and where the data are."""
    parser.add_argument("run", type=Path, help="a run folder: <logdir>/<experiment>/<run id>")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the page (default: RUN/report.html)")
    add_figures(parser)
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="a folder to look for the run's data in, for images of events"
    )
    parser.add_argument("--images", action="store_true", help="study images: pixels without a value")
    parser.add_argument(
        "--stress", action="store_true", help="study images with another night sky and another gain, too"
    )
    parser.add_argument(
        "--observed", nargs="+", metavar="FILE", help="show simulation beside these DL1 files of observations"
    )
    parser.add_argument(
        "--trust-settings",
        action="store_true",
        help="run the copy of the settings file, which is code: needed to study images if it defines a component",
    )
    parser.add_argument("--no-events", action="store_true", help="leave out images of events, which need the data")


def add_figures(parser: argparse.ArgumentParser) -> None:
    """Declare folders for figures."""
    for ending in ("pdf", "png", "svg"):
        parser.add_argument(
            f"--{ending}", type=Path, metavar="DIR", help=f"also write each figure as a {ending.upper()} file there"
        )


def figure_folders(arguments: argparse.Namespace) -> dict[str, Path]:
    """Folders by ending, of those that are wanted."""
    given = {ending: getattr(arguments, ending) for ending in ("pdf", "png", "svg")}
    return {ending: folder.expanduser() for ending, folder in given.items() if folder is not None}


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Write the page."""
    from gammalearn_core.inspecting.paths import expand
    from gammalearn_core.reporting.commands import report
    from gammalearn_core.reporting.studies.of_data import Wanted

    data_root = arguments.data_root.expanduser().absolute() if arguments.data_root else None
    wanted = Wanted(
        images=arguments.images,
        stress=arguments.stress,
        observed=expand(arguments.observed) if arguments.observed else (),
        data_root=data_root,
        trust_settings=arguments.trust_settings,
    )
    return report(
        arguments.run,
        output=arguments.output.expanduser() if arguments.output else None,
        figures=figure_folders(arguments),
        data_root=data_root,
        registry=registry,
        wanted=wanted,
        events=not arguments.no_events,
    )


__all__ = ["add_arguments", "add_figures", "execute", "figure_folders"]

"""``gammalearn check``: every problem of a settings file at once, before anything is run."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.check import check
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.overrides import add_option
from gammalearn_core.settings.start import check_start


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings file, ``--set`` and ``--build``."""
    parser.add_argument("settings", type=Path, help="a Python file that ends with experiment = Experiment(…)")
    add_option(parser)
    parser.add_argument(
        "--build",
        action="store_true",
        help="also import the components, check their parameters, and look at the cameras and columns of the files",
    )


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Print that all is well, or raise with the whole list."""
    file = load_settings(arguments.settings, registry, arguments.overrides)
    folder = arguments.settings.resolve().parent
    problems = [*check(file.experiment, registry, folder), *check_start(file.experiment.start_from, folder)]
    if arguments.build:
        from gammalearn_core.engine.build import check_build

        problems = check_build(file.experiment, registry, folder, problems)
    if problems:
        raise SettingsError(problems, str(arguments.settings))
    what = "settings, parameters and files" if arguments.build else "settings"
    print(f"{arguments.settings}: {what} are sound")
    return EXIT_DONE


__all__ = ["add_arguments", "execute"]

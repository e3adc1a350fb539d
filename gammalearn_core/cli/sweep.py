"""``gammalearn sweep``: runs of one settings file with other and other values, in search of the best."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.overrides import add_option
from gammalearn_core.sweep.checking import check_sweep
from gammalearn_core.sweep.checking import require_optuna
from gammalearn_core.sweep.process import command_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings file, the number of trials, and what they are judged by."""
    parser.add_argument(
        "settings", type=Path, help="a Python file that ends with experiment = Experiment(…, search={…})"
    )
    parser.add_argument(
        "--trials",
        type=_count,
        required=True,
        metavar="N",
        help="how many trials the study is to have in the end; the same command goes on until it has",
    )
    parser.add_argument("--study", type=Path, metavar="DIR", help="folder of the study (default: ./runs/<name>-sweep)")
    add_option(parser)
    parser.add_argument("--seed", type=int, help="of the values that are tried (default: the seed of the settings)")
    parser.add_argument(
        "--metric", default="loss", metavar="NAME", help="what is judged: a number of the validation (default: loss)"
    )
    parser.add_argument(
        "--direction", choices=("min", "max"), default="min", help="whether less is better or more (default: min)"
    )
    parser.add_argument("--no-pruning", action="store_true", help="make every trial to its end, however bad")


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Check everything that the trials have in common, then make them."""
    file = load_settings(arguments.settings, registry, arguments.overrides)
    check_sweep(file.experiment, registry, arguments.settings)
    require_optuna()
    from gammalearn_core.sweep.worker import Sweep
    from gammalearn_core.sweep.worker import sweep

    plan = Sweep(
        experiment=file.experiment,
        command=command_of(arguments.settings, registry.switches, arguments.overrides),
        path=(arguments.study or Path("runs") / f"{file.experiment.name}-sweep").expanduser(),
        trials=arguments.trials,
        metric=arguments.metric,
        direction=arguments.direction,
        seed=file.experiment.seed if arguments.seed is None else arguments.seed,
        prune=not arguments.no_pruning,
    )
    try:
        return sweep(plan)
    except SettingsError as error:
        raise SettingsError(error.problems, error.file or str(arguments.settings)) from error.__cause__


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


__all__ = ["add_arguments", "execute"]

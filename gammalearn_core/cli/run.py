"""``gammalearn run``: the whole experiment of a settings file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.overrides import add_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings file, what is changed in it, and where results go."""
    parser.add_argument("settings", type=Path, help="a Python file that ends with experiment = Experiment(…)")
    parser.add_argument("--logdir", type=Path, default=Path("runs"), help="where run folders go (default: ./runs)")
    parser.add_argument(
        "--fresh", action="store_true", help="start another run, even if one with these settings can be continued"
    )
    add_option(parser)
    parser.add_argument(
        "--fork",
        type=Path,
        metavar="RUN",
        help="begin with the weights of another run, a run folder; as start_from in the settings",
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="run with N seeds, from that of the settings on, and tell the spread"
    )
    parser.add_argument(
        "--debug", action="store_true", help="rehearse: go through the whole run with a few events, and leave nothing"
    )


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Check, then run or rehearse."""
    file = load_settings(arguments.settings, registry, arguments.overrides, fork_of=arguments.fork)
    logdir = arguments.logdir.expanduser()
    # Of several processes, torch tells each that all parameters were used, which it looks for at every step.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if arguments.debug and arguments.seeds is not None:
        what, hint = "a rehearsal has no results to compare", "leave out --debug or --seeds"
        raise SettingsError([Problem("--seeds", what, hint)])
    if arguments.debug:
        from gammalearn_core.engine.rehearsal import rehearse

        return rehearse(file, registry, logdir=logdir)
    if arguments.seeds is not None:
        from gammalearn_core.seeds import run_seeds

        return run_seeds(file, registry, logdir=logdir, count=arguments.seeds, fresh=arguments.fresh)
    from gammalearn_core.engine.run import run

    return run(file, registry, logdir=logdir, fresh=arguments.fresh)


__all__ = ["add_arguments", "execute"]

"""``gammalearn reproduce``: a finished run once more, from its folder alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run folder, where data and results are, and what is trusted."""
    parser.add_argument("run", type=Path, help="a run folder: <logdir>/<experiment>/<run id>")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="a folder to look for the run's data in")
    parser.add_argument("--logdir", type=Path, default=Path("runs"), help="where the new run goes (default: ./runs)")
    parser.add_argument(
        "--trust-settings",
        action="store_true",
        help="run the copy of the settings file, which is code: needed if the run has components of its own",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="begin again, even if a repetition that was stopped can be continued"
    )
    parser.add_argument(
        "--check", action="store_true", help="only compare versions, data and machine with those of the run"
    )


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Do it again, and compare."""
    from gammalearn_core.reproducing import reproduce

    return reproduce(
        arguments.run,
        registry,
        logdir=arguments.logdir.expanduser(),
        data_root=arguments.data_root.expanduser().absolute() if arguments.data_root else None,
        trust_settings=arguments.trust_settings,
        check_only=arguments.check,
        fresh=arguments.fresh,
    )


__all__ = ["add_arguments", "execute"]

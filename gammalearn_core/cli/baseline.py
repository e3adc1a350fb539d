"""``gammalearn baseline``: Hillas parameters and random forests beside the network of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run folder, where data and results are, how forests are grown, and what is trusted."""
    parser.add_argument("run", type=Path, help="a run folder: <logdir>/<experiment>/<run id>")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="a folder to look for the run's data in")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where results go (default: RUN/baseline)")
    parser.add_argument("--trees", type=int, default=150, metavar="N", help="trees of each forest (default: 150)")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of forests and bootstrap (default: the run's)")
    parser.add_argument(
        "--tailcuts",
        type=float,
        nargs=2,
        metavar=("PICTURE", "BOUNDARY"),
        help="clean the images with these thresholds, p.e., instead of taking the files' parameters or masks",
    )
    parser.add_argument(
        "--trust-settings",
        action="store_true",
        help="run the copy of the settings file, which is code: needed if the run has components of its own",
    )
    parser.add_argument("--fresh", action="store_true", help="replace what an earlier call has written")


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Train forests, predict, compare."""
    from gammalearn_core.baseline.command import Options
    from gammalearn_core.baseline.command import baseline

    options = Options(
        output=arguments.output.expanduser() if arguments.output else None,
        data_root=arguments.data_root.expanduser().absolute() if arguments.data_root else None,
        trees=arguments.trees,
        seed=arguments.seed,
        tailcuts=tuple(arguments.tailcuts) if arguments.tailcuts else None,
        trust_settings=arguments.trust_settings,
        fresh=arguments.fresh,
    )
    return baseline(arguments.run, registry, options)


__all__ = ["add_arguments", "execute"]

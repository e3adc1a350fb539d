"""``gammalearn lr-find``: at which learning rates the network of a settings file learns."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.plugin.registry import Registry
from gammalearn_core.settings.load import load_settings
from gammalearn_core.settings.overrides import add_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings file, the range, and where the curve goes."""
    parser.add_argument("settings", type=Path, help="a Python file that ends with experiment = Experiment(…)")
    parser.add_argument("--start", type=float, default=1e-7, help="the first learning rate (default: 1e-7)")
    parser.add_argument("--end", type=float, default=1.0, help="the last learning rate (default: 1)")
    parser.add_argument("--steps", type=int, default=100, help="steps from one to the other (default: 100)")
    parser.add_argument("--output", type=Path, default=Path(), help="where the plot and the curve go (default: .)")
    add_option(parser)


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Train a little at growing rates, and print what that says."""
    file = load_settings(arguments.settings, registry, arguments.overrides)
    from gammalearn_core.engine.lr_find import lr_find

    output = arguments.output.expanduser()
    return lr_find(file, registry, start=arguments.start, end=arguments.end, steps=arguments.steps, output=output)


__all__ = ["add_arguments", "execute"]

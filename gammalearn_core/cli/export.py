"""``gammalearn export``: a trained network as a file that other programs compute."""

from __future__ import annotations

import argparse
from pathlib import Path

from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the formats, where files go, and what they are checked with."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder: <logdir>/<experiment>/<run id>")
    parser.add_argument("--onnx", action="store_true", help="write ONNX (default: both formats)")
    parser.add_argument("--torch", action="store_true", help="write what torch.export.load reads (default: both)")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where files go (default: RUN/export)")
    parser.add_argument(
        "--check-on", nargs="+", default=[], metavar="FILE", help="DL1 files to check with (default: those of the run)"
    )
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="a folder to look for the run's data in")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.add_argument(
        "--trust-settings",
        action="store_true",
        help="run the copy of the settings file, which is code: needed if the network or its like is defined there",
    )


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Write, check and describe."""
    from gammalearn_core.exporting import Options
    from gammalearn_core.exporting import export
    from gammalearn_core.inspecting.paths import expand

    both = arguments.onnx == arguments.torch
    options = Options(
        onnx=both or arguments.onnx,
        torch=both or arguments.torch,
        output=arguments.output.expanduser() if arguments.output else None,
        check_on=expand(arguments.check_on),
        data_root=arguments.data_root.expanduser().absolute() if arguments.data_root else None,
        trust_settings=arguments.trust_settings,
        overwrite=arguments.overwrite,
    )
    return export(arguments.run, registry, options)


__all__ = ["add_arguments", "execute"]

"""``gammalearn info``: what DL1 and DL2 files hold, and what is wrong with them."""

from __future__ import annotations

import argparse
import json

from gammalearn_core.errors import EXIT_DATA
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.plugin.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files, ``--json`` and ``--verify``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a DL1 or DL2 file, or a pattern such as 'data/*.h5'")
    parser.add_argument("--json", action="store_true", help="machine-readable, with a schema number")
    parser.add_argument("--verify", action="store_true", help="read everything, and list chunks that are damaged")


def execute(arguments: argparse.Namespace, registry: Registry) -> int:
    """Describe every file, whatever is wrong with the others; 4 if any cannot be used."""
    from gammalearn_core.inspecting.apart import Describer
    from gammalearn_core.inspecting.paths import expand
    from gammalearn_core.inspecting.showing import Screen
    from gammalearn_core.inspecting.structure import as_json

    paths = expand(arguments.files)
    screen = Screen()
    found = []
    with Describer(everything=arguments.verify) as describer:
        for path in paths:
            with screen.busy(path) as progress:
                found.append(describer.describe(path, progress))
            if not arguments.json:
                screen.show(found[-1], first=len(found) == 1, columns=len(paths) == 1)
    if arguments.json:
        print(json.dumps(as_json(found), indent=2, allow_nan=False))
    elif len(found) > 1:
        screen.show_total(found)
    return EXIT_DONE if all(info.usable for info in found) else EXIT_DATA


__all__ = ["add_arguments", "execute"]

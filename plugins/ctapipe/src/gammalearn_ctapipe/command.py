"""``gammalearn ctapipe_models``: the network of a run as models for ``ctapipe-apply-models``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from gammalearn_core import Problem
from gammalearn_core import SettingsError


def main(argv: Sequence[str]) -> int:
    """Run the command and give its exit code.

    Raises
    ------
    GammalearnError
        The run cannot be used, or something is where a file is to go.
    """
    parser = argparse.ArgumentParser(
        prog="gammalearn ctapipe_models",
        description="Write the network of a run as models for ctapipe-apply-models, one a task.",
        epilog="A model names the run folder, which must stay where it is. Exit codes: 0 done, 2 settings, 4 data.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder: <logdir>/<experiment>/<run id>")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the models")
    parser.add_argument("--no-cuts", action="store_true", help="predict too what the run's cuts would take")
    parser.add_argument("--overwrite", action="store_true", help="replace models that are there")
    parser.add_argument(
        "--trust-settings", action="store_true", help="run the copy of the settings file, which is code"
    )
    arguments = parser.parse_args(argv)
    return _write(arguments)


def _write(arguments: argparse.Namespace) -> int:
    from gammalearn_core.api import open_run
    from gammalearn_ctapipe.model import GammaLearnModel
    from gammalearn_ctapipe.predictions import kinds_of

    path = arguments.run.expanduser().absolute()
    run = open_run(path, cuts=not arguments.no_cuts, trust_settings=arguments.trust_settings)
    if run.inputs.level == "subarray":
        what = "the network sees all images of an event, and ctapipe-apply-models gives those of one telescope"
        hint = "ctapipe-process --reconstructor GammaLearnReconstructor"
        raise SettingsError([Problem(str(path), what, hint)], "the run")
    paths = {task: arguments.output.expanduser() / f"{run.algorithms[task]}.pkl" for task in kinds_of(run)}
    taken = [Problem(str(p), "is there already", "--overwrite replaces it") for p in paths.values() if p.exists()]
    if taken and not arguments.overwrite:
        raise SettingsError(taken, "the outputs")
    try:
        arguments.output.expanduser().mkdir(parents=True, exist_ok=True)
        for task, file in paths.items():
            GammaLearnModel(
                path,
                task,
                run.weights_sha256,
                cuts=not arguments.no_cuts,
                trust_settings=arguments.trust_settings,
            ).write(file)
            print(file)
    except OSError as error:
        raise SettingsError(
            [Problem("--output", f"cannot be written: {error.strerror}")], "the command line"
        ) from error
    return 0


__all__ = ["main"]

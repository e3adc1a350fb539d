"""``gammalearn irf``: response functions, benchmarks and sensitivity of the predictions of a run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import attrs

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_irf.choosing import chosen_curves
from gammalearn_irf.finding import find_files
from gammalearn_irf.options import BACKGROUNDS
from gammalearn_irf.options import SOURCES
from gammalearn_irf.options import Options

SUMMARY = "Make instrument response functions and sensitivities of a run's predictions"
NOTES = """\
RUN is a run folder, whose predictions are those of its test split, or any folder of DL2 files with one particle each.
irf.fits.gz is what gammapy loads: EFFECTIVE AREA, ENERGY DISPERSION, PSF and BACKGROUND, full-enclosure. Beside it are
tables (ECSV, FITS), figures, and benchmarks.json, which says what every number is.
Exit codes: 0 done, 1 a file could not be written, 2 settings or usage, 4 data.
"""
MADE = ("irf.fits.gz", "benchmarks.json")


def main(argv: Sequence[str]) -> int:
    """Run the command and give its exit code.

    Raises
    ------
    GammalearnError
        Something is wrong, with the exit code that says what.
    """
    parser = argparse.ArgumentParser(
        prog="gammalearn irf",
        description=SUMMARY + ".",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    options = Options(**{f.name: getattr(arguments, f.name) for f in attrs.fields(Options)})
    try:
        _write(arguments, options)
    except SettingsError as error:
        problems = [attrs.evolve(p, where=_flag(p.where)) for p in error.problems]
        raise SettingsError(problems, "gammalearn irf") from error
    return 0


def _flag(where: str) -> str:
    return where if where == "RUN" else "--" + where.replace("_", "-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is read, and how it is measured."""
    defaults = Options()
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder, or folder of DL2 files")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder that files go to")
    parser.add_argument("--overwrite", action="store_true", help="replace files of an earlier call")
    parser.add_argument(
        "--gamma-efficiency",
        type=float,
        metavar="X",
        help="share of gammas that the cut in gammaness keeps (default: that of the best sensitivity)",
    )
    parser.add_argument(
        "--theta-efficiency",
        type=float,
        default=defaults.theta_efficiency,
        metavar="X",
        help=f"share of the rest that the cut in theta keeps (default: {defaults.theta_efficiency})",
    )
    parser.add_argument(
        "--energy-bins",
        type=float,
        nargs=3,
        metavar=("MIN", "MAX", "N"),
        help="TeV, and bins a decade (default: five a decade where gammas were simulated)",
    )
    parser.add_argument(
        "--fov-bins",
        type=float,
        nargs="+",
        metavar="DEG",
        help="edges in the angle to the pointing (default: about 1 deg wide, where showers were simulated)",
    )
    parser.add_argument(
        "--observation-time",
        type=float,
        default=defaults.observation_time,
        metavar="HOURS",
        help=f"(default: {defaults.observation_time:g})",
    )
    parser.add_argument(
        "--alpha",
        type=float,
        default=defaults.alpha,
        metavar="X",
        help=f"region of the source over those of the background (default: {defaults.alpha:g})",
    )
    for name, known in (("gamma_spectrum", SOURCES), ("proton_spectrum", BACKGROUNDS)):
        flag, default = "--" + name.replace("_", "-"), getattr(defaults, name)
        help = f"{' or '.join(known)} (default: {default})"
        parser.add_argument(flag, default=default, metavar="NAME", help=help)
    parser.add_argument(
        "--references", nargs="*", metavar="NAME", help="reference curves to draw (default: all; none without a name)"
    )


def _write(arguments: argparse.Namespace, options: Options) -> None:
    curves, wrong = chosen_curves(arguments.references)
    problems = [*options.problems(), *wrong, *_output(arguments)]
    try:
        find_files(arguments.run)
    except SettingsError as error:
        problems = [*error.problems, *problems]
    if problems:
        raise SettingsError(problems)
    from gammalearn_irf.making import make
    from gammalearn_irf.making import write_benchmarks
    from gammalearn_irf.making import write_responses
    from gammalearn_irf.reading.sample import GAMMA
    from gammalearn_irf.summary import summary

    samples, made = make(arguments.run, options)
    run = arguments.run.resolve().name
    path = write_responses(arguments.output, made, samples[GAMMA], run=run)
    written = write_benchmarks(arguments.output, made, samples, run=run, references=curves)
    print(summary(made))
    print(f"{path} and {len(written)} files beside it")


def _output(arguments: argparse.Namespace) -> Iterator[Problem]:
    folder = arguments.output
    if folder.exists() and not folder.is_dir():
        yield Problem("output", f"{folder} is a file, not a folder")
    there = [name for name in MADE if (folder / name).exists()]
    if there and not arguments.overwrite:
        yield Problem("output", f"{folder} has {' and '.join(there)} already", "say another folder, or --overwrite")


__all__ = ["add_arguments", "main"]

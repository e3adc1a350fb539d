"""``gammalearn gammaboard``: the predictions of runs, written so that GammaBoard opens them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import attrs

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_gammaboard_export.finding import Found
from gammalearn_gammaboard_export.finding import find
from gammalearn_gammaboard_export.layouts import LAYOUTS
from gammalearn_gammaboard_export.layouts import layout_problems

SUMMARY = "Write the predictions of runs so that GammaBoard opens them"
NOTES = """\
RUN is a run folder, whose predictions are those of its test split, its baseline (RUN/baseline), or any folder of DL2
files of simulated showers with one particle each. Each becomes an experiment in DIR, beside those that are there; one
of the same run is replaced. `jupyter notebook DIR/gammaboard.ipynb` shows them, with ctaplot, h5py and ipympl.
Exit codes: 0 done, 1 a file could not be written, 2 settings or usage, 4 data.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and give its exit code.

    Raises
    ------
    GammalearnError
        Something is wrong, with the exit code that says what.
    """
    parser = argparse.ArgumentParser(
        prog="gammalearn gammaboard",
        description=SUMMARY + ".",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        _write(arguments)
    except SettingsError as error:
        problems = [attrs.evolve(p, where=_flag(p.where)) for p in error.problems]
        raise SettingsError(problems, "gammalearn gammaboard") from error
    return 0


def _flag(where: str) -> str:
    return where if where == "RUN" else f"--{where}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is read, and how it is written."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folder, or folder of DL2 files")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder that files go to")
    parser.add_argument(
        "--layout",
        default=LAYOUTS[0],
        metavar="NAME",
        help=f"{' or '.join(LAYOUTS)}, which GammaBoard shows alike (default: {LAYOUTS[0]})",
    )


def _write(arguments: argparse.Namespace) -> None:
    folder = arguments.output
    problems = [*layout_problems(arguments.layout)]
    if folder.exists() and not folder.is_dir():
        problems.append(Problem("output", f"{folder} is a file, not a folder"))
    found: list[Found] = []
    for run in arguments.runs:
        try:
            found.append(find(run))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    from gammalearn_gammaboard_export.exporting import export
    from gammalearn_gammaboard_export.writing import NOTEBOOK

    for one in export(found, folder, layout=arguments.layout):
        background = one.samples.background
        count = f"{len(one.samples.gammas)} gammas, {len(background) if background else 0} others"
        print(f"{folder / one.name}: {count}")
        for note in one.notes:
            print(f"  {note}")
    print(f"{folder / NOTEBOOK} shows them: jupyter notebook {folder / NOTEBOOK}")


__all__ = ["add_arguments", "main"]

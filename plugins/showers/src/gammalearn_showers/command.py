"""``gammalearn showers``: simulate air showers, write DL1 files, draw a gallery."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_showers.parameters import Parameters
from gammalearn_showers.parameters import within

if TYPE_CHECKING:
    from gammalearn_showers.plan import Plan
    from gammalearn_showers.production import Production

SUMMARY = "Simulate air showers and write what telescopes see of them as DL1 files"
NOTES = """\
Files are named {particle}_run00001.dl1.h5 and so on. The same command goes on where an earlier one was stopped, and
with more --events adds files. A shower depends on --seed, particle, run and its number alone: not on --jobs.
Exit codes: 0 done, 1 a file could not be written, 2 settings or usage, 75 stopped and can be continued.
"""
LAST_RUN = 99_999
MOST_EVENTS = 10**9
MOST_SHOWN = 24


def main(argv: Sequence[str]) -> int:
    """Run the command and give its exit code.

    Raises
    ------
    GammalearnError
        Something is wrong, with the exit code that says what.
    """
    parser = argparse.ArgumentParser(
        prog="gammalearn showers",
        description=SUMMARY + ".",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    names = [f.name for f in attrs.fields(Parameters)]
    parameters = Parameters(**{n: getattr(arguments, n) for n in names if getattr(arguments, n) is not None})
    try:
        production = parameters.production(list(_problems(arguments)))
    except SettingsError as error:
        problems = [attrs.evolve(p, where="--" + p.where.replace("_", "-")) for p in error.problems]
        raise SettingsError(problems, "gammalearn showers") from error
    if arguments.output is not None:
        _write(arguments, parameters, production)
    if arguments.show is not None:
        _draw(arguments, production)
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is thrown, where it goes, and how."""
    what = parser.add_argument_group("what is thrown")
    what.add_argument("--particle", default="gamma", metavar="NAME", help="gamma, electron or proton (default: gamma)")
    what.add_argument(
        "--array",
        default="4mst",
        metavar="NAME",
        help="4lst, 4mst, lst-mono, mst-mono, mixed, or a file of telescopes (default: 4mst)",
    )
    what.add_argument("--camera", metavar="NAME", help="camera of all telescopes, such as FlashCam or hex1801")
    what.add_argument("--zenith", type=float, default=20.0, metavar="DEG", help="zenith angle (default: 20)")
    what.add_argument(
        "--azimuth", type=float, default=180.0, metavar="DEG", help="azimuth, from north to east (default: 180)"
    )
    what.add_argument(
        "--energy-range",
        type=float,
        nargs=2,
        metavar=("MIN", "MAX"),
        help="energies, TeV (default: 0.05 50; protons 0.1 100)",
    )
    what.add_argument("--index", type=float, default=-2.0, metavar="N", help="of the power law (default: -2)")
    what.add_argument(
        "--viewcone",
        type=float,
        metavar="DEG",
        help="half angle of the cone of directions; 0 is a point source (default: 3)",
    )
    what.add_argument(
        "--scatter-radius",
        type=float,
        metavar="M",
        help="radius of the circle of cores (default: 400 m more than the array; protons 500 m)",
    )
    what.add_argument(
        "--min-telescopes", type=int, metavar="N", help="that must trigger (default: 2, or 1 if there is one only)"
    )
    what.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers (default: 0)")
    files = parser.add_argument_group("files")
    files.add_argument("-o", "--output", type=_path, metavar="DIR", help="folder that files go to")
    files.add_argument(
        "--events", type=int, default=5000, metavar="N", help="showers that the array triggers on (default: 5000)"
    )
    files.add_argument("--events-per-file", type=int, default=5000, metavar="N", help="(default: 5000)")
    files.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes, each making a file at a time (default: 1)"
    )
    files.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar, or lines (default: on a terminal only)"
    )
    gallery = parser.add_argument_group("gallery")
    gallery.add_argument(
        "--show",
        type=_path,
        nargs="?",
        const=Path("showers.png"),
        metavar="FILE.png",
        help="draw the first events; works without --output (default: showers.png)",
    )
    gallery.add_argument("--show-count", type=int, default=4, metavar="N", help="events to draw (default: 4)")


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} begins with the home folder of nobody known") from error


def _problems(arguments: argparse.Namespace) -> Iterator[Problem]:
    """What is wrong beside the showers."""
    if arguments.output is None and arguments.show is None:
        yield Problem("output", "is not given: where shall files go?", "say -o DIR, or --show to draw only")
    yield from within("events", arguments.events, 1, MOST_EVENTS)
    yield from within("events_per_file", arguments.events_per_file, 1, MOST_EVENTS)
    if arguments.events > 0 and arguments.events_per_file > 0:
        count = -(-arguments.events // arguments.events_per_file)
        if count > LAST_RUN:
            yield Problem("events_per_file", f"makes {count} files, but there can be {LAST_RUN}", "take more")
    yield from within("jobs", arguments.jobs, 1)
    if arguments.show is not None:
        yield from within("show_count", arguments.show_count, 1, MOST_SHOWN)
        if arguments.show.suffix.lower() != ".png":
            yield Problem("show", f"{str(arguments.show)!r} does not end in .png")
        elif os.path.isdir(arguments.show):
            yield Problem("show", f"{str(arguments.show)!r} is a folder")
        elif not os.path.isdir(arguments.show.parent):
            yield Problem("show", f"there is no folder {str(arguments.show.parent)!r}")


def _write(arguments: argparse.Namespace, parameters: Parameters, production: Production) -> None:
    from gammalearn_showers.plan import make_plan
    from gammalearn_showers.progress import ShowerProgress
    from gammalearn_showers.work import Task
    from gammalearn_showers.workers import make_files

    sizes = {"events": arguments.events, "per_file": arguments.events_per_file}
    plan = make_plan(arguments.output, parameters, production, **sizes)
    tasks = [Task(run=r, events=n, path=plan.path(r), provenance=plan.provenance(r)) for r, n in plan.missing.items()]
    begin = time.monotonic()
    if tasks:
        with ShowerProgress(sum(plan.missing.values()), shown=arguments.progress) as progress:
            make_files(production, tasks, jobs=arguments.jobs, listener=progress)
    print(_summary(plan, production, time.monotonic() - begin))


def _summary(plan: Plan, production: Production, seconds: float) -> str:
    from gammalearn_showers.plan import thrown_in

    paths = [plan.path(run) for run in plan.wanted]
    events = sum(max(n, plan.there.get(run, 0)) for run, n in plan.wanted.items())
    thrown = sum(map(thrown_in, paths))
    size = sum(path.stat().st_size for path in paths) / 1e6
    made = f"made in {seconds:.0f} s" if not plan.kept else f"{len(plan.kept)} of them already there"
    files = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
    return (
        f"{plan.folder}: {files} with {events} {production.primary} events, {made}\n"
        f"{thrown} showers thrown, {events / thrown:.1%} triggered; {size:.1f} MB"
    )


def _draw(arguments: argparse.Namespace, production: Production) -> None:
    from gammalearn_showers.gallery import draw_gallery
    from gammalearn_showers.simulator import Simulator

    path, count = arguments.show, arguments.show_count
    draw_gallery(path, Simulator(production), count=count)
    print(f"{path}: {count} {production.primary} event{'s' if count > 1 else ''}")


__all__ = ["add_arguments", "main"]

"""Events of several telescopes: reading them against rows and DL1-Data-Handler, and a network by multiplicity.

    python benchmarks/stereo.py
    python benchmarks/stereo.py --python-dl1dh ENV/bin/python

``README.md`` tells what is measured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np
from data import Costs
from data import Line
from data import importable
from data import measure
from data import ratio
from data import run
from stereo_files import rechunked
from stereo_files import simulated

SECTIONS = ("reading", "identity", "memory", "network")
MODULES = {"pytables": "tables", "dl1dh": "dl1_data_handler.reader"}
"""What an environment must have."""
COPIES = 4
"""How often each file is listed for streaming, so that memory holds a part of the data."""
IMAGE = 2 * 1855 * 4 * 1e-6
"""MB of a decoded image."""
CTAPIPE_ROWS = 15
"""Images of LSTCam in a chunk as ctapipe writes it; `gammalearn showers` puts 32."""
TARGETS = {"pytables": 15.0, "h5py": 8.0}
"""How many times our CPU time rows must take, as in `data.py`."""


def lines(images: int, size: int, seconds: float) -> Iterator[Line]:
    """All ways of reading; the data have so many images."""
    some = {"size": size, "seconds": seconds}
    stream = {"size": size, "copies": COPIES, "threads": 1, "ahead": 0, "level": "subarray"}
    tenth, all_of_it = images * COPIES * IMAGE / 10, 1.5 * images * IMAGE + 10
    yield Line("pytables", "PyTables, `table[i]` of each telescope", "plain_stereo.py", "rows_pytables", some,
               python="pytables")  # fmt: skip
    yield Line("h5py", "h5py, `dataset[i]` of each telescope", "plain_stereo.py", "rows_h5py", some)
    for mapper in ("BilinearMapper", "AxialMapper"):
        label, settings = f"DL1-Data-Handler, {mapper}", some | {"mapper": mapper}
        yield Line(f"dl1dh-{mapper}", label, "peer_dl1dh.py", "stereo", settings, python="dl1dh")
    yield Line("ours", "**ours**, a tenth in memory", "ours.py", "streaming", stream | {"buffer_mb": tenth})
    yield Line("ours-half", "ours, half in memory", "ours.py", "streaming", stream | {"buffer_mb": 5 * tenth})
    memory = stream | {"copies": 1, "buffer_mb": all_of_it}
    yield Line("ours-memory", "ours, all in memory", "ours.py", "memory", memory)


def reading(settings: argparse.Namespace, files: list[str]) -> None:
    """Tables of what an event costs, for chunks as the simulator writes them and as ctapipe does."""
    pythons = {"own": sys.executable, "pytables": sys.executable, "dl1dh": settings.python_dl1dh}
    absent = {name for name, module in MODULES.items() if _skipped(name, pythons[name], module)}
    for rows, paths in ((_rows(files[0]), files), (CTAPIPE_ROWS, [rechunked(path, CTAPIPE_ROWS) for path in files])):
        chosen = [
            line
            for line in lines(_images(files), settings.size, settings.seconds)
            if line.python not in absent and line.key in settings.methods
        ]
        costs = measure(chosen, pythons, {"ctapipe": paths}, settings.rounds)
        print_reading(chosen, costs, rows, _images(files) / (2 * settings.events))


def print_reading(chosen: list[Line], costs: Costs, rows: int, multiplicity: float) -> None:
    """Medians, with the least and the most of the rounds."""
    print(f"\nchunks of {rows} images, {multiplicity:.2f} images an event\n")
    print("| method | events/CPU s | CPU µs/event | wall µs/event | CPU / ours | peak MB |\n|---|---|---|---|---|---|")
    for line in chosen:
        found = costs[line.key]
        cells = [_spread([1e6 / c["cpu"] for c in found]), *(_spread([c[n] for c in found]) for n in ("cpu", "wall"))]
        against = f"{ratio(costs, line.key, 'ours'):.3g}" if "ours" in costs else "-"
        print(f"| {line.label} | {' | '.join(cells)} | {against} | {statistics.median(c['peak'] for c in found):.0f} |")
    for key, target in TARGETS.items():
        if key in costs and "ours" in costs:
            times = ratio(costs, key, "ours")
            met = "yes" if times >= target else "NO"
            print(f"\nCPU time of {key}'s rows against ours: {times:.1f} (target: at least {target:g}): {met}")


def identity(settings: argparse.Namespace, folder: Path) -> None:
    """How many events two files have that number theirs alike, as they are and as readers tell it."""
    files = [p for seed in (11, 12) for p in simulated(folder, ["gamma"], events=settings.few, seed=seed)]
    keys = np.concatenate([_events(path) for path in files])
    print("\n| events of two files | |\n|---|---|")
    print(f"| in the files | {len(keys)} |\n| different (obs_id, event_id) | {len(np.unique(keys))} |")
    some: dict[str, Any] = {"size": 16, "seconds": 0.1}
    stream = some | {"threads": 1, "ahead": 0, "level": "subarray", "buffer_mb": 1000.0}
    wanted = {"ours": Line("ours", "", "ours.py", "memory", stream)}
    if not _skipped("dl1dh", settings.python_dl1dh, MODULES["dl1dh"]):
        peer = some | {"mapper": "AxialMapper", "all": True}
        wanted["DL1-Data-Handler"] = Line("dl1dh", "", "peer_dl1dh.py", "stereo", peer, python="dl1dh")
    for name, line in wanted.items():
        python = settings.python_dl1dh if line.python == "dl1dh" else sys.executable
        print(f"| {name} | {run(line, python, files)['samples']} |")


def memory(settings: argparse.Namespace, files: list[str]) -> None:
    """Peak memory of the same buffer, which an eighth of the data fits in, for more and more data."""
    peaks, room = {}, _images(files) * IMAGE / 8
    for copies in (1, 4, 16):
        stream = {"size": settings.size, "threads": 1, "ahead": 0, "level": "subarray", "buffer_mb": room}
        line = Line("ours", "", "ours.py", "streaming", stream | {"copies": copies, "seconds": settings.seconds})
        peaks[copies] = run(line, sys.executable, files)["peak"]
    told = " / ".join(f"{peak:.0f}" for peak in peaks.values())
    each = (peaks[16] - peaks[1]) * 1e6 / (15 * _images(files))
    print(f"\npeak memory, 1x / 4x / 16x the data: {told} MB: {each:.0f} bytes an image, of {1e6 * IMAGE:,.0f} decoded")


def network(settings: argparse.Namespace, path: str) -> None:
    """A table of what the network costs for events of so many telescopes."""
    # Not before: processes that are measured would be told to have had the memory of torch.
    import stereo_network

    if name := stereo_network.missing():
        print(f"\nskipped: network, since {name} is not installed")
        return
    counts = settings.multiplicities
    costs = stereo_network.measured(path, counts, rounds=settings.rounds, seconds=settings.seconds)
    print("\n| images an event | forward: events/s | ms/image | share of the encoder | step: events/s | ms/image |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        forward, step, encoder = (costs[f"{what} {count}"] for what in ("forward", "step", "encoder"))
        share, n = encoder.times(forward).median, stereo_network.EVENTS
        told = [_of_calls(costs.cpu, n, count * n) for costs in (forward, step)]
        print(f"| {count} | {told[0]} | {share:.0%} | {told[1]} |")


def _of_calls(cpu: list[float], events: int, images: int) -> str:
    """Two cells: events a second, and milliseconds an image."""
    return f"{_spread([events / c for c in cpu])} | {1e3 * statistics.median(cpu) / images:.2f}"


def _skipped(name: str, python: str, module: str) -> str:
    """Why a peer cannot be measured, which is said; empty if it can."""
    reason = importable(python, module)
    if reason:
        print(f"skipped: {name}, since {python} cannot import {module} ({reason})")
    return reason


def _rows(path: str) -> int:
    with h5py.File(path) as file:
        return int(next(iter(file["/dl1/event/telescope/images"].values())).chunks[0])


def _images(paths: list[str]) -> int:
    found = 0
    for path in paths:
        with h5py.File(path) as file:
            found += sum(len(table) for table in file["/dl1/event/telescope/images"].values())
    return found


def _events(path: str) -> np.ndarray[Any, np.dtype[Any]]:
    with h5py.File(path) as file:
        found: np.ndarray[Any, np.dtype[Any]] = file["/dl1/event/subarray/trigger"][:][["obs_id", "event_id"]]
    return found


def _spread(values: list[float]) -> str:
    return f"{_round(statistics.median(values))} [{_round(min(values))}-{_round(max(values))}]"


def _round(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def main() -> None:
    """Measure and print."""
    settings = _arguments()
    print(f"load of the computer at the beginning: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(settings.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        files = simulated(folder, ["gamma", "proton"], events=settings.events)
        if "reading" in settings.sections:
            reading(settings, files)
        if "identity" in settings.sections:
            identity(settings, folder)
        if "memory" in settings.sections:
            memory(settings, files)
        if "network" in settings.sections:
            network(settings, files[0])
    print(f"load of the computer at the end: {os.getloadavg()[0]:.1f}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    keys = [line.key for line in lines(1, 1, 1)]
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--events", type=int, default=10_000, help="of each of the two files (10000)")
    parser.add_argument("--few", type=int, default=300, help="of the files whose numbers are the same (300)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each method runs (5)")
    parser.add_argument("--size", type=int, default=64, help="events of a batch (64)")
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU time after which a slow method ends (4)")
    some = f"some of {', '.join(keys)} (all)"
    parser.add_argument("--methods", nargs="+", choices=keys, default=keys, metavar="NAME", help=some)
    parser.add_argument("--multiplicities", nargs="+", type=int, default=[1, 2, 4, 8, 16], help="(1 2 4 8 16)")
    parser.add_argument("--python-dl1dh", default=sys.executable, help="Python that has dl1-data-handler")
    parser.add_argument("--folder", help="where the files are kept; else they are removed in the end")
    return parser.parse_args()


if __name__ == "__main__":
    main()

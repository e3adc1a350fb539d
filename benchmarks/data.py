"""Our data path against the peers: CPU time an event, measured on the same files in one run, in turns.

    python benchmarks/data.py
    python benchmarks/data.py --python-dl1dh ENV/bin/python --python-gammalearn ENV/bin/python
    python benchmarks/data.py --scale

Each method runs in a process of its own, one after the other, round by round. ``README.md`` tells what they are.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scale
from large_file import make

HERE = Path(__file__).parent
SOURCES = {
    "ctapipe": HERE.parent / "examples" / "data" / "gamma_diffuse_prod6_run10.dl1.h5",
    "lstchain": HERE.parent / "tests" / "data" / "lstchain-0.12.3_dl1_gamma_4LST.h5",
}
TABLES = {"ctapipe": "/dl1/event/telescope/images/tel_002", "lstchain": "/dl1/event/telescope/image/LST_LSTCam"}
TELESCOPES = {"ctapipe": 2, "lstchain": 1}
PEERS = {"dl1dh": "dl1_data_handler.reader", "gammalearn": "gammalearn.data.LST_dataset"}
MODULES = {"pytables": "tables", **PEERS}
"""What an environment must have."""
COPIES = 4
"""How often each file is listed for streaming, so that memory holds a tenth of the data."""
FEW = 10_000
"""Events of a file, of which PyTables keeps 16 MB decoded; with fewer it does what it cannot do with real files."""
Costs = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Line:
    """A line of the table: a method and how it is called."""

    key: str
    label: str
    script: str
    method: str
    settings: dict[str, Any]
    kind: str = "ctapipe"
    python: str = "own"


def lines(events: int, size: int, seconds: float) -> Iterator[Line]:
    """All lines, those of one kind of file together."""
    some = {"size": size, "seconds": seconds}
    image = scale.IMAGE
    stream = {"size": size, "copies": COPIES, "buffer_mb": 2 * events * COPIES * image / 10}
    memory = {"size": size, "threads": 1, "ahead": 0, "buffer_mb": 3 * events * image + 10}
    yield Line("pytables", "PyTables, `table[i]`", "plain.py", "rows_pytables", some, python="pytables")
    yield Line("h5py", "h5py, `dataset[i]`", "plain.py", "rows_h5py", some)
    yield Line("chunks", "h5py, whole chunks", "plain.py", "chunks_h5py", some)
    for mapper in ("BilinearMapper", "AxialMapper"):
        label = f"DL1-Data-Handler, {mapper}"
        yield Line(f"dl1dh-{mapper}", label, "peer_dl1dh.py", "mono", some | {"mapper": mapper}, python="dl1dh")
    yield Line("decoding", "limit: checksum and decoding", "plain.py", "decoding", some)
    yield Line("fetching", "limit: the same, with fetching", "plain.py", "fetching", some)
    yield Line("ours", "**ours**", "ours.py", "streaming", stream | {"threads": 1, "ahead": 0})
    for threads, ahead in ((2, 0), (4, 0), (1, 2), (2, 2), (4, 2)):
        label = f"ours, {threads} thread{'s' * (threads > 1)}{', 2 batches ahead' * (ahead > 0)}"
        settings = stream | {"threads": threads, "ahead": ahead}
        yield Line(f"ours-{threads}-{ahead}", label, "ours.py", "streaming", settings)
    yield Line("ours-memory", "ours, all in memory", "ours.py", "memory", memory)
    one = some | {"size": 1, "warm": 1}
    few = some | {"warm": 10}
    yield Line("gl-file", "GammaLearn 0.15, from file", "peer_gammalearn.py", "file", one, "lstchain", "gammalearn")
    yield Line("gl-memory", "GammaLearn 0.15, in memory", "peer_gammalearn.py", "memory", few, "lstchain", "gammalearn")
    yield Line("lst", "**ours**", "ours.py", "streaming", stream | {"threads": 1, "ahead": 0}, "lstchain")
    yield Line("lst-memory", "ours, all in memory", "ours.py", "memory", memory, "lstchain")


def make_files(folder: Path, kind: str, events: int) -> list[str]:
    """A file of gammas and one of protons, made unless they are there."""
    found = []
    for name, primary in (("gamma", 0), ("proton", 101)):
        path = folder / f"{name}_{kind}_{events}.dl1.h5"
        if not path.exists():
            print(f"making {path.name}", file=sys.stderr)
            part = path.with_suffix(".part")
            make(SOURCES[kind], part, tel_id=TELESCOPES[kind], events=events, primary=primary, seed=primary)
            part.rename(path)
        found.append(str(path))
    return found


def importable(python: str, module: str) -> str:
    """Empty, or why this Python cannot import a module."""
    done = subprocess.run([python, "-W", "ignore", "-c", f"import {module}"], capture_output=True, text=True)
    return "" if not done.returncode else (done.stderr.strip().splitlines() or ["it failed"])[-1]


def run(line: Line, python: str, files: list[str]) -> dict[str, float]:
    """What one run of a method costs.

    Raises
    ------
    RuntimeError
        It failed.
    """
    settings = line.settings | {"table": TABLES[line.kind], "tel_id": TELESCOPES[line.kind]}
    settings["files"] = files * settings.get("copies", 1)
    command = [python, str(HERE / line.script), line.method, json.dumps(settings)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    if done.returncode:
        raise RuntimeError(f"{line.label} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(chosen: list[Line], pythons: dict[str, str], files: dict[str, list[str]], rounds: int) -> Costs:
    """Costs of each line, a round after the other; each round begins with another line."""
    costs: Costs = {line.key: [] for line in chosen}
    for number in range(rounds):
        first = number * len(chosen) // rounds
        for line in chosen[first:] + chosen[:first]:
            print(f"round {number + 1} of {rounds}: {line.key}", file=sys.stderr)
            costs[line.key].append(run(line, pythons[line.python], files[line.kind]))
    return costs


def ratio(costs: Costs, key: str, other: str) -> float:
    """Median over the rounds of how many times the CPU time of another line one has."""
    return statistics.median(a["cpu"] / b["cpu"] for a, b in zip(costs[key], costs[other], strict=True))


def print_table(chosen: list[Line], costs: Costs) -> None:
    """Medians, with the smallest and the largest of the rounds."""
    for kind, ours in (("ctapipe", "ours"), ("lstchain", "lst")):
        mine = [line for line in chosen if line.kind == kind]
        if not mine:
            continue
        print(f"\n| {kind} file | CPU µs/event | wall µs/event | CPU / ours | peak MB |\n|---|---|---|---|---|")
        for line in mine:
            times = [_spread([c[name] for c in costs[line.key]]) for name in ("cpu", "wall")]
            against = f"{ratio(costs, line.key, ours):.3g}" if ours in costs else "-"
            memory = statistics.median(c["peak"] for c in costs[line.key])
            print(f"| {line.label} | {times[0]} | {times[1]} | {against} | {memory:.0f} |")


def _spread(values: list[float]) -> str:
    return f"{_round(statistics.median(values))} [{_round(min(values))}-{_round(max(values))}]"


def _round(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def print_targets(costs: Costs) -> None:
    """Whether targets are met that need two of the lines."""
    print()
    for key, other, text, target in (
        ("pytables", "ours", "CPU time of PyTables' rows against ours", 15.0),
        ("h5py", "ours", "CPU time of h5py's rows against ours", 8.0),
        ("decoding", "ours", "checksum and decoding as a share of ours", 0.5),
    ):
        if key in costs and other in costs:
            found = ratio(costs, key, other)
            print(f"{text}: {found:.2f} (target: at least {target:g}): {'yes' if found >= target else 'NO'}")


def main() -> None:
    """Measure and print."""
    settings = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(settings.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if settings.scale:
            events = settings.events or 5_000
            scale.report(folder, SOURCES["ctapipe"], tel_id=TELESCOPES["ctapipe"], events=events)
            return
        settings.events = settings.events or 20_000
        chosen, pythons = _chosen(settings)
        files = {kind: make_files(folder, kind, settings.events) for kind in sorted({c.kind for c in chosen})}
        costs = measure(chosen, pythons, files, settings.rounds)
    print_table(chosen, costs)
    print_targets(costs)
    if settings.events < FEW:
        print(f"with fewer than {FEW} events, files fit in the caches of PyTables and h5py: take no ratios from this")


def _chosen(settings: argparse.Namespace) -> tuple[list[Line], dict[str, str]]:
    """Lines whose environments are there, and the Python of each."""
    pythons = dict.fromkeys(("own", "pytables"), sys.executable)
    pythons |= {"dl1dh": settings.python_dl1dh, "gammalearn": settings.python_gammalearn}
    wanted = [n for n in lines(settings.events, settings.size, settings.seconds) if n.key in settings.methods]
    missing = set(PEERS) - set(settings.peers)
    for name in sorted(({line.python for line in wanted} & set(MODULES)) - missing):
        if reason := importable(pythons[name], MODULES[name]):
            print(f"skipped: {name}, since {pythons[name]} cannot import {MODULES[name]} ({reason})")
            missing.add(name)
    found = [line for line in wanted if line.python not in missing]
    if not found:
        raise SystemExit("there is nothing to measure")
    return found, pythons


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    keys = [line.key for line in lines(1, 1, 1)]
    parser.add_argument("--events", type=int, help="of each file (20000; with --scale 5000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each method runs (5)")
    parser.add_argument("--size", type=int, default=256, help="events of a batch (256)")
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU time after which a slow method ends (4)")
    parser.add_argument("--peers", nargs="+", choices=[*PEERS, "none"], default=list(PEERS))
    some = f"some of {', '.join(keys)} (all)"
    parser.add_argument("--methods", nargs="+", choices=keys, default=keys, metavar="NAME", help=some)
    parser.add_argument("--python-dl1dh", default=sys.executable, help="Python that has dl1-data-handler")
    parser.add_argument("--python-gammalearn", default=sys.executable, help="Python that has GammaLearn 0.15")
    parser.add_argument("--folder", help="where the files are kept; else they are removed in the end")
    parser.add_argument("--scale", action="store_true", help="measure how memory, index and plan grow, and the order")
    return parser.parse_args()


if __name__ == "__main__":
    main()

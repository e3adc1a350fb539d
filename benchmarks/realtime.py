"""From DL1 file to DL2 file on one core: events a second, where the time goes, latency, and GammaLearn 0.15 beside it.

    python benchmarks/realtime.py
    python benchmarks/realtime.py --python-gammalearn ENV/bin/python

``README.md`` tells what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from data import SOURCES
from data import TELESCOPES
from data import importable
from large_file import make

HERE = Path(__file__).parent
SECTIONS = ("sustained", "phases", "latency", "peer")
PRECISIONS = ("fp32", "bf16")
SIZES = (1, 2, 4, 8, 16, 32)
LST = (7000, 15000)
"""Triggers a second of an LST."""
UPSTREAM = {"hexagonal": 140.0, "interpolated": 440.0}
"""Events a second of GammaLearn's GammaPhysNet on one thread of a quiet machine, measured before this benchmark was."""
FACTOR = 8.0
"""How many times as many ours is to make, with the same network."""
_STEADY = {
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
"""One thread, and memory that is freed is kept, for the peer too: without it page faults double what the peer takes."""
_SHOWERS = "--array mst-mono --camera VERITAS --energy-range 0.2 20 --viewcone 1.5 --scatter-radius 250 --events 200"
Case = dict[str, Any]


def main() -> None:
    """Measure and print."""
    settings = _arguments()
    print(f"load of the computer at the beginning: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        cases = [_case(name, Path(temporary), settings.events) for name in settings.networks]
        each = [case | {"precision": precision} for case in cases for precision in PRECISIONS]
        if "sustained" in settings.sections:
            print_sustained([(case, [sustained(case) for _ in range(settings.rounds)]) for case in each])
        if "phases" in settings.sections:
            print_phases([(c, [_steps("phases", c | {"batch": 128}) for _ in range(settings.rounds)]) for c in each])
        if "latency" in settings.sections:
            given = {"sizes": SIZES, "repeats": settings.repeats}
            print_latency([(case, _steps("latency", case | given)) for case in each])
        if "peer" in settings.sections:
            print_peer(peer([c for c in each if c["network"] == "gammaphysnet"], settings))
    print(f"load of the computer at the end: {os.getloadavg()[0]:.1f}", file=sys.stderr)


def _case(name: str, folder: Path, events: int) -> Case:
    """A run of a network, and a large file for it."""
    data = folder / name
    data.mkdir()
    if name == "quickstart":
        for particle in ("gamma", "proton"):
            _call([*_OURS, "showers", "-o", str(data), "--particle", particle, *_SHOWERS.split()])
        source, tel_id, many = data / "gamma_run00001.dl1.h5", 1, 3 * events
    else:
        source, tel_id, many = SOURCES["ctapipe"], TELESCOPES["ctapipe"], events
        for particle, primary in (("gamma", 0), ("proton", 101)):
            make(source, data / f"{particle}.dl1.h5", tel_id=tel_id, events=128, primary=primary, seed=primary)
    file = make(source, folder / f"{name}.dl1.h5", tel_id=tel_id, events=many, primary=0, seed=1)
    environment = {"BENCHMARK_NETWORK": name, "BENCHMARK_DATA": str(data)}
    _call([*_OURS, "run", str(HERE / "realtime_settings.py"), "--logdir", str(folder / "runs")], **environment)
    (run,) = (folder / "runs" / name).glob("*/")
    return {"network": name, "run": str(run), "file": str(file), "events": many}


_OURS = [sys.executable, "-m", "gammalearn_core"]


def _call(command: list[str], **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | _STEADY | environment)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _steps(what: str, given: Case) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        _call([sys.executable, str(HERE / "realtime_steps.py"), what, json.dumps(given)]).strip().splitlines()[-1]
    )
    return found


def sustained(case: Case) -> dict[str, float]:
    """What the whole command takes on one core, an event: the difference of three files and one. And what it begins
    with, seconds.
    """
    one, three = (_command(case, count) for count in (1, 3))
    cpu = (three["cpu"] - one["cpu"]) / (2 * case["events"])
    peaks = {"peak": three["peak"], "peak of one": one["peak"]}
    return {"cpu": cpu, "start": one["cpu"] - cpu * case["events"]} | peaks


def _command(case: Case, count: int) -> dict[str, float]:
    """CPU seconds of ``gammalearn predict`` on one core, and its peak memory, MB."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.dl1.h5") for number in range(count)]
        for path in files:
            try:
                path.hardlink_to(case["file"])
            except OSError:
                shutil.copy(case["file"], path)
        own = ["-o", str(Path(folder, "out")), "--threads", "1", "--precision", case["precision"]]
        command = [*_OURS, "predict", case["run"], *map(str, files), *own]
        process = subprocess.Popen(
            command, env=os.environ | _STEADY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=_one_core
        )
        told = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{command} failed:\n{told.decode()[-2000:]}")
        return {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1e3}


def _one_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def peer(cases: list[Case], settings: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of CPU time an event of networks alone, in turns: ours, and GammaLearn's where it can run."""
    ours = {f"ours, {case['precision']}": case for case in cases}
    ours |= {"ours, fp32, as it is trained": {**cases[0], "fuse": False}} if cases else {}
    found: dict[str, list[float]] = {name: [] for name in ours}
    theirs = ["hexagonal", "interpolated"] if cases else []
    if reason := importable(settings.python_gammalearn, "gammalearn.nets.gammaphysnet"):
        print(f"skipped: GammaLearn 0.15, since {settings.python_gammalearn} cannot run it ({reason})")
        theirs = []
    given = {"batch": 64, "seconds": settings.seconds}
    script = str(HERE / "peer_gammalearn_predict.py")
    for number in range(settings.rounds):
        for name in _turned([*ours, *theirs], number):
            print(f"round {number + 1} of {settings.rounds}: {name}", file=sys.stderr)
            if name in ours:
                value = _steps("network", ours[name] | given)
            else:
                camera = {"camera": str(Path(cases[0]["file"]))}
                command = [settings.python_gammalearn, "-W", "ignore", script, name, json.dumps(given | camera)]
                value = json.loads(_call(command).strip().splitlines()[-1])
            found.setdefault(name, []).append(value["ms"])
    return found


def _turned(names: list[str], number: int) -> list[str]:
    number %= max(1, len(names))
    return [*names[number:], *names[:number]]


def print_sustained(found: list[tuple[Case, list[dict[str, float]]]]) -> None:
    """Events a second and core, and how many cores an LST needs."""
    print("\n| command on one core | CPU µs/event | events/s | cores for 7 / 15 kHz | begins after CPU s |", end="")
    print(" peak MB, 1 / 3 files |\n|---|---|---|---|---|---|")
    for case, rounds in found:
        cpu = statistics.median(r["cpu"] for r in rounds)
        cores = " / ".join(f"{rate * cpu:.1f}" for rate in LST)
        peaks = " / ".join(f"{statistics.median(r[k] for r in rounds):.0f}" for k in ("peak of one", "peak"))
        cells = [
            f"{case['network']}, {case['precision']}",
            _spread([1e6 * r["cpu"] for r in rounds]),
            _rate([1 / r["cpu"] for r in rounds]),
            cores,
            _spread([r["start"] for r in rounds]),
            peaks,
        ]
        print(f"| {' | '.join(cells)} |")


def print_phases(found: list[tuple[Case, list[dict[str, float]]]]) -> None:
    """Where the time goes, without threads."""
    names = [name for name in found[0][1][0] if name != "events"] if found else []
    print(f"\n| CPU µs/event, batches of 128 | {' | '.join(names)} | all |\n|{'---|' * (len(names) + 2)}")
    for case, rounds in found:
        values = [statistics.median(r[name] for r in rounds) for name in names]
        shares = [f"{v:.3g} ({v / sum(values):.0%})" for v in values]
        print(f"| {case['network']}, {case['precision']} | {' | '.join(shares)} | {sum(values):.3g} |")


def print_latency(found: list[tuple[Case, dict[str, list[float]]]]) -> None:
    """Milliseconds from images in memory to predictions."""
    print("\n| ms, by images at once | " + " | ".join(map(str, SIZES)) + " |\n|" + "---|" * (len(SIZES) + 1))
    for case, times in found:
        for kind, percent in (("wall", 50), ("wall", 99), ("cpu", 50)):
            cells = [f"{np.percentile(times[f'{kind} {size}'], percent):.3g}" for size in SIZES]
            what = f"{kind}, {'median' if percent == 50 else f'{percent} %'}"
            print(f"| {case['network']}, {case['precision']}, {what} | {' | '.join(cells)} |")


def print_peer(found: dict[str, list[float]]) -> None:
    """Networks alone, and how many times GammaLearn's ours is."""
    print("\n| GammaPhysNet alone, 64 images | CPU ms/event | events/s |", end="")
    print(" times hexagonal | times interpolated |\n|---|---|---|---|---|")
    for name, times in found.items():
        ratios = [
            _spread([a / b for a, b in zip(found[other], times, strict=True)])
            if other in found
            else f"{1e3 / statistics.median(times) / UPSTREAM[other]:.3g} (quoted)"
            for other in UPSTREAM
        ]
        rate = f"{1e3 / statistics.median(times):.0f}"
        print(f"| {_label(name)} | {_spread(times)} | {rate} | {' | '.join(ratios)} |")
    for name in [n for n in found if n.startswith("ours, fp32")][:1]:
        times = found.get("hexagonal") or [1e3 / UPSTREAM["hexagonal"]] * len(found[name])
        factor = statistics.median(a / b for a, b in zip(times, found[name], strict=True))
        quoted = 1e3 / statistics.median(found[name]) / UPSTREAM["hexagonal"]
        met = "yes" if min(factor, quoted) >= FACTOR else "NO"
        print(
            f"\nthe same network: {factor:.1f} times as fast, {quoted:.1f} times the quoted {UPSTREAM['hexagonal']:g}",
            end="",
        )
        print(f" events/s (target: {FACTOR:g}): {met}")


def _label(name: str) -> str:
    return name if name.startswith("ours") else f"GammaLearn 0.15, {name}"


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} [{min(values):.3g}-{max(values):.3g}]"


def _rate(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} [{min(values):,.0f}-{max(values):,.0f}]"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--networks", nargs="+", choices=("quickstart", "gammaphysnet"), default=None)
    parser.add_argument("--rounds", type=int, default=3, help="of everything but latency (3)")
    parser.add_argument(
        "--events", type=int, default=10_000, help="of the file of LSTCam; VERITAS has three times (10000)"
    )
    parser.add_argument("--repeats", type=int, default=200, help="of each size of the latency (200)")
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU time of a network alone (4)")
    parser.add_argument("--python-gammalearn", default=sys.executable, help="Python that has GammaLearn 0.15")
    given = parser.parse_args()
    given.networks = given.networks or ["quickstart", "gammaphysnet"]
    return given


if __name__ == "__main__":
    main()

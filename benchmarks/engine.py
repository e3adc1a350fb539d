"""What the engine costs: a step against a bare loop, the whole command against GammaLearn's, a checkpoint.

    python benchmarks/engine.py
    python benchmarks/engine.py --python-gammalearn ENV/bin/python

``README.md`` tells what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from data import SOURCES
from data import TELESCOPES
from data import importable
from large_file import make

HERE = Path(__file__).parent
SECTIONS = ("steps", "command", "checkpoint")
LIMIT = 0.02
"""Share of a step that may be overhead."""
SECONDS = 6.0
"""CPU seconds that may pass until the first step is made."""
PARAMETERS = 10_000_000
"""Of the network whose checkpoint is saved."""
_LAYERS = 10
_STEADY = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
"""One thread, and memory that is freed is kept: page faults would cost more than what is measured."""
_COMMANDS = {
    "ours": ["-m", "gammalearn_core", "run", str(HERE / "engine_settings.py")],
    "GammaLearn 0.15": [str(HERE / "peer_gammalearn_run.py"), str(HERE / "peer_gammalearn_settings.py")],
}
Found = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    settings = _arguments()
    print(f"load of the computer at the beginning: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    if "steps" in settings.sections:
        for network, count in (("large", settings.steps), ("small", 10 * settings.steps)):
            given = {"network": network, "rounds": settings.rounds, "count": count}
            print_steps(network, _apart("steps", given))
    if "command" in settings.sections:
        print_commands(commands(settings))
    if "checkpoint" in settings.sections:
        width = round((PARAMETERS / _LAYERS) ** 0.5)
        print_checkpoint(_apart("checkpoints", {"rounds": settings.rounds, "width": width}))
    print(f"load of the computer at the end: {os.getloadavg()[0]:.1f}", file=sys.stderr)


def _apart(what: str, settings: dict[str, Any]) -> Found:
    """What `engine_steps.py` measures, in a process of its own."""
    command = [sys.executable, str(HERE / "engine_steps.py"), what, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | _STEADY)
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr[-2000:]}")
    found: Found = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def print_steps(network: str, found: Found) -> None:
    """CPU time of a step, and what the engine adds to that of the bare loop in the same round."""
    print(f"\n| {network} network | CPU ms/step | added, ms | added, % |\n|---|---|---|---|")
    for name, times in found.items():
        added = [a - b for a, b in zip(times, found["bare"], strict=True)]
        shares = [100 * a / b for a, b in zip(added, found["bare"], strict=True)]
        text = [_spread([1e3 * v for v in values]) for values in (times, added)]
        print(f"| {name} | {text[0]} | {text[1]} | {_spread(shares)} |")
    if network == "large":
        added = statistics.median(a / b for a, b in zip(found["engine"], found["bare"], strict=True)) - 1
        print(f"\noverhead of a step: {added:.2%} (target: at most {LIMIT:.0%}): {_met(added <= LIMIT)}")


def commands(settings: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """What whole commands cost, in turns."""
    pythons = {"ours": sys.executable, "GammaLearn 0.15": settings.python_gammalearn}
    if reason := importable(pythons["GammaLearn 0.15"], "gammalearn.programs.gammalearn"):
        print(f"skipped: GammaLearn 0.15, since {pythons.pop('GammaLearn 0.15')} cannot run it ({reason})")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as temporary:
        data = make_files(Path(temporary, "data"), settings.events)
        for number in range(settings.rounds_of_commands):
            for name, python in list(pythons.items())[:: 1 if number % 2 else -1]:
                print(f"round {number + 1} of {settings.rounds_of_commands}: {name}", file=sys.stderr)
                out = Path(temporary, f"{number}-{len(name)}")
                found[name].append(_run([python, "-W", "ignore", *_COMMANDS[name]], data, out, settings.epochs))
    return found


def make_files(folder: Path, events: int) -> Path:
    """A file of gammas and one of protons as lstchain writes them, with energies that tell showers apart."""
    folder.mkdir()
    for name, primary in (("gamma", 0), ("proton", 101)):
        path = make(
            SOURCES["lstchain"],
            folder / f"{name}.dl1.h5",
            tel_id=TELESCOPES["lstchain"],
            events=events,
            primary=primary,
            seed=primary,
        )
        with h5py.File(path, "r+") as h5:
            table = h5["/dl1/event/telescope/parameters/LST_LSTCam"]
            rows = table[:]
            rows["mc_energy"] = 0.03 * 1000 ** np.random.default_rng(primary).random(events)
            rows["log_mc_energy"] = np.log10(rows["mc_energy"])
            table[:] = rows
    return folder


def _run(command: list[str], data: Path, out: Path, epochs: int) -> dict[str, float]:
    """CPU seconds to the end of the first step and to the end, wall seconds, and peak memory, MB."""
    out.mkdir()
    wanted = {"BENCHMARK_DATA": str(data), "BENCHMARK_OUT": str(out), "BENCHMARK_EPOCHS": str(epochs)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | wanted | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=out)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr[-2000:]}")
    (first,) = (float(line.partition(":")[2]) for line in done.stdout.splitlines() if line.startswith("first step:"))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"first": first, "cpu": cpu, "wall": wall}


def print_commands(found: dict[str, list[dict[str, float]]]) -> None:
    """Medians, with the least and the most of the rounds."""
    print("\n| command | CPU s to the first step | CPU s | wall s | CPU / ours |\n|---|---|---|---|---|")
    for name, rounds in found.items():
        times = [_spread([r[key] for r in rounds]) for key in ("first", "cpu", "wall")]
        against = _spread([a["cpu"] / b["cpu"] for a, b in zip(rounds, found["ours"], strict=True)])
        print(f"| {name} | {' | '.join(times)} | {against} |")
    first = statistics.median(r["first"] for r in found["ours"])
    print(f"\nCPU time to the first step: {first:.1f} s (target: at most {SECONDS:g} s): {_met(first <= SECONDS)}")


def print_checkpoint(found: Found) -> None:
    """Wall time of saving, and how many times that of `torch.save` it is."""
    (size,) = found.pop("bytes")
    print(f"\n| checkpoint of {size / 1e6:.0f} MB | ms | time / torch.save |\n|---|---|---|")
    for name, times in found.items():
        against = [a / b for a, b in zip(times, found["torch.save"], strict=True)]
        print(f"| {name} | {_spread([1e3 * t for t in times])} | {_spread(against)} |")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"


def _met(met: bool) -> str:
    return "yes" if met else "NO"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, default=30, help="of steps and of checkpoints (30)")
    parser.add_argument("--steps", type=int, default=10, help="of a round (10), of the large network")
    parser.add_argument("--rounds-of-commands", type=int, default=3, help="how often each command runs (3)")
    parser.add_argument("--events", type=int, default=640, help="of each of the two files (640)")
    parser.add_argument("--epochs", type=int, default=2, help="of the commands (2)")
    parser.add_argument("--python-gammalearn", default=sys.executable, help="Python that has GammaLearn 0.15")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""How memory, index and plan grow with the data, and whether the order of events depends on threads or ranks.

``data.py --scale`` runs it. What is measured runs in processes of its own: ``python scale.py NAME JSON``.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import clock
import numpy as np
from large_file import make

from gammalearn_core.data.table import EventTable

FILES = 32
SMALL_FILES = 48, 96, 192
"""Of small files: all of these are more than HDF5 has open at once."""
STEPS = 300
SIZE = 256
SMALL = 300
"""Events of small files, which tell what a file costs beside its events."""
ROUNDS = 5
TERABYTE = 1e12
FILE = 1e9
"""Bytes of a file of a large production, to extrapolate with."""
IMAGE = 2 * 1855 * 4 * 1e-6
"""MB of a decoded image."""
COLUMNS = {
    "obs_id, event_id, tel_id, pointing": ("obs_id", "event_id", "tel_id", "pointing_alt", "pointing_az"),
    "true particle, energy, direction": ("true_shower_primary_id", "true_energy", "true_alt", "true_az"),
    "one DL1 parameter": ("hillas_intensity",),
}
Found = dict[str, tuple[float, float]]
"""By what is done: seconds of CPU time and bytes."""


def steps(settings: clock.Settings) -> dict[str, float]:
    """Peak memory of some steps of training data, MB, without and with what Python and torch need."""
    from ours import order

    from gammalearn_core.builtin.loaders.dl1.source import DL1Source

    before = clock.peak()
    source = DL1Source(settings["files"], buffer_mb=settings["buffer_mb"])
    plan, done = order(source, SIZE), 0
    while done < STEPS:
        for rows in islice(plan.steps(done // len(plan), done % len(plan)), STEPS - done):
            source.read(rows)
            done += 1
    return {"before": before, "peak": clock.peak()}


def index(settings: clock.Settings) -> Found:
    """What opening, planning and naming columns cost."""
    from gammalearn_core.builtin.loaders.dl1.source import DL1Source
    from gammalearn_core.data.order import Order

    found: Found = {}

    def noted(name: str, act: Callable[[], Any]) -> Any:
        memory, begin = _memory(), time.process_time()
        value = act()
        found[name] = time.process_time() - begin, _memory() - memory
        return value

    DL1Source(settings["files"][:1], buffer_mb=1).close()
    source = noted("open (the index)", lambda: DL1Source(settings["files"], buffer_mb=1))

    def plan() -> Any:
        blocks = source.blocks
        # As if every other block were of gammas, since to know it truth would have to be read.
        groups = np.arange(len(blocks) - 1) % 2
        made = Order(None, blocks, groups, capacity=source.capacity, size=SIZE, seed=1)
        return made, next(made.steps(0))

    _, rows = noted("plan an epoch, first step", plan)
    noted("read the first batch", lambda: source.read(rows))
    for name, columns in COLUMNS.items():
        noted(name, partial(_name, source.events, columns))
    return found


def _name(events: EventTable, columns: Iterable[str]) -> None:
    for name in columns:
        events[name]


def streaming(settings: clock.Settings) -> dict[str, float]:
    """What reading an epoch costs."""
    import ours

    return clock.measured(ours.streaming, settings)


def digests(settings: clock.Settings) -> list[list[tuple[int, int]]]:
    """For each of some steps the row of each event and a checksum of its pixels and identity."""
    from ours import order

    from gammalearn_core.builtin.loaders.dl1.source import DL1Source
    from gammalearn_core.engine.ahead import read_ahead

    source = DL1Source(settings["files"], buffer_mb=settings["buffer_mb"], threads=settings["threads"])
    parts = order(source, SIZE).steps(0, rank=settings["rank"], world=settings["world"])
    found = []
    for batch in islice(read_ahead(parts, source.read, ahead=settings["ahead"]), 40):
        rows, pixels = batch.events["row"].tolist(), batch.mono.pixels.numpy()
        names = np.column_stack([batch.events[n].numpy() for n in ("obs_id", "event_id")])
        sums = [zlib.crc32(one.tobytes(), zlib.crc32(name.tobytes())) for one, name in zip(pixels, names, strict=True)]
        found.append(list(zip(rows, sums, strict=True)))
    return found


def _memory() -> float:
    """Bytes that this process has in memory now."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1e3 for line in status if line.startswith("VmRSS"))


def report(folder: Path, source: Path, *, tel_id: int, events: int) -> None:
    """Measure and print all."""
    large = _copies(folder, source, tel_id=tel_id, events=events, count=FILES)
    small = _copies(folder, source, tel_id=tel_id, events=SMALL, count=SMALL_FILES[-1])
    # Less than half of the smallest set, so that it streams too.
    budget = 2 * events * IMAGE * 0.4
    _report_memory(large, budget)
    _report_files(small)
    _report_index(_copies(folder, source, tel_id=tel_id, events=4 * events, count=2), small, events=4 * events)
    _report_order(large[:4], budget)


def _copies(folder: Path, source: Path, *, tel_id: int, events: int, count: int) -> list[str]:
    """Real copies: HDF5 shares memory among links to one file. Half of them have gammas, half protons, in turn."""
    paths = [folder / f"scale_{events}_{number}.dl1.h5" for number in range(count)]
    for number, path in enumerate(paths):
        if path.exists():
            continue
        print(f"making {path.name}", file=sys.stderr)
        part = path.with_suffix(".part")
        if number < 2:
            make(source, part, tel_id=tel_id, events=events, primary=101 * number, seed=number)
        else:
            shutil.copy(paths[number % 2], part)
        part.rename(path)
    return [str(path) for path in paths]


def _report_memory(files: list[str], budget: float) -> None:
    found = {}
    print(f"\n| data | files | peak MB after {STEPS} steps | of it before opening |\n|---|---|---|---|")
    for times in (1, 4, 16):
        found[times] = _run("steps", {"files": files[: 2 * times], "buffer_mb": budget})
        print(f"| {times}x | {2 * times} | {found[times]['peak']:.0f} | {found[times]['before']:.0f} |")
    growth = found[16]["peak"] / found[1]["peak"] - 1
    _say(f"peak memory grows by {growth:.1%} with 16x the data (target: at most 10 %)", growth <= 0.1)


def _report_files(files: list[str]) -> None:
    """CPU time an event when all files can stay open, and when most cannot."""
    print("\n| files | CPU µs/event |\n|---|---|")
    medians = []
    for count in (SMALL_FILES[0], SMALL_FILES[-1]):
        settings = {"files": files[:count], "buffer_mb": count * SMALL * IMAGE * 0.3, "size": SIZE}
        times = [_run("streaming", settings | {"threads": 1, "ahead": 0})["cpu"] for _ in range(ROUNDS)]
        medians.append(statistics.median(times))
        print(f"| {count} | {medians[-1]:.1f} [{min(times):.1f}-{max(times):.1f}] |")
    growth = medians[1] / medians[0] - 1
    _say(f"CPU time an event grows by {growth:.0%} with four times the files (at most 10 % is wanted)", growth <= 0.1)


def _report_index(large: list[str], small: list[str], *, events: int) -> None:
    few, many = SMALL_FILES[1:]
    # What a file costs differs from one to another; what its images cost is told by the same ones, some times each.
    times = FILES // 2
    runs = _indices([large * times, small[:2] * times, small[:few], small[:many]])
    count, files = TERABYTE / (Path(large[0]).stat().st_size / events), TERABYTE / FILE
    print(f"\n1 TB: {files:.0f} files of {FILE / 1e9:.0f} GB with {count / 1e6:.0f} million images\n")
    print("| | ms/file | kB/file | ns/image | B/image | 1 TB: s | 1 TB: MB |\n|---|---|---|---|---|---|---|")
    total = np.zeros(2)
    for number, name in enumerate(runs[0]):
        of_large, of_same, of_few, of_many = (np.array(run[name]) for run in runs)
        per_event = np.maximum(0.0, of_large - of_same) / (FILES * (events - SMALL))
        per_file = np.maximum(0.0, (of_many - of_few) / (many - few) - SMALL * per_event)
        always = np.maximum(0.0, of_few - few * (per_file + SMALL * per_event))
        found = (always + files * per_file + count * per_event) * (1, 1e-6)
        costs = [*per_file * (1e3, 1e-3), *per_event * (1e9, 1), *found]
        print(f"| {name} | {' | '.join(f'{c:.1f}' for c in costs)} |")
        total += found if number < 2 else 0.0
    text = f"index and plan of 1 TB: {total[0]:.1f} s, {total[1]:.0f} MB (target: 10 s, 200 MB)"
    _say(text, bool(total[0] <= 10 and total[1] <= 200))


def _indices(sets: list[list[str]]) -> list[Found]:
    """The least that some runs cost, in turns: a computer that does other things only adds to it."""
    runs = [[_run("index", {"files": files}) for files in sets] for _ in range(ROUNDS)]
    return [
        {n: tuple(min(f[n][k] for f in found) for k in (0, 1)) for n in found[0]} for found in zip(*runs, strict=True)
    ]


def _report_order(files: list[str], budget: float) -> None:
    plain = {"files": files, "buffer_mb": budget, "threads": 1, "ahead": 0, "rank": 0, "world": 1}
    single = _run("digests", plain)
    for name, settings in (
        ("0 threads", {"threads": 0}),
        ("2 threads", {"threads": 2}),
        ("4 threads", {"threads": 4}),
        ("4 threads, 2 batches ahead", {"threads": 4, "ahead": 2}),
    ):
        _say(f"events and pixels are the same with {name} as with 1", _run("digests", plain | settings) == single)
    ranks = [_run("digests", plain | {"rank": rank, "world": 2}) for rank in (0, 1)]
    same = all(
        sorted(a + b) == sorted(whole) and all([x for x in whole if x in part] == part for part in (a, b))
        for a, b, whole in zip(*ranks, single, strict=True)
    )
    _say("2 ranks together read each step's events as 1 does, in its order", same)


def _say(text: str, holds: bool) -> None:
    print(f"{text}: {'yes' if holds else 'NO'}", flush=True)


def _run(name: str, settings: clock.Settings) -> Any:
    command = [sys.executable, __file__, name, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


__all__ = ["report"]

if __name__ == "__main__":
    actions = {"steps": steps, "index": index, "streaming": streaming, "digests": digests}
    print(json.dumps(actions[sys.argv[1]](json.loads(sys.argv[2]))))

"""What calls cost: in turns, in CPU time, against the most that a core can do; and how much memory one takes."""

from __future__ import annotations

import ctypes
import multiprocessing
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

Call = Callable[[], object]

PEAK_SOURCE = Path(__file__).with_name("fma_peak.c")
PEAK_FLAGS = ("-O2", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=fast", "-shared", "-fPIC")
PEAK_STEPS = 3_000_000
"""About ten milliseconds."""


class Spread(NamedTuple):
    """Median, least and most of the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of the values of the rounds."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Costs:
    """What one call of a method costs, round by round."""

    cpu: list[float]
    """Seconds of CPU time, in user and system mode."""
    system: list[float]
    """Those of them in system mode."""
    faults: list[float]
    """Pages that the system had to give."""

    def add(self, values: list[float]) -> None:
        """Those of another round."""
        for costs, value in zip((self.cpu, self.system, self.faults), values, strict=True):
            costs.append(value)

    def times(self, other: Costs) -> Spread:
        """How many times the CPU time of another method, round by round."""
        return Spread.of([a / b for a, b in zip(self.cpu, other.cpu, strict=True)])


def in_turns(makers: Mapping[str, Callable[[], Call]], *, rounds: int, seconds: float) -> dict[str, Costs]:
    """Call what each maker makes in each round, as often as fits into so many seconds; each round begins with another.

    Each method lives in a process of its own, forked from this one, for memory that one has freed is quickly had by
    another. Its first two calls are not counted.

    Raises
    ------
    RuntimeError
        A method failed.
    """
    workers = {name: _Worker(name, make, seconds) for name, make in makers.items()}
    names, costs = list(workers), {name: Costs([], [], []) for name in workers}
    try:
        for number in range(rounds):
            first = number * len(names) // rounds
            for name in names[first:] + names[:first]:
                costs[name].add(workers[name].round())
    finally:
        for worker in workers.values():
            worker.close()
    return costs


class _Worker:
    """A process that calls a method when it is told to."""

    def __init__(self, name: str, make: Callable[[], Call], seconds: float) -> None:
        context = multiprocessing.get_context("fork")
        self.name = name
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, make, seconds), daemon=True)
        self.process.start()
        other.close()
        self._received()

    def round(self) -> list[float]:
        self.pipe.send(True)
        return self._received()

    def _received(self) -> list[float]:
        found: list[float] | str = self.pipe.recv()
        if isinstance(found, str):
            raise RuntimeError(f"{self.name} failed: {found}")
        return found

    def close(self) -> None:
        # Processes that were forked later hold the pipe open, so that closing it would not be noticed.
        with suppress(BrokenPipeError):
            self.pipe.send(False)
        self.process.join()


def _serve(pipe: Connection, make: Callable[[], Call], seconds: float) -> None:
    try:
        call = make()
        repeats = max(1, int(seconds / _elapsed(call)))
        pipe.send([])
        while pipe.recv():
            pipe.send(_costs(call, repeats))
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


def _elapsed(call: Call) -> float:
    call()
    begin = time.process_time()
    call()
    return max(time.process_time() - begin, 1e-6)


def _costs(call: Call, repeats: int) -> list[float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.process_time()
    for _ in range(repeats):
        call()
    cpu = time.process_time() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    found = cpu, after.ru_stime - before.ru_stime, float(after.ru_minflt - before.ru_minflt)
    return [value / repeats for value in found]


class Peak:
    """Multiplications and additions in registers only, which nothing can be faster than.

    Parameters
    ----------
    name : {"float32", "bfloat16"}

    Raises
    ------
    OSError
        There is no C compiler, or the processor has no such instructions.
    """

    def __init__(self, name: str) -> None:
        self._call = getattr(_peak_library(), f"peak_{name}")
        self._call.argtypes, self._call.restype = [ctypes.c_int64], ctypes.c_int64
        self.operations = int(self._call(PEAK_STEPS))
        if not self.operations:
            raise OSError(f"this processor cannot multiply and add {name}")

    def __call__(self) -> None:
        self._call(PEAK_STEPS)


def _peak_library() -> ctypes.CDLL:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise OSError("there is no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "peak.so"
        done = subprocess.run([compiler, *PEAK_FLAGS, str(PEAK_SOURCE), "-o", str(library)], capture_output=True)
        if done.returncode:
            raise OSError(f"{compiler} cannot compile {PEAK_SOURCE.name}")
        return ctypes.CDLL(str(library))


def peaks() -> dict[str, Peak]:
    """Those that this computer can do."""
    found = {}
    for name in ("float32", "bfloat16"):
        try:
            found[name] = Peak(name)
        except OSError:
            continue
    return found


def peak_memory(call: Call) -> float:
    """Bytes that one call takes at most beside what the process has already; Linux only.

    Raises
    ------
    OSError
        The system does not tell.
    """
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    before = _status("VmRSS")
    kept = call()
    most = _status("VmHWM")
    del kept
    return most - before


def _status(name: str) -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024.0 for line in status if line.startswith(name))


__all__ = ["Call", "Costs", "Peak", "Spread", "in_turns", "peak_memory", "peaks"]

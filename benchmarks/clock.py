"""What a method costs: CPU time of all threads, wall time and memory, told as one line of JSON.

It needs nothing but Python, since each method runs in a process of its own, and some in another environment.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

Settings = dict[str, Any]
Method = Callable[[Settings], tuple[Iterable[int], Iterable[int]]]
"""From settings to batches that warm up and batches that are measured, both told by their number of events."""


def cpu() -> float:
    """Seconds of CPU time of this process, in user and system mode, of all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """The most memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1e-3)


def measured(method: Method, settings: Settings) -> dict[str, float]:
    """Microseconds of CPU and wall time an event, and peak memory, MB.

    What opens the files and the batches that warm up are not counted. Batches are read until the method ends, or until
    it has used ``settings["seconds"]`` of CPU time if that is given. What the method puts into ``settings["told"]`` is
    told too.
    """
    warm, batches = method(settings)
    for _ in warm:
        pass
    limit = settings.get("seconds") or float("inf")
    events, cpu_start, wall_start = 0, cpu(), time.perf_counter()
    for size in batches:
        events += size
        if cpu() - cpu_start > limit:
            break
    used, passed = cpu() - cpu_start, time.perf_counter() - wall_start
    found = {"events": events, "cpu": used / events * 1e6, "wall": passed / events * 1e6, "peak": peak()}
    return found | settings.get("told", {})


def main(methods: dict[str, Method]) -> None:
    """Run the method that the command line names, ``python FILE.py NAME JSON``, and print what it costs."""
    print(json.dumps(measured(methods[sys.argv[1]], json.loads(sys.argv[2]))))


__all__ = ["Method", "Settings", "cpu", "main", "measured", "peak"]

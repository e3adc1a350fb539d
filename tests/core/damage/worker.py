"""A process that reads damaged files, one after the other, and may die of it.

Each line on its standard input is a job, ``{"path": …, "base": …, "good": …, "effect": {…}}``; for each it writes one
line, the verdict.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
import traceback
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from attrs import asdict
from attrs import evolve

from damage.judging import Verdict
from damage.judging import judge_data
from damage.judging import judge_error
from damage.kinds import Effect
from damage.seeing import OF_ALL
from damage.seeing import Seen
from damage.seeing import compare
from damage.seeing import see
from damage.seeing import see_file
from damage.traces import can_be_read
from damage.traces import digest
from damage.traces import forget_the_peak
from damage.traces import peak
from damage.traces import traces
from gammalearn_core.builtin.loaders.dl1 import DL1Source

MEMORY = 6 * 2**30
"""Bytes of address space."""
MOST = 1500
"""Megabytes of memory that no file of some hundred kilobytes may take."""
EMPTY = "no telescope has images"
"""What is told of a file whose tables have no rows: nothing of it is damaged, nor left out."""


class Log(logging.Handler):
    """What was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@lru_cache
def undamaged(path: Path) -> Seen:
    return see_file(path, "subarray", 1)


def judge(job: dict[str, Any], log: Log) -> Verdict:
    """Read a damaged file in all ways."""
    path, base, effect = Path(job["path"]), Path(job["base"]), Effect(**job["effect"])
    good = Path(job["good"]) if job["good"] else None
    before, content = undamaged(base), digest(path)
    forget_the_peak()
    memory, start = peak(), time.monotonic()
    verdict = _read(path, before, effect)
    if good and verdict.outcome != "wrong":
        beside = _skipped(path, good, before, effect, log, refused=verdict.outcome == "error")
        verdict = beside if beside.outcome in ("wrong", "silent") else verdict
    verdict = evolve(verdict, seconds=round(time.monotonic() - start, 3), megabytes=peak() - memory)
    found = traces(path, content) + [f"{verdict.megabytes} MB of memory"] * (verdict.megabytes > MOST)
    return evolve(verdict, outcome="wrong", why="; ".join(found)) if found else verdict


def _read(path: Path, before: Seen, effect: Effect) -> Verdict:
    """At both levels, and with all cameras."""
    try:
        after = see_file(path, "subarray", 2 if effect.shuffled else 1)
        source = DL1Source([path], level="subarray")
        cameras, readable = list(source.inputs.cameras), can_be_read(path)
        source.close()
        parts = [see_file(path, "telescope", 1, camera).images for camera in cameras]
    except BaseException as error:
        return judge_error(effect, str(path), error, _place(error))
    if not readable:
        return Verdict("wrong", "the file was locked against other readers")
    together = Seen({key: values for part in parts for key, values in part.items()})
    others, gone, new = compare(after, together)
    if gone or new or any(d.count for d in others):
        return Verdict("wrong", f"the levels differ: {others[:3]}, {gone} gone, {new} new")
    return judge_data(effect, before, after)


def _skipped(path: Path, good: Path, before: Seen, effect: Effect, log: Log, *, refused: bool) -> Verdict:
    """A list of a damaged and a good file: all of the good one is there, what is kept is right, and the rest told."""
    log.lines.clear()
    try:
        source = DL1Source([path, good], level="subarray", on_corrupt="skip")
        try:
            files = [file.path for file in source.files]
            seen = see(source)
        finally:
            source.close()
    except BaseException as error:
        return Verdict("wrong", f"skip: {type(error).__name__}: {error} {_place(error)}")
    names = seen.columns - set(OF_ALL)
    of_good = judge_data(Effect(), undamaged(good).only(names), seen.of(files.index(good)).only(names))
    if of_good.outcome != "same":
        return Verdict("wrong", f"skip: the good file: {of_good.why}")
    told = any((line.startswith("left out") and str(path) in line) or line == f"{path}: {EMPTY}" for line in log.lines)
    if refused and not told:
        return Verdict("wrong", f"skip: it is not told what is left out: {log.lines}")
    if path not in files:
        return Verdict("same")
    # Only what is damaged is left out, so images may be gone where alone there is an error.
    kept = evolve(effect, images=effect.images or refused, refused=False)
    of_path = judge_data(kept, before.only(names), seen.of(files.index(path)).only(names))
    return evolve(of_path, why=f"skip: {of_path.why}")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-5:]))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("error")
    log = Log()
    logging.getLogger().addHandler(log)
    # Whatever else is printed must not get among the answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(asdict(judge(json.loads(line), log))), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Makes a run again and again and kills it, until it has been killed often enough; then lets it finish.

    python killing.py SETTINGS LOGDIR KILLS SEED

A parent that has imported everything forks each attempt. Four in five are killed after they have begun to train, the
others before. Reading ahead and the threads that decode change from attempt to attempt. Prints what each kill leaves.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import gammalearn_core.engine.run  # noqa: F401 - imported once, for all attempts
from gammalearn_core.cli import main


def attempt(settings: str, logdir: str, read_ahead: int, threads: int) -> int:
    """Start the run in a process of its own; its number."""
    process = os.fork()
    if process:
        return process
    with (Path(logdir) / "log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    free = ["--set", f"read_ahead={read_ahead}", "--set", f"data.threads={threads}"]
    code = main(["run", settings, "--logdir", logdir, *free])
    os._exit(code)


def where(logdir: str) -> str:
    """What a kill has left in the folder of checkpoints."""
    files = sorted(Path(logdir).glob("*/*/checkpoints/*"), key=lambda p: p.name)
    return " ".join(f"{p.name}:{p.stat().st_size}" for p in files) or "-"


def wait_for_training(logdir: str) -> None:
    """Until a checkpoint is written."""
    start = time.time()
    while time.time() < start + 60:
        if any(p.stat().st_mtime > start for p in Path(logdir).glob("*/*/checkpoints/*.pt")):
            return
        time.sleep(0.01)


def kill_often(settings: str, logdir: str, kills: int, seed: int) -> None:
    """Kill it ``kills`` times at random moments, then let it finish."""
    chance = random.Random(seed)
    Path(logdir).mkdir(parents=True, exist_ok=True)
    done = 0
    while done < kills:
        process = attempt(settings, logdir, chance.choice([0, 1, 2, 4]), chance.choice([1, 2]))
        if chance.random() < 0.8:
            wait_for_training(logdir)
        time.sleep(chance.uniform(0.0, 0.8))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"after {done} kills the run ended by itself, with {os.waitstatus_to_exitcode(status)}")
        done += 1
        print(done, where(logdir), flush=True)
    _, status = os.waitpid(attempt(settings, logdir, 2, 1), 0)
    print(f"killed {done} times, then ended with {os.waitstatus_to_exitcode(status)}")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    kill_often(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

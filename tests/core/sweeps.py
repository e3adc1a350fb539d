"""Sweeps over a run that learns nothing and takes no time (``sweep_run.py``); as a script, a worker of such a sweep.

python sweeps.py STUDY TRIALS
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gammalearn_core import Experiment
from gammalearn_core import choice
from gammalearn_core import log_uniform
from gammalearn_core import ref

EPOCHS = 6
RUN = Path(__file__).with_name("sweep_run.py")


def experiment(**changes: Any) -> Experiment:
    """What is swept."""
    settings: dict[str, Any] = {
        "name": "test",
        "data": ref("core.dl1", paths=["gamma.h5"]),
        "network": ref("core.cnn2d"),
        "losses": {"energy": ref("core.l1")},
        "epochs": EPOCHS,
        "search": {"optimizer.lr": log_uniform(1e-5, 1e-1), "network.channels": choice([[16], [16, 32]])},
    }
    return Experiment(**settings | changes)


def plan(study: Path, **changes: Any) -> Any:
    """A sweep of three such runs."""
    from gammalearn_core.sweep.worker import Sweep

    def command(logdir: Path, overrides: Any) -> list[str]:
        sets = [text for override in overrides for text in ("--set", override)]
        return [sys.executable, "-S", "-E", str(RUN), "--logdir", str(logdir), *sets]

    return Sweep(**{"experiment": experiment(), "command": command, "path": study, "trials": 3} | changes)


def work(study: Path, trials: int, **changes: Any) -> int:
    """A worker in this process; its exit code."""
    from gammalearn_core.sweep.worker import sweep

    return sweep(plan(study, trials=trials, **changes))


@contextmanager
def worker(study: Path, trials: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own."""
    command = [sys.executable, __file__, str(study), str(trials)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=os.environ | environment, stdout=pipe, stderr=pipe, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def trials(study: Path) -> list[dict[str, Any]]:
    """Trials as the journal has them, read without the sweep."""
    from optuna import load_study
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(study.resolve() / "journal.log")))
    found = load_study(study_name="sweep", storage=storage).trials
    return [
        {"state": t.state.name, "params": t.params, "value": t.value, "seen": t.intermediate_values} | t.user_attrs
        for t in found
    ]


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.02)


def epochs_of(study: Path, number: int) -> list[int]:
    """Epochs that the run of a trial has written."""
    files = (study / "runs" / f"trial-{number:04d}").glob("*/*/metrics.jsonl")
    return [json.loads(line)["epoch"] for file in files for line in file.read_text().splitlines()]


def states(study: Path) -> list[str]:
    """States of all trials."""
    return [trial["state"] for trial in trials(study)]


def starts(study: Path) -> list[int]:
    """How often the run of each trial was started."""
    files = sorted(study.glob("runs/trial-*/*/*/starts"))
    return [len(file.read_text().splitlines()) for file in files]


def rows(study: Path) -> list[dict[str, str]]:
    """Lines of ``trials.csv``."""
    with (study / "trials.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def runs_of(study: Path) -> list[Path]:
    """Run folders that there are."""
    return [path.parent for path in study.glob("runs/*/test/*/run.json")]


if __name__ == "__main__":
    from gammalearn_core.errors import GammalearnError

    try:
        sys.exit(work(Path(sys.argv[1]), int(sys.argv[2])))
    except GammalearnError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

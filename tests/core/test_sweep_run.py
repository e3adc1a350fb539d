"""The command ``gammalearn sweep`` with real runs; they take seconds, so that there are few."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna")

from runs import read
from runs import write_settings
from sweeps import epochs_of
from sweeps import wait_for

SWEEP = """
import sys
from gammalearn_core.cli import main

code = main(["sweep", *sys.argv[1:]])
print("torch" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


def start(settings: Path, *arguments: str) -> subprocess.Popen[str]:
    """A worker in a process group of its own, that says at the end whether it has imported torch."""
    command = [sys.executable, "-c", SWEEP, settings.name, "--study", "study", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=settings.parent, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def test_two_workers_go_on_with_what_a_killed_one_has_left(tmp_path: Path) -> None:
    head = "from gammalearn_core import log_uniform\n"
    settings = write_settings(tmp_path, head, epochs="8", search="{'optimizer.lr': log_uniform(1e-3, 1e-2)}")
    study = tmp_path / "study"
    killed = start(settings, "--trials", "2")
    wait_for(lambda: epochs_of(study, 0), 120)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    begun = epochs_of(study, 0)
    workers = [start(settings, "--trials", "2") for _ in range(2)]
    said = [worker.communicate(timeout=240) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert [error.splitlines()[-1] for _, error in said] == ["False", "False"]
    folders = [sorted(study.glob(f"runs/trial-000{n}/test/*/run.json")) for n in range(2)]
    assert [len(found) for found in folders] == [1, 1]
    records = [read(path) for (path,) in folders]
    assert [r["status"] for r in records] == ["finished", "finished"]
    assert 1 <= len(begun) < 8
    assert [len(r.get("earlier", [])) for r in records] == [1, 0]
    with (study / "trials.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == ["finished", "finished"]
    for number, row in enumerate(rows):
        folder = study / row["run_folder"]
        assert epochs_of(study, number) == list(range(1, 9))
        assert read(folder / "experiment.json")["optimizer"]["parameters"]["lr"] == float(row["optimizer.lr"])
        assert read(folder / "run.json")["best_epoch"] == int(row["epoch"])
    assert len({row["optimizer.lr"] for row in rows}) == 2

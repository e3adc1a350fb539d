"""Benchmarks still run; what they measure is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DATA, ENGINE = BENCHMARKS / "data.py", BENCHMARKS / "engine_steps.py"


def test_the_benchmark_of_the_data_path_prints_a_line_for_each_method() -> None:
    few = ["--events", "200", "--rounds", "1", "--peers", "none", "--methods", "h5py", "decoding", "ours", "lst"]
    done = subprocess.run([sys.executable, str(DATA), *few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    labels = [line.split("|")[1].strip() for line in lines if "CPU" not in line and "---" not in line]
    assert labels == ["h5py, `dataset[i]`", "limit: checksum and decoding", "**ours**", "**ours**"]


def test_the_benchmark_of_the_engine_measures_steps_of_each_kind() -> None:
    few = json.dumps({"network": "small", "rounds": 2, "count": 2})
    done = subprocess.run([sys.executable, str(ENGINE), "steps", few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert list(found) == ["bare", "engine", "engine, bar, TensorBoard"]
    assert all(len(times) == 2 and min(times) > 0 for times in found.values())


def test_the_benchmark_of_several_telescopes_reads_what_it_has_simulated(tmp_path: Path) -> None:
    pytest.importorskip("gammalearn_showers")
    few = ["--sections", "reading", "identity", "--events", "120", "--few", "30", "--rounds", "1", "--seconds", "0.1"]
    few += ["--methods", "h5py", "ours", "--folder", str(tmp_path)]
    done = subprocess.run([sys.executable, str(BENCHMARKS / "stereo.py"), *few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    labels = [row[0] for row in rows if len(row) > 2 and "method" not in row[0] and "---" not in row[0]]
    assert labels == 2 * ["h5py, `dataset[i]` of each telescope", "**ours**, a tenth in memory"]
    told = dict(row for row in rows if len(row) == 2)
    assert told["ours"] == told["in the files"] == "60"
    assert int(told["different (obs_id, event_id)"]) < 60

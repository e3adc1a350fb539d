"""The benchmark of the data path still runs; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parents[2] / "benchmarks" / "data.py"


def test_the_benchmark_of_the_data_path_prints_a_line_for_each_method() -> None:
    few = ["--events", "200", "--rounds", "1", "--peers", "none", "--methods", "h5py", "decoding", "ours", "lst"]
    done = subprocess.run([sys.executable, str(DATA), *few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    labels = [line.split("|")[1].strip() for line in lines if "CPU" not in line and "---" not in line]
    assert labels == ["h5py, `dataset[i]`", "limit: checksum and decoding", "**ours**", "**ours**"]

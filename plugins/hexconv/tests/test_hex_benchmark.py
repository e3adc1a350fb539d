"""The benchmark still runs; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gammalearn_hexconv import kernel

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "hexconv.py"
FEW = ["--rounds", "1", "--seconds", "0"]

pytestmark = [
    pytest.mark.skipif(not BENCHMARK.is_file(), reason="the benchmark is in the repository of the core"),
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmark forks, and reads the memory of a process"),
]


def run(*options: str) -> tuple[str, list[str]]:
    """What the benchmark prints, and the first cells of its tables."""
    done = subprocess.run([sys.executable, str(BENCHMARK), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("|")]
    return done.stdout, [cell for cell in cells if cell.strip("-")]


def test_networks_are_timed_and_are_the_same() -> None:
    pytest.importorskip("indexedconv")
    text, lines = run("--sections", "networks", "--batches", "1", *FEW)
    ours = ["ours, axial", "ours, gather", "**ours**", "**ours, fused**", "**ours, fused, bf16**"]
    expected = ["IndexedConv 1.3.2", *ours, "ours, fused, no pixel left out", "IndexedConv 1.3.2, bf16"]
    assert sorted(lines) == sorted(2 * expected)
    assert "Largest relative difference of IndexedConv's network to ours: outputs " in text


def test_a_layer_is_timed_without_and_with_gradients() -> None:
    text, lines = run("--sections", "layers", "--layers", "2 to 16", *FEW)
    ours = {"ours, axial", "ours, gather", "**ours**", *(["**ours, bf16**"] if kernel.available() else [])}
    assert ours <= set(lines)
    assert lines.count("**ours**") == 4
    assert "forward and backward, 32 images, tuned allocator" in text

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_an_example_runs_and_learns(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gammalearn_core", "run", str(path), "--logdir", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (p.parent for p in tmp_path.glob("*/*/run.json"))
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["train"]["loss"] < lines[0]["train"]["loss"]
    assert (folder / "report.html").stat().st_size > 10_000
    assert list((folder / "predictions").glob("*.dl2.h5"))


def test_the_readme_shows_the_quickstart_as_it_is() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    source = (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")
    assert source[source.index("experiment = Experiment(") :].strip() in readme

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = (sys.executable, "-m", "gammalearn_core")
SHOWERS = {
    "showers": "--events 400 --array mst-mono --camera VERITAS --viewcone 1.5 --energy-range 0.5 20",
    "stereo_four": "--events 80 --array 4mst --camera VERITAS --viewcone 1.5 --energy-range 0.5 20",
    "stereo_mixed": "--events 50 --array mixed --viewcone 2 --energy-range 0.1 10",
}
"""Options of `gammalearn showers`, by folder."""


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples with their data, and fewer of the showers that the quickstart asks for."""
    folder = tmp_path_factory.mktemp("examples")
    for path in EXAMPLES.glob("*.py"):
        shutil.copy(path, folder)
    (folder / "data").symlink_to(EXAMPLES / "data")
    for name, options in SHOWERS.items():
        for particle in ("gamma", "proton"):
            given = ("-o", str(folder / name), "--particle", particle, *options.split())
            command = [*COMMAND, "showers", *given]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_an_example_runs_and_learns(path: Path, examples: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "run", str(examples / path.name), "--logdir", str(tmp_path)]
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
    # A stream has no DL1 file from which a DL2 file could take its tables.
    assert bool(list((folder / "predictions").glob("*.dl2.h5"))) == (path.stem != "stream")
    if path.stem == "quickstart":
        export_works(folder)


def export_works(folder: Path) -> None:
    """The network is exported without the kernel that computes it here."""
    command = [*COMMAND, "export", str(folder), "--torch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    check = json.loads((folder / "export" / "quickstart.pt2.json").read_text())["check"]
    assert check["events"] > 100
    assert max(check["largest_difference"].values()) < 1e-4


def test_the_readme_shows_the_quickstart_as_it_is() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    source = (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")
    assert source[source.index("experiment = Experiment(") :].strip() in readme

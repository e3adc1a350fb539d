"""Examples beside the showers that they are for, of which there are fewer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWERS = {
    "showers": "--events 400 --array mst-mono --camera VERITAS --viewcone 1.5 --energy-range 0.5 20",
    "stereo_four": "--events 80 --array 4mst --camera VERITAS --viewcone 1.5 --energy-range 0.5 20",
    "stereo_mixed": "--events 50 --array mixed --viewcone 2 --energy-range 0.1 10",
}
"""Options of `gammalearn showers`, by folder."""


class Examples:
    """A folder with the examples, to which showers are added when an example needs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in EXAMPLES.glob("*.py"):
            shutil.copy(path, folder)
        (folder / "data").symlink_to(EXAMPLES / "data")

    def run(self, name: str, logdir: Path) -> Path:
        """The folder of the run of an example, which has ended well and learned something."""
        text = (self.folder / f"{name}.py").read_text(encoding="utf-8")
        for showers, options in SHOWERS.items():
            if f'"{showers}/' in text and not (self.folder / showers).exists():
                for particle in ("gamma", "proton"):
                    call("showers", "-o", self.folder / showers, "--particle", particle, *options.split())
        call(
            "run", self.folder / f"{name}.py", "--logdir", logdir, cwd=logdir, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        (folder,) = (p.parent for p in logdir.glob("*/*/run.json"))
        assert json.loads((folder / "run.json").read_text())["status"] == "finished"
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["train"]["loss"] < lines[0]["train"]["loss"]
        assert (folder / "report.html").stat().st_size > 10_000
        return folder


def call(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """``gammalearn`` with these arguments."""
    command = [sys.executable, "-m", "gammalearn_core", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, env=env, check=False)
    assert done.returncode == 0, done.stderr

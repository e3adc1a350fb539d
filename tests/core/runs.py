"""Settings files for tests, and running them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from gammalearn_core.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
TESTS = Path(__file__).parents[1] / "data"

SETTINGS = {
    "name": "'test'",
    "seed": "1",
    "threads": "1",
    "data": "ref('core.dl1', paths=[DATA + 'gamma_mono*.h5', DATA + 'proton*.h5'], cameras='NectarCam')",
    "transforms": "[ref('core.log_charge'), ref('core.normalise'), "
    "ref('core.to_square', method='rebinning', size=16, conserve=[])]",
    "network": "ref('core.cnn2d', channels=[4], hidden=8)",
    "losses": "{'particle': ref('core.cross_entropy'), 'energy': ref('core.l1'), 'direction': ref('core.mse')}",
    "epochs": "2",
    "batch_size": "16",
    "reports": "[]",
}


def write_settings(folder: Path, head: str = "", name: str = "settings.py", **settings: str) -> Path:
    """A settings file whose settings are given as source text."""
    lines = "".join(f"    {key}={value},\n" for key, value in (SETTINGS | settings).items() if value)
    path = folder / name
    path.write_text(
        f"from gammalearn_core import Experiment, hookimpl, on, ref\n\nDATA = {str(EXAMPLES) + '/'!r}\n"
        f"{head}\nexperiment = Experiment(\n{lines})\n",
        encoding="utf-8",
    )
    return path


def run(settings: Path, *arguments: str, logdir: Path | None = None) -> int:
    """`gammalearn run` in this process; the exit code."""
    return main(["run", str(settings), "--logdir", str(logdir or settings.parent / "runs"), *arguments])


def run_apart(settings: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`gammalearn run` in a process of its own."""
    command = [sys.executable, "-m", "gammalearn_core", "run", str(settings), "--logdir", str(settings.parent / "runs")]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=120, env=os.environ | environment, check=False
    )


def run_folders(settings: Path, name: str = "test") -> list[Path]:
    """Run folders, the oldest first; of those of one second, that which was written to first."""
    found = [p for p in (settings.parent / "runs" / name).glob("*") if p.is_dir()]
    return sorted(found, key=lambda p: (p.name[: len("20260101T000000Z")], p.stat().st_mtime_ns))


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def record(settings: Path) -> Any:
    """``run.json`` of the newest run."""
    return read(run_folders(settings)[-1] / "run.json")

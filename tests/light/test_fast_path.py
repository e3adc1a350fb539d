"""What is asked for without a run must not import what only a run needs.

Counted in modules, never in time: a test of time fails on a busy machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = ("torch", "ignite", "numpy", "h5py", "tables", "matplotlib", "tensorboard", "scipy", "rich", "jinja2")
MOST_MODULES = 320
PROBE = """
import contextlib, io, sys
from gammalearn_core.cli import main

with contextlib.redirect_stdout(io.StringIO()):
    try:
        code = main(sys.argv[1:])
    except SystemExit as ended:
        code = ended.code
modules = sorted(sys.modules)
import json
print(json.dumps([code, modules]))
"""
SETTINGS = """
experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths=["gamma.h5"]),
    network=ref("mine.tiny"),
    losses={"energy": ref("core.l1")},
    requires=["attrs>=20"],
)
"""
COMMANDS = [
    "--help",
    "--version",
    "plugins list",
    "plugins list --json",
    "plugins show core",
    "check settings.py",
    "info --help",
    "reproduce --help",
    "predict --help",
    "report --help",
    "compare --help",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_needs_no_run_imports_nothing_heavy(
    command: str, install: Callable[..., str], write_settings: Callable[..., Path], tmp_path: Path
) -> None:
    install("mine")
    write_settings(SETTINGS)
    (tmp_path / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    # Other installed plug-ins stay out: this is about the core.
    environment = dict(os.environ) | {"PYTHONPATH": str(tmp_path / "site"), "GAMMALEARN_PLUGINS": "mine"}
    probe = [sys.executable, "-c", PROBE, *command.split()]
    result = subprocess.run(probe, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    code, modules = json.loads(result.stdout)
    assert code == 0
    assert sorted(set(HEAVY) & set(modules)) == []
    assert len(modules) < MOST_MODULES


def test_the_package_itself_imports_nothing_heavy() -> None:
    script = "import sys, gammalearn_core; print(*(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = result.stdout.split()
    assert "gammalearn_core.settings.experiment" in modules
    assert sorted(set(HEAVY) & set(modules)) == []

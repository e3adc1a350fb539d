"""Small sets of showers, and the command that makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_showers.parameters import Parameters
from gammalearn_showers.simulator import Simulator

Showers = Callable[..., subprocess.CompletedProcess[str]]

SMALL = ("--array", "mst-mono", "--camera", "hex331", "--energy-range", "0.3", "10")
"""One telescope with few pixels; a third of the showers trigger it."""
SIZES = ("--events", "1000", "--events-per-file", "250")
ENVIRONMENT = os.environ | {"SOURCE_DATE_EPOCH": "1700000000", "PYTHONWARNINGS": "error"}
COMMAND = (sys.executable, "-m", "gammalearn_core", "showers")


def small(particle: str = "gamma", **others: object) -> Parameters:
    """The parameters that `SMALL` stands for."""
    given = {"array": "mst-mono", "camera": "hex331", "energy_range": (0.3, 10.0)} | others
    return Parameters(particle=particle, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def showers() -> Showers:
    """``showers("-o", folder)``: the command, in a process of its own."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        given: dict[str, object] = {"capture_output": True, "text": True, "timeout": 300, "env": ENVIRONMENT} | options
        return subprocess.run([*COMMAND, *map(str, arguments)], check=False, **given)  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture(scope="session")
def made(showers: Showers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four files of 250 gammas, made by one process."""
    folder = tmp_path_factory.mktemp("made")
    done = showers("-o", folder, *SMALL, *SIZES)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    """Of the gammas in `made`."""
    return Simulator(small().production())


def contents(folder: Path) -> dict[str, bytes]:
    """Files of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

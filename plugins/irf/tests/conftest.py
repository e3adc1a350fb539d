"""Runs whose performance is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from irf_truth import TASKS
from irf_truth import thrown
from irf_truth import write_dl2


@pytest.fixture(scope="session")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with many gammas and protons."""
    run = tmp_path_factory.mktemp("runs") / "20260101T000000Z-01234567"
    (run / "predictions").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    write_dl2(run / "predictions" / "gamma.dl2.h5", thrown(primary=0, count=200_000, seed=1))
    write_dl2(run / "predictions" / "proton.dl2.h5", thrown(primary=101, count=200_000, seed=2))
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder(gamma=showers, proton=showers)``: a folder of DL2 files."""

    def make(tasks: Mapping[str, Any] = TASKS, **samples: Mapping[str, Any]) -> Path:
        for name, showers in samples.items():
            write_dl2(tmp_path / f"{name}.dl2.h5", showers, tasks=tasks)
        return tmp_path

    return make

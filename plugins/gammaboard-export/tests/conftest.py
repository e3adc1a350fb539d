"""Runs whose predictions are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gb_truth import TASKS
from gb_truth import showers
from gb_truth import write_dl2

RUN_ID = "20260101T000000Z-01234567"
EXPERIMENT = {
    "schema": 1,
    "name": "gammaphysnet_s1",
    "network": {
        "component": "hexconv.gammaphysnet",
        "distribution": "gammalearn-hexconv",
        "version": "0.1.0",
        "parameters": {"depth": 3},
    },
    "filters": [{"component": "core.intensity", "parameters": {"minimum": 50, "maximum": {"float": "inf"}}}],
    "epochs": 5,
}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """``make_run("name")``: a run folder with gammas and protons of a telescope."""

    def make(
        name: str = "gammaphysnet_s1",
        *,
        run_id: str = RUN_ID,
        tasks: tuple[str, ...] = tuple(TASKS),
        primaries: tuple[int, ...] = (0, 101),
        folder: str = "runs",
        count: int = 400,
        **options: Any,
    ) -> Path:
        run = tmp_path / folder / run_id
        files = {0: "gamma", 1: "electron", 101: "proton"}
        for primary in primaries:
            path = run / "predictions" / f"{files[primary]}.dl2.h5"
            write_dl2(path, showers(primary=primary, count=count), tasks=tasks, **options)
        (run / "run.json").write_text(json.dumps({"run_id": run_id, "experiment": name, "best_epoch": 4}))
        (run / "experiment.json").write_text(json.dumps(EXPERIMENT))
        (run / "metrics.json").write_text(json.dumps({"splits": {"test": {"particle/auc": 0.9}}}))
        return run

    return make

"""What a run folder tells, read without executing anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import DataError
from gammalearn_core.reporting.facts import Run
from gammalearn_core.results.dl2.reading import read_dl2
from gammalearn_core.results.predictions import Predictions


def read(folder: RunFolder, results: Mapping[str, Any] | None = None) -> Run:
    """The JSON files of a run; what is not there is empty.

    Parameters
    ----------
    folder : RunFolder
    results : mapping, optional
        Content of ``metrics.json``, which is read if it is not given.

    Raises
    ------
    DataError
        A file is damaged, or is not what a run writes.
    """
    found = [
        _mapping(folder, path)
        for path in (folder.run_json, folder.experiment_json, folder.specs_json, folder.metrics_json)
    ]
    history = folder.history()
    if not all(isinstance(line, dict) and isinstance(line.get("epoch"), int) for line in history):
        raise DataError(f"{folder.metrics_jsonl} is not what a run writes: a line has no epoch")
    record, experiment, specs, metrics = found
    return Run(record, experiment, specs, metrics if results is None else results, history)


def _mapping(folder: RunFolder, path: Path) -> Mapping[str, Any]:
    value = folder.read_json(path)
    if value is not None and not isinstance(value, dict):
        raise DataError(f"{path} is damaged: it does not hold names and values")
    return value or {}


def name_of(run: Run, folder: RunFolder) -> str:
    """Name of the experiment."""
    return str(run.record.get("experiment") or run.experiment.get("name") or folder.path.parent.name)


def predictions(run: Run, folder: RunFolder) -> Predictions | None:
    """Predictions of the test split with their truth, of the run's DL2 files; None if there are none.

    Raises
    ------
    DataError
        A file is damaged.
    """
    files = sorted(folder.predictions.glob("*.dl2.h5")) if folder.predictions.is_dir() else []
    level = (run.specs.get("raw_inputs") or {}).get("level")
    tasks = run.specs.get("outputs") or {}
    if not files or not tasks or level not in ("telescope", "subarray"):
        return None
    return read_dl2(files, list(tasks), level)


__all__ = ["name_of", "predictions", "read"]

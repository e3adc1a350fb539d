"""What the baseline gives, written so that its folder is whole or not there."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from ignite.exceptions import NotComputableError

from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.baseline.quantities import encoded
from gammalearn_core.data.split import shares
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.results.comparing import Comparison
from gammalearn_core.results.comparing import plain
from gammalearn_core.results.dl2 import write_dl2
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import performance
from gammalearn_core.results.performance import thrown_gammas
from gammalearn_core.results.predictions import Predictions

METRICS = "metrics.json"
COMPARISON = "comparison.json"
RECORD = "baseline.json"
PREDICTIONS = "predictions"
NETWORK, BASELINE = "network", "baseline"


@frozen(kw_only=True, eq=False)
class Outcome:
    """All that is written.

    Attributes
    ----------
    predictions : mapping of str to Predictions
        Of the baseline, by split.
    comparisons : mapping of str to list of Comparison
        Of the test split, by bin of true energy: the network is ``one``, the baseline ``other``.
    by_telescopes : mapping of str to list of Comparison
        The same by number of telescopes with images; empty where samples are images.
    bootstrap : mapping of str
        How the intervals were made.
    record : mapping of str
        What the baseline was made of.
    """

    predictions: Mapping[str, Predictions]
    comparisons: Mapping[str, list[Comparison]]
    by_telescopes: Mapping[str, list[Comparison]]
    bootstrap: Mapping[str, Any]
    record: Mapping[str, Any]


def check_output(folder: Path, *, fresh: bool) -> None:
    """Refuse a folder that is there already, or is something else, before hours are spent.

    Raises
    ------
    SettingsError
        It is there, and is not to be replaced or is no folder of a baseline, or nothing can be written there.
    """
    above = next((path for path in folder.absolute().parents if path.exists()), folder)
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise SettingsError([Problem("--output", f"{folder} cannot be written: {above} is not to be written in")])
    if not folder.exists():
        return
    if not fresh:
        hint = "--fresh makes it again; -o DIR writes another"
        raise SettingsError([Problem("--output", f"{folder} is there already", hint)])
    if not (folder / RECORD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError([Problem("--output", f"{folder} is not the folder of a baseline: it has no {RECORD}")])


def write(folder: Path, opened: OpenedRun, outcome: Outcome) -> None:
    """Write everything beside, and put it in its place at the end.

    Raises
    ------
    SettingsError
        Nothing can be written there.
    """
    part = folder.with_name(f".{folder.name}.part{os.getpid()}")
    try:
        part.mkdir(parents=True)
        _write_into(part, opened, outcome)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        what = f"{folder} cannot be written: {error.strerror or error}"
        raise SettingsError([Problem("--output", what)]) from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _write_into(path: Path, opened: OpenedRun, outcome: Outcome) -> None:
    folder, built = RunFolder(path), opened.built
    test = outcome.predictions.get("test")
    if test is not None:
        share, numbers = _test_files(opened)
        write_dl2(
            path / PREDICTIONS,
            test,
            tasks={name: task for name, task in built.tasks.items() if name in test.values},
            files=built.files,
            name=f"{built.experiment.name} (baseline)",
            share=share,
            only=numbers,
        )
    folder.write_json(path / METRICS, _metrics(opened, outcome))
    folder.write_json(path / COMPARISON, comparison(outcome))
    folder.write_json(path / RECORD, outcome.record)


def comparison(outcome: Outcome) -> dict[str, Any]:
    """What ``comparison.json`` holds."""
    found: dict[str, Any] = {"schema": 1, "split": "test", "bootstrap": dict(outcome.bootstrap)}
    found["by_true_energy"] = _plain_bins(outcome.comparisons)
    return found | ({"by_telescopes": _plain_bins(outcome.by_telescopes)} if outcome.by_telescopes else {})


def _plain_bins(bins: Mapping[str, list[Comparison]]) -> dict[str, Any]:
    return {name: [dict(plain(c, one=NETWORK, other=BASELINE)) for c in found] for name, found in bins.items()}


def _test_files(opened: OpenedRun) -> tuple[float, list[int]]:
    """Share of the showers of a file that is in the test split, and numbers of the files that have one."""
    experiment = opened.built.experiment
    loaders = (part for part in opened.built.parts.values() if part.kind == "loader")
    by_source = shares("test", tuple(experiment.data), experiment.test)
    of_files = [by_source[name] for name, part in zip(experiment.data, loaders, strict=True) for _ in part.files]
    return max(by_source.values()), [number for number, share in enumerate(of_files) if share]


def _metrics(opened: OpenedRun, outcome: Outcome) -> dict[str, Any]:
    """As the run's own ``metrics.json``, without the losses that only a network has."""
    found: dict[str, Any] = {
        "schema": 1,
        "weights": BASELINE,
        "splits": {name: _of_split(opened, p) for name, p in outcome.predictions.items()},
        "definitions": _definitions(opened),
    }
    test = outcome.predictions.get("test")
    if test is not None:
        share, numbers = _test_files(opened)
        showers = thrown_gammas(opened.built.files, opened.events, share=share, only=numbers)
        measured = performance(EventResults.from_predictions(test), showers=showers)
        found |= {"performance": {"split": "test", **measured}} if measured else {}
    return found


def _of_split(opened: OpenedRun, predictions: Predictions) -> dict[str, float]:
    """The run's metrics, of the events that have truth and a prediction."""
    import torch

    found: dict[str, float] = {}
    for name, metrics in opened.built.metrics.items():
        if name not in predictions.values:
            continue
        task = opened.built.tasks[name]
        given = encoded(task, predictions.values[name], predictions.events)
        truth = np.asarray(task.codec.encode(predictions.events))
        has = opened.known(name)[predictions.rows] & np.isfinite(given).all(axis=1)
        for id, metric in metrics:
            metric.reset()
            if has.any():
                metric.update((torch.from_numpy(given[has]), torch.from_numpy(truth[has])))
            found |= {f"{name}/{key}": value for key, value in _computed(id, metric).items()}
    return found


def _computed(id: str, metric: Any) -> dict[str, float]:
    short = id.rpartition(".")[2]
    try:
        result = metric.compute()
    except NotComputableError:
        return {short: math.nan}
    return {str(k): float(v) for k, v in result.items()} if isinstance(result, Mapping) else {short: float(result)}


def _definitions(opened: OpenedRun) -> dict[str, str]:
    built = opened.built
    found: dict[str, str] = {}
    for task, metrics in built.metrics.items():
        for id, _ in metrics:
            records = [r for r in built.registry.records(id) if r.kind == "metric"]
            text = str(getattr(records[0], "definition", "")) if records else ""
            found |= {f"{task}: {id}": text} if text else {}
    return found


__all__ = ["BASELINE", "COMPARISON", "METRICS", "NETWORK", "PREDICTIONS", "RECORD", "Outcome", "check_output", "write"]

"""The end of a run: metrics of the test split, predictions as DL2, reports."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gammalearn_core.data.split import shares
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.engine.loop import Loop
from gammalearn_core.engine.provenance import describe_file
from gammalearn_core.engine.running import RunningExperiment
from gammalearn_core.results.dl2 import write_dl2
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import performance
from gammalearn_core.results.performance import thrown_gammas
from gammalearn_core.results.predictions import Collecting
from gammalearn_core.results.predictions import Predictions

_log = logging.getLogger(__name__)

Failed = Callable[[str, BaseException], None]
"""Takes what could not be written, and why."""


def _warn(what: str, error: BaseException) -> None:
    """A result that cannot be written must not lose a run that has trained for days."""
    _log.warning("%s failed: %s: %s", what, type(error).__name__, error)
    _log.debug("%s", what, exc_info=error)


def write_results(
    running: RunningExperiment, loop: Loop, best_epoch: int, failed: Failed = _warn
) -> list[dict[str, Any]]:
    """Test, write everything, and say what was written: path, size and checksum of each file.

    All processes test; the first one writes. What fails there is given to ``failed``, and the rest is written.
    """
    predictions = _test(running, loop, best_epoch)
    if not running.world.first:
        return []
    folder = running.folder
    written: list[Path] = []
    if predictions is not None:
        _performance(running, predictions, failed)
        written += _dl2(running, predictions, failed)
    results = folder.read_json(folder.metrics_json)
    for part in (p for p in running.built.parts.values() if p.kind == "report"):
        written += _report(running, part, results, failed)
    return [describe_file(path, folder.path) for path in written if path.is_file()]


def _test(running: RunningExperiment, loop: Loop, best_epoch: int) -> Predictions | None:
    collecting = Collecting()
    splits: dict[str, Any] = {}
    if len(running.splits["validation"]):
        # With the weights that are tested, and an engine that no handler counts epochs by.
        splits["validation"] = loop.evaluate(loop.new_evaluator(), "validation")
    if len(running.splits["test"]):
        collecting.attach(running.tester)
        splits["test"] = loop.evaluate(running.tester, "test")
        shown = "  ".join(f"{n} {v:.4g}" for n, v in splits["test"].items() if v == v)
        _log.info("test  %s", shown)
    for split, values in splits.items():
        if not math.isfinite(values["loss"]):
            _log.warning("the loss of the %s split is not finite: what depends on it means nothing", split)
    running.folder.write_json(running.folder.metrics_json, _metrics(running, best_epoch, splits))
    if not len(running.splits["test"]):
        return None
    return collecting.predictions(running.source.events, running.built.tasks)


def _metrics(running: RunningExperiment, best_epoch: int, splits: dict[str, Any]) -> dict[str, Any]:
    definitions = {"loss": "weighted mean over the samples that have truth, joined over the tasks as in training"}
    for task, metrics in running.built.metrics.items():
        for id, _ in metrics:
            text = _definition(running, id)
            if text:
                definitions[f"{task}: {id}"] = text
    return {
        "schema": 1,
        "weights": "best" if best_epoch else "last",
        "epoch": best_epoch,
        "splits": splits,
        "definitions": definitions,
    }


def _performance(running: RunningExperiment, predictions: Predictions, failed: Failed) -> None:
    """Add to the metrics what is known of the test split by energy, if its truth is known."""
    built, folder = running.built, running.folder
    share, numbers = _test_files(built)
    try:
        showers = thrown_gammas(built.files, running.source.events, share=share, only=numbers)
        measured = performance(EventResults.from_predictions(predictions), showers=showers)
        if measured:
            results = folder.read_json(folder.metrics_json)
            folder.write_json(folder.metrics_json, {**results, "performance": {"split": "test", **measured}})
    except Exception as error:
        failed("the measuring of performance", error)


def _definition(running: RunningExperiment, id: str) -> str:
    records = [r for r in running.built.registry.records(id) if r.kind == "metric"]
    return str(getattr(records[0], "definition", "")) if records else ""


def _dl2(running: RunningExperiment, predictions: Predictions, failed: Failed) -> list[Path]:
    """Write predictions; if that fails, the checkpoints and the metrics are there all the same."""
    built = running.built
    share, numbers = _test_files(built)
    try:
        return write_dl2(
            running.folder.predictions,
            predictions,
            tasks=built.tasks,
            files=built.files,
            name=running.settings.name,
            share=share,
            only=numbers,
        )
    except Exception as error:
        failed("the writing of predictions", error)
        return []


def _test_files(built: Built) -> tuple[float, list[int]]:
    """Share of the showers of a file that is in the test split, and numbers of the files that have one."""
    sources = built.experiment.data
    loaders = (part for part in built.parts.values() if part.kind == "loader")
    by_source = shares("test", tuple(sources), built.experiment.test)
    of_files = [by_source[name] for name, part in zip(sources, loaders, strict=True) for _ in part.files]
    return max(by_source.values()), [number for number, share in enumerate(of_files) if share]


def _report(running: RunningExperiment, part: Any, results: dict[str, Any], failed: Failed) -> list[Path]:
    try:
        report = part.make(RunFolder(running.folder.path))
        return [Path(p) for p in report(results)]
    except (Exception, SystemExit) as error:
        failed(f"report {part.ref.label}", error)
        return []


__all__ = ["write_results"]

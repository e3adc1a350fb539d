"""From a run folder to the baseline beside it."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core._version import __version__
from gammalearn_core.baseline.estimating import Estimates
from gammalearn_core.baseline.estimating import estimate
from gammalearn_core.baseline.forests import Growth
from gammalearn_core.baseline.forests import require_sklearn
from gammalearn_core.baseline.images import Cleaning
from gammalearn_core.baseline.images import ImageTable
from gammalearn_core.baseline.images import from_columns
from gammalearn_core.baseline.images import from_images
from gammalearn_core.baseline.network import network_predictions
from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.baseline.opening import opened_run
from gammalearn_core.baseline.quantities import kinds_of
from gammalearn_core.baseline.quantities import predictions_of
from gammalearn_core.baseline.results import Outcome
from gammalearn_core.baseline.results import check_output
from gammalearn_core.baseline.results import write
from gammalearn_core.baseline.telling import table
from gammalearn_core.data.truth import PRIMARY
from gammalearn_core.engine.messages import messages
from gammalearn_core.engine.progress import console
from gammalearn_core.engine.provenance import now
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.weights import Weights
from gammalearn_core.reproducing.recorded import RecordedRun
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.reproducing.telling import printable
from gammalearn_core.results.comparing import DRAWS
from gammalearn_core.results.comparing import Comparison
from gammalearn_core.results.comparing import paired_bootstrap
from gammalearn_core.results.comparing import paired_bootstrap_by_telescopes
from gammalearn_core.results.performance import CONFIDENCE
from gammalearn_core.results.performance import EventResults

_log = logging.getLogger(__name__)
FOLDER = "baseline"
_TOLD = ("validation", "test")


@frozen(kw_only=True)
class Options:
    """What the command line says.

    Attributes
    ----------
    output : Path, optional
        Where results go; the folder ``baseline`` of the run unless given.
    data_root : Path, optional
        A folder to look for the run's data in.
    trees : int
        Of each forest.
    seed : int, optional
        Of forests and bootstrap; the run's unless given.
    tailcuts : tuple of two floats, optional
        Clean the images with these thresholds, p.e., instead of taking what the files have.
    trust_settings : bool
        Run the copy of the settings file, which is code, if the data cannot be had without it.
    fresh : bool
        Replace what an earlier call has written.
    """

    output: Path | None = None
    data_root: Path | None = None
    trees: int = Growth().trees
    seed: int | None = None
    tailcuts: tuple[float, float] | None = None
    trust_settings: bool = False
    fresh: bool = False

    def __attrs_post_init__(self) -> None:
        problems = []
        if self.trees < 1:
            problems.append(Problem("--trees", f"must be 1 or more, got {self.trees}"))
        if self.seed is not None and self.seed < 0:
            problems.append(Problem("--seed", f"must be 0 or more, got {self.seed}"))
        if self.tailcuts is not None and not self.tailcuts[0] >= self.tailcuts[1] > 0:
            what = f"picture threshold first, then a boundary threshold above 0 that is not larger, got {self.tailcuts}"
            problems.append(Problem("--tailcuts", what))
        if problems:
            raise SettingsError(problems)


def baseline(path: Path, registry: Registry, options: Options) -> int:
    """Train forests on a run's training split, predict its validation and test split, and compare with its network.

    Parameters
    ----------
    path : Path
        A run folder. Nothing in it is changed but the new folder.
    registry : Registry
    options : Options

    Returns
    -------
    int
        0, whichever is better.

    Raises
    ------
    SettingsError
        scikit-learn is missing, the run has not finished, or its settings would have to be trusted.
    DataError
        The data are not found, or the events are not those of the run.
    """
    require_sklearn()
    recorded = read_run(path.expanduser().absolute())
    output = options.output or recorded.folder.path / FOLDER
    check_output(output, fresh=options.fresh)
    opening = opened_run(recorded, registry, data_root=options.data_root, trust_settings=options.trust_settings)
    with messages(None, console()), opening as opened:
        if opened.built.experiment.threads:
            torch.set_num_threads(opened.built.experiment.threads)
        _check(opened)
        outcome = _made(opened, options)
        write(output, opened, outcome)
    _tell(recorded, outcome, output)
    return EXIT_DONE


def _check(opened: OpenedRun) -> None:
    """Refuse runs that have nothing for a baseline to do."""
    built = opened.built
    if PRIMARY not in opened.events:
        raise DataError("the run's data have no truth, and forests learn from nothing else")
    if not kinds_of(built.tasks, level=built.inputs.level):
        does = "particle, energy, direction and, of events of several telescopes, impact point"
        what = f"the run learns {', '.join(built.tasks)}, and a baseline does {does}"
        raise SettingsError([Problem("losses", what)], str(opened.recorded.folder.path))
    if not any(len(opened.splits[name]) for name in _TOLD):
        raise DataError("the run has neither a validation nor a test split to predict")


def _made(opened: OpenedRun, options: Options) -> Outcome:
    since = time.monotonic()
    experiment = opened.built.experiment
    seed = experiment.seed if options.seed is None else options.seed
    growth = Growth(trees=options.trees, seed=seed, threads=experiment.threads or len(os.sched_getaffinity(0)))
    images = _images(opened, options.tailcuts)
    _log.info("%d images: parameters are %s", len(images), images.origin)
    estimates = estimate(opened, images, growth)
    predictions = {
        name: predictions_of(estimates.quantities, opened.built.tasks, opened.events, opened.splits[name])
        for name in _TOLD
        if len(opened.splits[name])
    }
    comparisons, by_telescopes, weights = _compared(opened, predictions, seed)
    bootstrap = {"draws": DRAWS, "seed": seed, "unit": "shower", "confidence": CONFIDENCE, "interval": "percentile"}
    record = _record(opened, images, estimates, growth, weights, since)
    return Outcome(
        predictions=predictions,
        comparisons=comparisons,
        by_telescopes=by_telescopes,
        bootstrap=bootstrap,
        record=record,
    )


def _images(opened: OpenedRun, tailcuts: tuple[float, float] | None) -> ImageTable:
    """Parameters from columns at telescope level, if the files have them; else from images."""
    inputs = opened.selected.inputs
    if inputs.level == "telescope" and tailcuts is None:
        found = from_columns(opened.events, inputs.camera.geometry)
        if found is not None:
            return found
    with opened.images() as source:
        return from_images(source, Cleaning(thresholds=tailcuts))


def _compared(
    opened: OpenedRun, predictions: Mapping[str, Any], seed: int
) -> tuple[dict[str, list[Comparison]], dict[str, list[Comparison]], Weights | None]:
    """Of the test split: by true energy, by number of telescopes, and the weights of the network."""
    if "test" not in predictions:
        return {}, {}, None
    network, weights = network_predictions(opened, opened.splits["test"])
    one, other = (EventResults.from_predictions(p) for p in (network, predictions["test"]))
    return paired_bootstrap(one, other, seed=seed), paired_bootstrap_by_telescopes(one, other, seed=seed), weights


def _record(
    opened: OpenedRun,
    images: ImageTable,
    estimates: Estimates,
    growth: Growth,
    weights: Weights | None,
    since: float,
) -> dict[str, Any]:
    """What ``baseline.json`` holds."""
    recorded, kinds = opened.recorded, kinds_of(opened.built.tasks, level=opened.selected.inputs.level)
    rows = np.concatenate([opened.splits[name] for name in _TOLD])
    return {
        "schema": 1,
        "made": now(),
        "seconds": round(time.monotonic() - since, 3),
        "run_id": recorded.record.get("run_id"),
        "settings_sha256": recorded.record.get("settings_sha256"),
        "network": None if weights is None else attrs.asdict(weights),
        "versions": {"gammalearn-core": __version__, "python": platform.python_version()}
        | {name: version(name) for name in ("scikit-learn", "numpy", "scipy")},
        "tasks": kinds,
        "not_done": [name for name in opened.built.tasks if name not in kinds],
        "parameters": images.origin,
        "images": len(images),
        "trained_with": dict(estimates.training),
        "events": {name: len(rows) for name, rows in opened.splits.items()},
        "without_prediction": {q: _missing(v, rows) for q, v in estimates.quantities.items()},
        "forests": growth.facts(),
        "importances": estimates.importances,
    }


def _missing(values: NDArray[np.float64], rows: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(~np.isfinite(values[rows])))


def _tell(recorded: RecordedRun, outcome: Outcome, output: Path) -> None:
    print(printable(f"{recorded.name}: network and baseline on the same events of the test split"))
    for line in table(outcome.comparisons) if outcome.comparisons else ["there is no test split to compare on"]:
        print(line)
    for line in table(outcome.by_telescopes, of="telescopes") if outcome.by_telescopes else []:
        print(line)
    missing = {q: n for q, n in outcome.record["without_prediction"].items() if n}
    if missing:
        told = ", ".join(f"{n} {q}" for q, n in missing.items())
        print(f"without a prediction of the baseline (validation and test): {told}")
    print(f"done: {output}")


__all__ = ["FOLDER", "Options", "baseline"]

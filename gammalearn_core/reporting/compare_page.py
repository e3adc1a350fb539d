"""The page that compares runs, made of their folders alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from attrs import field
from attrs import frozen

from gammalearn_core.data.specs import Level
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import DataError
from gammalearn_core.errors import GammalearnError
from gammalearn_core.reporting import facts
from gammalearn_core.reporting.charts import FEW
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.differences import settings_that_differ
from gammalearn_core.reporting.differences import surroundings_that_differ
from gammalearn_core.reporting.embedding import page_data
from gammalearn_core.reporting.embedding import render
from gammalearn_core.reporting.measured import measured
from gammalearn_core.reporting.merging import merged
from gammalearn_core.reporting.numbers import whole
from gammalearn_core.reporting.others import joined
from gammalearn_core.reporting.others import others
from gammalearn_core.reporting.paired import NOTE
from gammalearn_core.reporting.paired import differences
from gammalearn_core.reporting.paired import side_by_side
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.reading import name_of
from gammalearn_core.reporting.reading import predictions
from gammalearn_core.reporting.reading import read
from gammalearn_core.reporting.run_page import Page
from gammalearn_core.reporting.sections import arrange
from gammalearn_core.reporting.shared import SharedEvents
from gammalearn_core.reporting.shared import shared_events
from gammalearn_core.reporting.studies import Sample
from gammalearn_core.reporting.studies import studies_of
from gammalearn_core.reporting.training import learning_curves
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import performance
from gammalearn_core.results.predictions import Predictions


@frozen(kw_only=True, eq=False)
class _Compared:
    """One of the runs."""

    folder: RunFolder
    run: facts.Run
    label: str = ""
    predicted: Predictions | None = field(default=None, repr=False)

    @property
    def level(self) -> Level:
        return "subarray" if (self.run.specs.get("raw_inputs") or {}).get("level") == "subarray" else "telescope"


def compare_page(folders: Sequence[RunFolder], *, different_events: bool = False) -> Page:
    """The page that compares runs; the first one is what the others are compared with.

    If their test events are not the same, everything is measured again on the events that all have. If there are
    none, the runs are refused, unless it is asked for; then the page marks that no two of them can be compared.

    Parameters
    ----------
    folders : sequence of RunFolder
    different_events : bool
        Whether runs without common test events are shown beside one another.

    Raises
    ------
    DataError
        A file is damaged, or the runs have no common test events.
    """
    runs, notes = _read(folders)
    tested = shared_events([r.run for r in runs], [r.predicted for r in runs])
    if tested.kind == "different" and not different_events:
        what = f"the runs were not tested on the same events, and {tested.why}"
        raise DataError(f"{what}: their numbers cannot be compared; --different-events shows them beside one another")
    if tested.kind == "shared" and tested.predictions:
        runs = [_measured_again(r, p) for r, p in zip(runs, tested.predictions, strict=True)]
    labels = [r.label for r in runs]
    arranged = arrange(merged([_items(r) for r in runs], labels))
    told = [{"label": r.label, "id": r.folder.id} for r in runs]
    context = _context(runs, tested) | {"arranged": arranged, "notes": notes}
    known = [("numbers", "Numbers"), *((s.id, s.title) for s in arranged.sections), ("curves", "Learning curves")]
    context["contents"] = [("runs", "Runs"), *known, ("settings", "What differs")]
    html = render("compare.html.j2", context, page_data(arranged.items, told))
    return Page(html=html, items=arranged.items, notes=tuple(notes), labels=tuple(labels))


def _read(folders: Sequence[RunFolder]) -> tuple[list[_Compared], list[str]]:
    found, notes = [], []
    for folder in folders:
        run = read(folder)
        try:
            predicted = predictions(run, folder)
        except GammalearnError as error:
            predicted = None
            notes.append(f"{folder.path}: predictions are left out: {error}")
        found.append(_Compared(folder=folder, run=run, predicted=predicted))
    names = _labels([(name_of(r.run, r.folder), r.folder.id) for r in found])
    return [evolve(r, label=label) for r, label in zip(found, names, strict=True)], notes


def _labels(names: Sequence[tuple[str, str]]) -> list[str]:
    """Names of experiments; where several runs have one name, with as much of their ids as tells them apart.

    Examples
    --------
    >>> _labels([("a", "20260101T000000Z-0123abcd"), ("b", "20260101T000001Z-0123abcd")])
    ['a', 'b']
    >>> _labels([("a", "20260101T000000Z-0123abcd"), ("a", "20260101T000001Z-4567abcd"), ("b", "2026-0")])
    ['a 0123abcd', 'a 4567abcd', 'b']
    """
    counts = Counter(name for name, _ in names)
    tries = (
        [name if counts[name] == 1 else f"{name} {id.rpartition('-')[2]}" for name, id in names],
        [name if counts[name] == 1 else f"{name} {id}" for name, id in names],
        [f"{name} {id} ({number})" for number, (name, id) in enumerate(names, 1)],
    )
    return next(labels for labels in tries if len(set(labels)) == len(names))


def _measured_again(compared: _Compared, common: Predictions) -> _Compared:
    """The run with what is measured of the common events in place of its own results."""
    again = performance(EventResults.from_predictions(common))
    results = {**compared.run.results, "performance": again}
    return evolve(compared, run=evolve(compared.run, results=results), predicted=common)


def _items(compared: _Compared) -> list[Chart | Matrix]:
    run = compared.run
    quantities = Quantities(run.experiment, run.results.get("definitions") or {})
    curves = learning_curves(run.history, quantities, best=run.best_epoch, samples=run.samples)
    predicted = compared.predicted
    sample = Sample.of(predicted, compared.level) if predicted is not None and len(predicted.events) else None
    studies = studies_of(sample).items if sample is not None and len(sample) else ()
    return joined([*measured(run.results), *studies, *curves.charts], others(compared.folder.path))


def _context(runs: Sequence[_Compared], tested: SharedEvents) -> dict[str, Any]:
    numbers = [(r.run.results.get("performance") or {}).get("numbers") or {} for r in runs]
    paired = differences(tested.predictions) if tested.predictions else []
    return {
        "FEW": FEW,
        "title": f"{len(runs)} runs compared",
        "made_by": "Made by gammalearn compare of gammalearn-core.",
        "save_as": "comparison",
        "runs": [_told(r) for r in runs],
        "labels": [r.label for r in runs],
        "tested": tested,
        "common": whole(tested.common),
        "numbers": side_by_side(numbers),
        "paired": paired,
        "paired_note": NOTE,
        "settings": settings_that_differ([r.run for r in runs]),
        "surroundings": surroundings_that_differ([r.run for r in runs]),
    }


def _told(compared: _Compared) -> dict[str, str]:
    run = compared.run
    test = run.splits.get("test") or {}
    epochs = max((int(line["epoch"]) for line in run.history), default=0)
    return {
        "label": compared.label,
        "id": compared.folder.id,
        "status": str(run.record.get("status") or ""),
        "started": facts.moment(run.record.get("started")),
        "network": str((run.experiment.get("network") or {}).get("component") or ""),
        "epochs": f"{epochs}, tested: {run.best_epoch or 'the last'}",
        "train": whole(run.samples.get("train", 0)),
        "test": whole(run.samples.get("test", 0)),
        "events": str(test.get("events_sha256") or "")[:8] or "not known",
    }


def run_folders(paths: Sequence[Path]) -> list[RunFolder]:
    """Folders of runs, each once.

    Raises
    ------
    SettingsError
        One is no run folder, or its settings have been changed.
    """
    unique = dict.fromkeys(path.expanduser().absolute() for path in paths)
    return [read_run(path, finished=False).folder for path in unique]


__all__ = ["compare_page", "run_folders"]

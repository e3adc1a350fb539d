"""The page of one run, made of its folder alone: the same folder gives the same bytes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field
from attrs import frozen

from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import GammalearnError
from gammalearn_core.reporting import facts
from gammalearn_core.reporting import numbers
from gammalearn_core.reporting.charts import FEW
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.embedding import page_data
from gammalearn_core.reporting.embedding import render
from gammalearn_core.reporting.gallery import Gallery
from gammalearn_core.reporting.gallery import make_gallery
from gammalearn_core.reporting.measured import measured
from gammalearn_core.reporting.others import joined
from gammalearn_core.reporting.others import others
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.quantities import component
from gammalearn_core.reporting.quantities import number
from gammalearn_core.reporting.reading import name_of
from gammalearn_core.reporting.reading import predictions
from gammalearn_core.reporting.reading import read
from gammalearn_core.reporting.sections import Arranged
from gammalearn_core.reporting.sections import arrange
from gammalearn_core.reporting.studies import NOT_OPENED
from gammalearn_core.reporting.studies import Sample
from gammalearn_core.reporting.studies import Studies
from gammalearn_core.reporting.studies import studies_of
from gammalearn_core.reporting.summary import summary
from gammalearn_core.reporting.training import ALL_TASKS
from gammalearn_core.reporting.training import learning_curves
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.results.predictions import Predictions

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Page:
    """A page, and the charts in it.

    Attributes
    ----------
    html : str
    items : tuple of Chart or Matrix
    notes : tuple of str
        What is missing, and why.
    labels : tuple of str
        Of the runs of a comparison.
    """

    html: str = field(repr=False)
    items: tuple[Chart | Matrix, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def make_page(
    folder: RunFolder,
    results: Mapping[str, Any] | None = None,
    *,
    data_root: Path | None = None,
    events: bool = True,
    figures: bool = False,
    more: Studies | None = None,
) -> Page:
    """The page of a run.

    What cannot be read of predictions or data is told in the page, which is made without it.

    Parameters
    ----------
    folder : RunFolder
    results : mapping, optional
        Content of ``metrics.json``, which is read if it is not given.
    data_root : Path, optional
        A folder to look for the run's data in.
    events : bool
        Whether images of events are looked for.
    figures : bool
        Whether ``figures/`` of the run folder has the figures as files.
    more : Studies, optional
        What was found in the run's images.

    Raises
    ------
    DataError
        A file of the run is damaged.
    """
    run = read(folder, results)
    quantities = Quantities(run.experiment, run.results.get("definitions") or {})
    curves = learning_curves(run.history, quantities, best=run.best_epoch, samples=run.samples)
    predicted, notes = _predictions(run, folder)
    if more is None:
        more = Studies() if predicted is None else NOT_OPENED
    studies = _studies(predicted, run) + more
    own = [*measured(run.results), *studies.items, *curves.charts]
    arranged = arrange(joined(own, others(folder.path)), studies.numbers, studies.missing)
    gallery, why = _gallery(folder, predicted, data_root) if events else (None, "the page was made without them")
    context = _context(folder, run, quantities, arranged, gallery)
    context |= {"never": curves.never, "why_no_gallery": why, "notes": notes, "figures_folder": figures}
    told = {"label": context["name"], "id": folder.id}
    html = render("run.html.j2", context, page_data(arranged.items, [told], gallery.data if gallery else None))
    return Page(html=html, items=arranged.items, notes=(*notes, *([f"no images of events: {why}"] if why else [])))


def _predictions(run: facts.Run, folder: RunFolder) -> tuple[Predictions | None, list[str]]:
    try:
        return predictions(run, folder), []
    except GammalearnError as error:
        return None, [f"predictions are left out: {error}"]


def _studies(predicted: Predictions | None, run: facts.Run) -> Studies:
    if predicted is None or not len(predicted.events):
        return Studies()
    level = "subarray" if run.specs["raw_inputs"]["level"] == "subarray" else "telescope"
    sample = Sample.of(predicted, level)  # type: ignore[arg-type]
    return studies_of(sample) if len(sample) else Studies()


def _gallery(folder: RunFolder, predicted: Predictions | None, data_root: Path | None) -> tuple[Gallery | None, str]:
    """The gallery, or why there is none."""
    if predicted is None or not len(predicted.events):
        return None, "the run has no predictions in DL2 files to choose events by"
    try:
        recorded = read_run(folder.path, finished=False)
        found = make_gallery(predicted, recorded, data_root=data_root)
    except GammalearnError as error:
        return None, str(error)
    return found, "" if found else "no event with truth and a prediction is in the data that were found"


def _context(
    folder: RunFolder, run: facts.Run, quantities: Quantities, arranged: Arranged, gallery: Gallery | None
) -> dict[str, Any]:
    groups = numbers.table(run.results, quantities, run.samples)
    name = name_of(run, folder)
    rows = _measured_rows(run)
    known = [("numbers", "Numbers"), *((s.id, s.title) for s in arranged.sections), ("events", "Events")]
    known += [("curves", "Learning curves"), ("data", "Data"), ("settings", "Settings"), ("provenance", "Provenance")]
    return {
        "FEW": FEW,
        "title": f"{name} · {folder.id}",
        "contents": known,
        "made_by": "Made by gammalearn report of gammalearn-core.",
        "save_as": folder.id,
        "run": run,
        "run_id": folder.id,
        "name": name,
        "summary": summary(run),
        "measured": rows,
        "not_finite": _not_finite(run),
        "table": groups,
        "splits": numbers.measured_splits(run.results),
        "few": any(count.few for group in groups for count in group.counts),
        "epochs": _epochs(run, quantities),
        "facts": facts,
        "arranged": arranged,
        "gallery": gallery,
        "settings": _text(folder.settings),
        "experiment_json": _text(folder.experiment_json),
        "tensorboard": folder.tensorboard.is_dir(),
        "predictions": _relative(folder),
        "patch": (folder.path / "code.patch").is_file(),
        "subtitles": _subtitles(run, groups, arranged),
    }


def _measured_rows(run: facts.Run) -> list[numbers.EstimateRow]:
    """Numbers of the test split with their intervals."""
    found = (run.results.get("performance") or {}).get("numbers") or {}
    return [
        numbers.estimate_row(
            name.replace("_", " "),
            value=told.get("value"),
            low=told.get("low"),
            high=told.get("high"),
            n=told.get("n"),
            unit=str(told.get("unit") or ""),
            definition=str(told.get("definition") or ""),
        )
        for name, told in found.items()
    ]


def _not_finite(run: facts.Run) -> str:
    found = (run.results.get("performance") or {}).get("not_finite") or {}
    return ", ".join(f"{n} of {name}" for name, n in found.items() if n)


def _subtitles(run: facts.Run, groups: list[numbers.Group], arranged: Arranged) -> dict[str, str]:
    """Components of each task; of all tasks, what joins their losses."""
    found = {task: _subtitle(run.experiment, task) for task in [*arranged.curves.groups, *(g.task for g in groups)]}
    balance = component(run.experiment.get("balance"))
    return found | dict.fromkeys((ALL_TASKS, ""), f"losses joined by {balance}" if balance else "")


def _subtitle(experiment: Mapping[str, Any], task: str) -> str:
    target, loss = ((experiment.get(kind) or {}).get(task) for kind in ("targets", "losses"))
    named = {"target": component(target), "loss": component(loss)}
    return ", ".join(f"{kind} {id}" for kind, id in named.items() if id)


def _epochs(run: facts.Run, quantities: Quantities) -> dict[str, Any]:
    """All numbers of all epochs, for those who have the page only."""
    keys = {split: [key for line in run.history for key in line.get(split) or {}] for split in ("train", "validation")}
    columns = [(split, q.key) for split, found in keys.items() for qs in quantities.by_task(found).values() for q in qs]
    rows = [
        (line["epoch"], [numbers.digits(number((line.get(split) or {}).get(key))) for split, key in columns])
        for line in run.history
    ]
    return {"columns": columns, "rows": rows}


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""


def _relative(folder: RunFolder) -> list[str]:
    return sorted(p.relative_to(folder.path).as_posix() for p in folder.predictions.rglob("*") if p.is_file())


__all__ = ["Page", "make_page"]

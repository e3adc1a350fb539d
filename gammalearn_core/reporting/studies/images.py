"""What is looked up in images of the test split: pixels without a value, and which events a study is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.baseline.network import network_predictions
from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.builtin.transforms.noise import VALID
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.columns import match
from gammalearn_core.data.order import batches
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.split import shower_order
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import PRIMARY
from gammalearn_core.reporting.studies.axes import AXES
from gammalearn_core.reporting.studies.by_axis import SECTION
from gammalearn_core.reporting.studies.by_axis import by_axes
from gammalearn_core.reporting.studies.of_predictions import read_predictions
from gammalearn_core.reporting.studies.of_predictions import studies_of
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.results.predictions import Predictions

MOST = 20_000
"""Samples whose images are looked at."""
_AT_ONCE = 256
_DEAD = next(axis for axis in AXES if axis.name == "dead_pixels")


def studies_of_images(opened: OpenedRun, *, most: int = MOST) -> Studies:
    """Results by the number of pixels without a value; all studies, if the run has written no predictions.

    Parameters
    ----------
    opened : OpenedRun
    most : int
        Samples of the test split whose images are read: those that come first in an order of showers that has nothing
        to do with their particles or energies.
    """
    rows = chosen_rows(opened, most)
    if not len(rows):
        return _missing("the run has no test split with truth")
    written = read_predictions(opened.recorded.folder)
    if written is not None:
        return _by_dead_pixels(opened, rows, written)
    again = network_predictions(opened, rows)[0]
    return studies_of(Sample.of(again, opened.selected.inputs.level)) + _by_dead_pixels(opened, rows, again)


def _by_dead_pixels(opened: OpenedRun, rows: NDArray[np.int64], predictions: Predictions) -> Studies:
    with opened.with_channel(VALID) as extended:
        source = opened.selected if extended is None else extended
        if VALID not in next(iter(source.inputs.cameras.values())).channels:
            return _missing("the loader does not tell which pixels have no value")
        dead = dead_pixels(source, rows)
    places = match(_keys(predictions.events), _keys(opened.events.take(rows)))
    known = predictions_of_rows(predictions, np.flatnonzero(places >= 0))
    sample = Sample.of(known, opened.selected.inputs.level, dead_pixels=dead[places[places >= 0]])
    return by_axes(sample, (_DEAD,))


def chosen_rows(opened: OpenedRun, most: int) -> NDArray[np.int64]:
    """Rows of the test split that have a particle, in whole showers as far as there is room for them; sorted."""
    rows = opened.splits["test"]
    if PRIMARY not in opened.events:
        return rows[:0]
    rows = rows[np.asarray(opened.events[PRIMARY])[rows] >= 0]
    order = np.argsort(shower_order(opened.events.take(np.sort(rows))), kind="stable")
    return np.sort(np.sort(rows)[order[:most]])


def dead_pixels(source: EventSource, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels without a finite value in all images of each event, of a source that has the channel ``valid``."""
    found = np.zeros(len(rows), dtype=np.int64)
    start = 0
    for part in batches(rows, _AT_ONCE):
        batch = source.read(part)
        for group in batch.images.values():
            valid = group.pixels[:, group.channels.index(VALID)].reshape(len(group), -1)
            np.add.at(found, start + group.event.numpy(), (valid <= 0).sum(dim=1).numpy())
        start += len(part)
    return found


def without_channel(batch: Batch, name: str) -> Batch:
    """The batch without one channel of its images."""

    def left(channels: tuple[str, ...]) -> list[int]:
        return [number for number, channel in enumerate(channels) if channel != name]

    images = {
        key: replace(
            group,
            pixels=group.pixels[:, left(group.channels)],
            channels=tuple(c for c in group.channels if c != name),
        )
        for key, group in batch.images.items()
    }
    return replace(batch, images=images)


def predictions_of_rows(predictions: Predictions, rows: NDArray[np.int64]) -> Predictions:
    """Some of them, by number."""
    values = {task: {q: v[rows] for q, v in of_task.items()} for task, of_task in predictions.values.items()}
    return Predictions(events=predictions.events.take(rows), rows=predictions.rows[rows], values=values)


def _keys(events: EventTable) -> NDArray[np.int64]:
    """What tells samples of simulations apart, whatever file they are in."""
    if "shower" in events:  # several sources in one run: a hash that DL2 files do not have
        events = EventTable({n: events[n] for n in events.names if n != "shower"}, len(events))
    names = [n for n in ("event_id", "tel_id") if n in events]
    columns = [shower_hash(events).view(np.int64), *(np.asarray(events[n], dtype=np.int64) for n in names)]
    return np.column_stack(columns)


def _missing(reason: str) -> Studies:
    return Studies(missing=[Missing(section=SECTION, title=_DEAD.heading, reason=reason)])


__all__ = [
    "chosen_rows",
    "dead_pixels",
    "predictions_of_rows",
    "studies_of_images",
    "without_channel",
]

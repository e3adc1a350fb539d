"""Which test events runs have in common, and what each run predicts for these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.columns import match
from gammalearn_core.reporting.facts import Run
from gammalearn_core.results.predictions import Predictions

Kind = Literal["same", "shared", "different"]
_IDS = ("true_shower_primary_id", "obs_id", "event_id", "tel_id")
_EXACT = ("true_energy", "true_alt", "true_az")


@frozen(kw_only=True, eq=False)
class SharedEvents:
    """The test events of several runs.

    Attributes
    ----------
    kind : {"same", "shared", "different"}
        ``same``: all runs have tested the same events. ``shared``: they have tested different ones, of which some are
        common. ``different``: none is common, or it cannot be known.
    common : int
        Events that all runs have a prediction of; 0 if that cannot be known.
    predictions : tuple of Predictions, optional
        Of each run for the common events, in one order and with one table of events; None where there are none.
    why : str
        Why they are not the same.
    """

    kind: Kind
    common: int
    predictions: tuple[Predictions, ...] | None
    why: str = ""


def shared_events(runs: Sequence[Run], predictions: Sequence[Predictions | None]) -> SharedEvents:
    """Compare the test events of runs: by the checksums of ``run.json``, then one by one.

    An event is known by its particle, its numbers, and its unrounded true energy and direction, because simulations
    repeat numbers.

    Parameters
    ----------
    runs : sequence of Run
    predictions : sequence of Predictions, optional
        Of each run, in the same order.
    """
    checksums = {(run.splits.get("test") or {}).get("events_sha256") for run in runs}
    same = len(checksums) == 1 and None not in checksums
    known = [p for p in predictions if p is not None and len(p.events)]
    common = _common(known) if len(known) == len(runs) else None
    if same:
        return SharedEvents(kind="same", common=len(common[0].events) if common else 0, predictions=common)
    if len(known) < len(runs):
        missing = f"{len(runs) - len(known)} of the runs have no predictions in DL2 files"
        return SharedEvents(kind="different", common=0, predictions=None, why=missing)
    if common is None:
        return SharedEvents(kind="different", common=0, predictions=None, why="no test event is common to all of them")
    return SharedEvents(kind="shared", common=len(common[0].events), predictions=common)


def _common(predictions: Sequence[Predictions]) -> tuple[Predictions, ...] | None:
    """Predictions of each run for the events that all have; None if there are none."""
    keys = [_keys(p) for p in predictions]
    if len({k.shape[1] for k in keys}) > 1:
        return None
    rows = [np.arange(len(keys[0]))]
    rows += [match(keys[0], other) for other in keys[1:]]
    everywhere = np.flatnonzero(np.all([r >= 0 for r in rows], axis=0))
    if not len(everywhere):
        return None
    events = predictions[0].events.take(everywhere)
    return tuple(_taken(p, r[everywhere], events) for p, r in zip(predictions, rows, strict=True))


def _taken(predictions: Predictions, rows: NDArray[np.int64], events: object) -> Predictions:
    values = {t: {q: v[rows] for q, v in quantities.items()} for t, quantities in predictions.values.items()}
    return Predictions(events=events, rows=np.arange(len(rows)), values=values)  # type: ignore[arg-type]


def _keys(predictions: Predictions) -> NDArray[np.int64]:
    events = predictions.events
    whole = [np.asarray(events[n], dtype=np.int64) for n in _IDS if n in events]
    exact = [(np.asarray(events[n], dtype=np.float64) + 0.0).view(np.int64) for n in _EXACT if n in events]
    return np.column_stack([*whole, *exact])


__all__ = ["Kind", "SharedEvents", "shared_events"]

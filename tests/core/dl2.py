"""Predictions of DL1 files for tests of DL2: the truth, or something else that is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
from attrs import frozen

from gammalearn_core import Target
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Task
from gammalearn_core.plugin import Registry
from gammalearn_core.results.dl2.copying import read_raw
from gammalearn_core.results.dl2.copying import write_raw
from gammalearn_core.results.predictions import Predictions

SHOWER = "/simulation/event/subarray/shower"
ALGORITHMS = {"energy": "GammaLearnEnergy", "geometry": "GammaLearnDirection", "classification": "GammaLearnParticle"}


@frozen
class Predicted:
    """Predictions and the tasks that they are of."""

    events: EventTable
    predictions: Predictions
    tasks: dict[str, Task]


def tasks(*names: str) -> dict[str, Task]:
    """Tasks of the core's targets."""
    registry = Registry().discover()
    made = {}
    for name in names:
        record = registry.find(f"core.{name}", kind="target")
        assert isinstance(record, Target)
        codec = registry.load(f"core.{name}", kind="target")()
        made[name] = Task(name=name, id=f"core.{name}", record=record, codec=codec)
    return made


def predict(
    path: Path | Sequence[Path],
    *,
    skip: int = 0,
    names: Sequence[str] = ("energy", "direction", "particle"),
    **options: Any,
) -> Predicted:
    """Random predictions of all events but the first ones."""
    source = DL1Source(path, **options)
    events = source.events.take(np.arange(skip, len(source.events)))
    rng = np.random.default_rng(0)
    made = tasks(*names)
    values = {n: t.codec.decode(rng.normal(size=(len(events), t.codec.size)), events) for n, t in made.items()}
    predictions = Predictions(events=events, rows=np.arange(skip, len(source.events)), values=values)
    source.close()
    return Predicted(events, predictions, made)


def columns(path: Path, table: str) -> dict[str, Any]:
    """All columns of a table."""
    with h5py.File(path, "r") as h5:
        rows = h5[table][:]
    return {name: rows[name] for name in rows.dtype.names}


def change(path: Path, table: str, **values: Any) -> None:
    """Set columns of a table."""
    with h5py.File(path, "r+") as h5:
        rows = read_raw(h5[table])
        for name, content in values.items():
            rows[name] = content
        write_raw(h5[table], rows)

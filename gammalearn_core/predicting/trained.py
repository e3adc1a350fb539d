"""A trained run in the hands of other programs: images in memory to predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.order import batches
from gammalearn_core.data.selection import Cut
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.data.truth import Task
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.model import Computing
from gammalearn_core.predicting.model import Model
from gammalearn_core.predicting.model import Precision
from gammalearn_core.predicting.model import load_model
from gammalearn_core.reproducing.rebuild import nothing_compiled
from gammalearn_core.reproducing.recorded import read_run
from gammalearn_core.results.dl2.tables import algorithm_name
from gammalearn_core.results.predictions import quantities

Predicted = dict[str, dict[str, NDArray[np.float64]]]
"""By task and quantity, such as ``energy`` (TeV), ``alt`` and ``az`` (deg) or ``prediction`` (gammaness): one a row."""


@frozen(kw_only=True)
class TrainedRun:
    """The network of a run, with its transforms, cuts and weights, as `open_run` gives it.

    Attributes
    ----------
    name : str
        The experiment and the run id.
    weights_sha256 : str
        Of the weights that the run was tested with.
    """

    name: str
    weights_sha256: str
    _model: Model
    _cuts: tuple[Cut, ...]

    @property
    def inputs(self) -> InputSpec:
        """Level, cameras and channels of the images that it wants, and columns of the events that it knew."""
        return self._model.reader.inputs

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that go with each image, such as ``hillas_intensity``; they belong in `Images.columns`."""
        return tuple(self._model.reader.loader.parameters.get("columns", ()))

    @property
    def groups(self) -> Mapping[str, str]:
        """By task: the kind of DL2 table that it belongs in, ``energy``, ``geometry`` or ``classification``."""
        return {name: task.record.dl2 for name, task in self._tasks.items()}

    @property
    def algorithms(self) -> Mapping[str, str]:
        """By task: the name of the algorithm in DL2 files, such as ``GammaLearnEnergy``."""
        return {name: algorithm_name(name) for name in self._tasks}

    @property
    def _tasks(self) -> Mapping[str, Task]:
        return self._model.built.tasks

    def predict(self, source: EventSource, *, batch_size: int = 128) -> Predicted:
        """Predictions of all rows of a source; NaN where the run's cuts take them.

        Parameters
        ----------
        source : EventSource
            Events with the cameras and channels of `inputs`, under the same keys.
        batch_size : int

        Raises
        ------
        DataError
            It lacks a column that a cut reads.
        """
        selected = Selected(source, self._cuts)
        events = selected.events
        parts = [self._predicted(selected, rows) for rows in batches(np.arange(len(events)), batch_size)]
        rows = selected.rows
        found: Predicted = {}
        for name, task in self._tasks.items():
            outputs = [values[name] for values, _ in parts]
            spreads = [spread[name] for _, spread in parts if name in spread]
            prediction = np.concatenate(outputs or [np.empty((0, task.codec.size))])
            uncertainty = np.concatenate(spreads) if spreads else None
            found[name] = _spread_out(quantities(task, prediction, uncertainty, events), rows, len(source.events))
        return found

    def kept(self, source: EventSource) -> NDArray[np.bool_]:
        """Whether each image of a source takes part in predictions, or is taken by the run's cuts: one an image."""
        left = Selected(source, self._cuts)
        return np.isin(_images(source.events, np.arange(len(source.events))), _images(left.events, left.rows))

    def _predicted(self, selected: Selected, rows: NDArray[np.int64]) -> tuple[dict[str, Any], dict[str, Any]]:
        outputs, spreads = self._model.predicted(self._model.read(selected, rows), selected.events)
        plain = [{n: v.double().cpu().numpy() for n, v in values.items()} for values in (outputs, spreads)]
        return plain[0], plain[1]


def open_run(
    path: Path,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    fuse: bool = True,
    cuts: bool = True,
    trust_settings: bool = False,
    registry: Registry | None = None,
) -> TrainedRun:
    """A run that predicts, with the weights that it was tested with.

    Parameters
    ----------
    path : Path
        A run folder.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    precision : {"fp32", "bf16"}, optional
        None for that of the run.
    fuse : bool
        Whether a network that has a faster form for prediction takes it.
    cuts : bool
        Whether the run's cuts are made, apart from those on truth.
    trust_settings : bool
        Whether the run's settings file may be run, which is code.
    registry : Registry, optional
        Plug-ins; by default all that are installed.

    Raises
    ------
    SettingsError
        It is no run folder, has no weights, or needs components that are not there.
    DataError
        The folder is damaged.
    """
    with nothing_compiled():
        run = read_run(Path(path).expanduser().absolute(), finished=False)
        model = load_model(
            run,
            Registry().discover() if registry is None else registry,
            [],
            computing=Computing(device=device, precision=precision, fuse=fuse),
            cuts=cuts,
            trust_settings=trust_settings,
        )
    made: list[Cut] = [(part.ref.label, part.fact("scope"), part.make()) for part in model.reader.cuts]
    return TrainedRun(name=run.name, weights_sha256=model.weights.sha256, model=model, cuts=tuple(made))


def _images(events: EventTable, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each image, of the event and the telescope, whose ``tel_id`` has 16 bits."""
    return (np.repeat(rows, events.multiplicity) << 16) | np.asarray(events.images["tel_id"], dtype=np.int64)


def _spread_out(
    values: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], length: int
) -> dict[str, NDArray[np.float64]]:
    """Values of some rows as a value for each, NaN for the others."""
    found = {}
    for name, value in values.items():
        found[name] = np.full(length, np.nan)
        found[name][rows] = value
    return found


__all__ = ["Predicted", "TrainedRun", "open_run"]

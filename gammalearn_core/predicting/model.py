"""A trained network as it predicts: its transforms, its weights, and how its outputs are decoded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import nn
from torch.amp import autocast

from gammalearn_core.data.batch import Batch
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.table import EventTable
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.build import build
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.device import choose_device
from gammalearn_core.engine.device import compile_network
from gammalearn_core.engine.distributed import World
from gammalearn_core.engine.importing import import_parts
from gammalearn_core.engine.steps import Outputs
from gammalearn_core.engine.steps import apply
from gammalearn_core.engine.steps import decoded_outputs
from gammalearn_core.engine.steps import outputs_of
from gammalearn_core.engine.steps import predicted_uncertainties
from gammalearn_core.errors import DataError
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.predicting.opening import NoEvents
from gammalearn_core.predicting.opening import Reader
from gammalearn_core.predicting.opening import without_truth
from gammalearn_core.predicting.rebuilding import experiment_of
from gammalearn_core.predicting.rebuilding import other_versions
from gammalearn_core.predicting.rebuilding import specs_of
from gammalearn_core.predicting.weights import Weights
from gammalearn_core.predicting.weights import load_weights
from gammalearn_core.predicting.weights import on_device
from gammalearn_core.reproducing.recorded import RecordedRun

_log = logging.getLogger(__name__)
Precision = Literal["fp32", "bf16"]


@frozen(kw_only=True)
class Computing:
    """What a network is computed with."""

    device: str = "auto"
    precision: Precision | None = None
    """None for that of the run."""
    compile: bool = False
    fuse: bool = True
    """Whether a network that has a faster form for prediction takes it."""


@frozen(kw_only=True)
class Model:
    """A trained network that predicts."""

    built: Built
    network: nn.Module
    """In the form that predicts, on its device."""
    weights: Weights
    reader: Reader
    cuts: tuple[str, ...]
    """Labels of the run's cuts that are made."""
    left_out: tuple[str, ...]
    """Labels of those that are not: they look at truth."""
    device: torch.device
    precision: str
    casts: bool
    """Whether torch chooses what is computed in bfloat16; else the network itself does."""

    def read(self, source: EventSource, rows: NDArray[np.int64]) -> Batch:
        """A batch of these rows as the network takes it."""
        with torch.no_grad():
            batch = source.read(rows).to(self.device, non_blocking=True)
            return apply(self.built.transforms, batch, self.device, seed=None)

    def outputs(self, batch: Batch, events: EventTable) -> Outputs:
        """What the network predicts, by task, as targets decode it; ``events`` is the table that rows are of."""
        return self.predicted(batch, events)[0]

    def predicted(self, batch: Batch, events: EventTable) -> tuple[Outputs, Outputs]:
        """The same, and the standard deviations of the tasks whose loss tells them."""
        with torch.no_grad(), self._cast():
            outputs = outputs_of(self.network, self.built, batch, events)
            return decoded_outputs(self.built, outputs), predicted_uncertainties(self.built, outputs)

    def _cast(self) -> AbstractContextManager[object]:
        return autocast(self.device.type, torch.bfloat16) if self.casts else nullcontext()


def load_model(
    run: RecordedRun,
    registry: Registry,
    files: Sequence[Path],
    *,
    computing: Computing | None = None,
    cuts: bool = True,
    telescopes: tuple[int, ...] | None = None,
    trust_settings: bool = False,
) -> Model:
    """Make a run's network again, with the weights that it was tested with.

    Parameters
    ----------
    run : RecordedRun
    registry : Registry
    files : sequence of Path
        What is to be predicted. Nothing of it is read yet.
    computing : Computing, optional
    cuts : bool
        Whether the run's cuts are made, apart from those on truth.
    telescopes : tuple of int, optional
        Telescopes to use instead of those that the run has used.
    trust_settings : bool
        Whether the run's settings file may be run, which is code.

    Raises
    ------
    SettingsError
        The run needs its settings file or components that are not there, or it has no weights.
    DataError
        Its files are damaged.
    """
    how = computing or Computing()
    experiment = experiment_of(run, registry, tuple(files), trust_settings=trust_settings, cuts=cuts)
    for line in other_versions(run, registry, experiment):
        _log.warning("%s: predictions may be others", line)
    inputs, outputs = specs_of(run)
    device = choose_device(how.device, World())
    folder = run.folder.path
    try:
        parts, problems = import_parts(experiment, registry, folder)
        if problems:
            raise SettingsError(problems)
        seen, on_truth = without_truth([p for p in parts.values() if p.role == "filter"])
        built = build(attrs.evolve(experiment, filters=()), registry, folder, [], source=NoEvents(inputs))
    except SettingsError as error:
        raise SettingsError(error.problems, str(folder)) from error.__cause__
    if built.outputs != outputs:
        raise DataError(f"{run.folder.specs_json} and {run.folder.experiment_json} do not agree on what is predicted")
    weights = load_weights(run, built)
    on_device(built.transforms, device)
    precision = how.precision or experiment.precision
    network, casts = _predicting(built.network.eval(), device, precision, how)
    return Model(
        built=built,
        network=network,
        weights=weights,
        reader=Reader(loader=_loader(parts), inputs=inputs, cuts=seen, telescopes=telescopes),
        cuts=tuple(part.ref.label for part in seen),
        left_out=tuple(part.ref.label for part in on_truth),
        device=device,
        precision=precision,
        casts=casts,
    )


def _loader(parts: dict[str, Part]) -> Part:
    return next(part for part in parts.values() if part.kind == "loader")


def _predicting(network: nn.Module, device: torch.device, precision: str, how: Computing) -> tuple[nn.Module, bool]:
    """The network in the form that predicts, and whether torch's autocast is to choose precisions."""
    reduced = precision == "bf16"
    casts = reduced
    make = getattr(network, "for_prediction", None)
    if how.fuse and make is not None and device.type == "cpu":
        made = make(dtype=torch.bfloat16 if reduced else torch.float32)
        if made is not None:
            network, casts = made, False
    network = network.to(device)
    if how.compile:
        compile_network(network, device)
    return network, casts


__all__ = ["Computing", "Model", "Precision", "load_model"]

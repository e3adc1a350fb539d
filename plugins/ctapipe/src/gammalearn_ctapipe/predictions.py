"""Predictions in ctapipe's containers and tables."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import astropy.units as u
import numpy as np
from astropy.table import Table
from attrs import frozen
from ctapipe.containers import ArrayEventContainer
from ctapipe.containers import ParticleClassificationContainer
from ctapipe.containers import ReconstructedEnergyContainer
from ctapipe.containers import ReconstructedGeometryContainer
from ctapipe.core import Component
from ctapipe.core import Container
from ctapipe.reco import ReconstructionProperty
from ctapipe.reco import StereoMeanCombiner
from numpy.typing import NDArray

from gammalearn_core.api import TrainedRun

Values = Mapping[str, NDArray[np.float64]]
"""By quantity, one a row."""


@frozen(kw_only=True)
class Kind:
    """A kind of prediction that ctapipe knows."""

    predicts: ReconstructionProperty
    container: type[Container]

    @property
    def place(self) -> str:
        """Field of ``event.dl2`` that holds it: ctapipe has renamed one."""
        names = (str(self.predicts), "classification")
        return next(name for name in names if name in _DL2_FIELDS)


KINDS = {
    "energy": Kind(predicts=ReconstructionProperty.ENERGY, container=ReconstructedEnergyContainer),
    "geometry": Kind(predicts=ReconstructionProperty.GEOMETRY, container=ReconstructedGeometryContainer),
    "classification": Kind(predicts=ReconstructionProperty.PARTICLE_TYPE, container=ParticleClassificationContainer),
}
"""By kind of DL2 table in the core's records."""
_DL2_FIELDS = tuple(ArrayEventContainer().dl2.stereo.keys())


def kinds_of(run: TrainedRun) -> dict[str, Kind]:
    """By task of a run: its kind; tasks that ctapipe has no place for are left out."""
    return {task: KINDS[group] for task, group in run.groups.items() if group in KINDS}


def container_of(kind: Kind, values: Values, row: int, prefix: str) -> Container:
    """One row of predictions. It is valid if all of its numbers are finite."""
    fields = kind.container.fields
    numbers = {name: value[row] for name, value in values.items() if name in fields}
    quantities = {n: v if fields[n].unit is None else u.Quantity(v, _unit(kind, n)) for n, v in numbers.items()}
    valid = all(np.isfinite(value) for value in numbers.values())
    return kind.container(**quantities, is_valid=bool(valid), prefix=prefix)


def nothing(kind: Kind, prefix: str) -> Container:
    """What stands for a prediction that there is not."""
    return kind.container(is_valid=False, prefix=prefix)


def table_of(kind: Kind, values: Values, prefix: str) -> Table:
    """Predictions of telescopes as a table, columns named as in DL2 files."""
    fields = kind.container.fields
    numbers = {name: value for name, value in values.items() if name in fields}
    table = Table()
    for name, value in numbers.items():
        column = f"{prefix}_tel_{name}"
        table[column] = value if fields[name].unit is None else u.Quantity(value, _unit(kind, name))
        table[column].description = fields[name].description
    valid = np.logical_and.reduce([np.isfinite(value) for value in numbers.values()])
    table[f"{prefix}_tel_is_valid"] = valid
    table[f"{prefix}_tel_is_valid"].description = fields["is_valid"].description
    return table


class GammaLearnMeanCombiner(StereoMeanCombiner):
    """ctapipe's mean over telescopes, where some have no prediction.

    ctapipe warns of the spread of one telescope, which is none, and of what is where there is no prediction.
    """

    def __call__(self, event: ArrayEventContainer) -> None:
        """Predict an event from its telescopes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            super().__call__(event)

    def predict_table(self, mono_predictions: Table) -> Table:
        """The same of many events."""
        valid = f"{self.prefix}_tel_is_valid"
        filled = mono_predictions.copy(copy_data=False)
        filled[valid] = np.ma.filled(np.ma.asarray(filled[valid]), False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return super().predict_table(filled)


def combiner_of(kind: Kind, prefix: str, parent: Component) -> StereoMeanCombiner:
    """What makes predictions of events from those of telescopes, as the core does: of energies, the geometric mean."""
    return GammaLearnMeanCombiner(prefix=prefix, property=kind.predicts, log_target=True, parent=parent)


def _unit(kind: Kind, name: str) -> u.Unit:
    """The core gives TeV, deg and m, and so do ctapipe's containers."""
    return kind.container.fields[name].unit


__all__ = ["KINDS", "Kind", "combiner_of", "container_of", "kinds_of", "nothing", "table_of"]

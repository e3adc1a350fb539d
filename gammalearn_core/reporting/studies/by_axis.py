"""AUC, energy and direction by zenith, offset, impact distance, multiplicity and dead pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.studies.axes import AXES
from gammalearn_core.reporting.studies.axes import Axis
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.results.performance import ANGULAR_RESOLUTION
from gammalearn_core.results.performance import AUC
from gammalearn_core.results.performance import ENERGY_BIAS
from gammalearn_core.results.performance import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance import ENERGY_RESOLUTION_PYIRF
from gammalearn_core.results.performance import IMPACT_RESOLUTION
from gammalearn_core.results.performance import Curve
from gammalearn_core.results.performance import Estimate
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import Measure
from gammalearn_core.results.performance import impact_distance

Columns = tuple[NDArray[np.float64], ...]
SECTION = "Performance by other quantities"
NOTE = (
    "the energies and particles of bins differ, too: this is what is found there, not the effect of the quantity alone"
)


@frozen
class Measured:
    """What is measured of samples: measures, and the columns that they take; None if it was not predicted."""

    title: str
    measures: tuple[Measure, ...]
    columns: Callable[[EventResults], Columns | None]
    gammas: bool = True

    def inputs(self, sample: Sample) -> tuple[Sample, Columns] | None:
        """The samples that it can be measured of, and what the measures take; None if it was not predicted."""
        chosen = sample.gammas if self.gammas else sample
        columns = self.columns(chosen.results)
        if columns is None:
            return None
        finite = np.all([np.isfinite(c) for c in columns], axis=0)
        return chosen.take(finite), tuple(c[finite] for c in columns)


def _energy(results: EventResults) -> Columns | None:
    known = [c for c in (results.true_energy, results.reco_energy) if c is not None]
    return (known[0], known[1]) if len(known) == 2 else None


def _direction(results: EventResults) -> Columns | None:
    found = results.separation()
    return None if found is None else (found,)


def _impact(results: EventResults) -> Columns | None:
    columns = (results.true_core_x, results.true_core_y, results.reco_core_x, results.reco_core_y)
    known = [c for c in columns if c is not None]
    return (impact_distance(*known),) if len(known) == len(columns) else None


def _particle(results: EventResults) -> Columns | None:
    score = results.gammaness
    return None if score is None else (score, (results.primary == 0).astype(np.float64))


MEASURED = (
    Measured("AUC", (AUC,), _particle, gammas=False),
    Measured("energy bias", (ENERGY_BIAS,), _energy),
    Measured("energy resolution", (ENERGY_RESOLUTION_CTA, ENERGY_RESOLUTION_PYIRF), _energy),
    Measured("angular resolution", (ANGULAR_RESOLUTION,), _direction),
    Measured("impact resolution", (IMPACT_RESOLUTION,), _impact),
)
LABELS = {"energy_resolution_cta": "CTA: 68 % about 0", "energy_resolution_pyirf": "pyirf: half of central 68 %"}


def estimates(measured: Measured, sample: Sample) -> dict[str, Estimate]:
    """Each of its numbers, of all samples; empty if it was not predicted."""
    found = measured.inputs(sample)
    if found is None:
        return {}
    known, columns = found
    groups = known.results.shower
    return {m.name: m(*columns, groups=groups, weights=known.results.weights) for m in measured.measures}


def by_axes(sample: Sample, axes: tuple[Axis, ...] = AXES) -> Studies:
    """Charts of each measure by each quantity.

    A quantity that nobody knows, or that is in one bin for all samples that could be measured, gives no chart but a
    reason. A bin without samples is NaN.
    """
    return together(_by_axis(sample, axis) for axis in axes)


def _by_axis(sample: Sample, axis: Axis) -> Studies:
    values = sample.quantities.get(axis.name)
    if values is None or not np.isfinite(values).any():
        return _missing(axis, axis.heading, axis.absent)
    edges = axis.used(values)
    if len(edges) == 2:
        return _missing(
            axis, axis.heading, f"all {len(sample)} samples are in one bin of {axis.label}: {_range(values)}"
        )
    return together(_chart(sample, axis, measured) for measured in MEASURED)


def _chart(sample: Sample, axis: Axis, measured: Measured) -> Studies:
    found = measured.inputs(sample)
    if found is None:
        return Studies()
    known, columns = found
    values = known.quantities[axis.name]
    edges = axis.used(values)
    title = f"{measured.title} by {axis.plain}"
    if len(edges) < 2:
        return _missing(axis, title, "no sample that it can be measured of is in a bin")
    curves = [
        measure.per_bin(
            *columns,
            by=values,
            x=axis.name,
            x_unit="",
            edges=edges,
            groups=known.results.shower,
            weights=known.results.weights,
        )
        for measure in measured.measures
    ]
    if max(int(np.isfinite(c.value).sum()) for c in curves) < 2:
        return _missing(axis, title, _one_bin(axis, values, edges, curves[0]))
    unit = curves[0].unit
    chart = Chart(
        id=f"{measured.title.replace(' ', '_').lower()}_by_{axis.name}",
        section=SECTION,
        group=axis.heading,
        title=title[0].upper() + title[1:],
        x_label=axis.label,
        y_label=f"{curves[0].quantity} [{unit}]" if unit else curves[0].quantity,
        series=[_series(axis, curve, LABELS.get(curve.name, curve.quantity)) for curve in curves],
        note=NOTE,
        definition=f"{'; '.join(c.definition for c in curves)}. In bins of: {axis.definition[sample.level]}",
    )
    return Studies(items=[chart])


def _series(axis: Axis, curve: Curve, label: str) -> Series:
    centres, edges = axis.centres(curve.edges), curve.edges
    return Series(label, centres, curve.value, curve.low, curve.high, curve.n, edges=edges)


def _one_bin(axis: Axis, values: NDArray[np.float64], edges: NDArray[np.float64], curve: Curve) -> str:
    if len(edges) == 2:
        n = int(curve.n.sum())
        return f"all {n} samples that it can be measured of are in one bin of {axis.label}: {_range(values)}"
    counts = ", ".join(map(str, curve.n))
    return f"fewer than two bins of {axis.label} can be measured; from {_range(values)} they have {counts} samples"


def _range(values: NDArray[np.float64]) -> str:
    low, high = f"{np.nanmin(values):.4g}", f"{np.nanmax(values):.4g}"
    return low if low == high else f"{low} to {high}"


def _missing(axis: Axis, title: str, reason: str) -> Studies:
    return Studies(missing=[Missing(section=SECTION, title=title, reason=reason)])


__all__ = ["LABELS", "MEASURED", "Measured", "by_axes", "estimates"]

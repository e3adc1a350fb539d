"""How far a network bears another night sky and another gain than it was trained with.

The network predicts images of the test split again, with photoelectrons of the night sky added or with charges scaled,
and what it is worth is measured each time. The events are the same, so that changes are known better than numbers.

The night sky is that of ``core.night_sky_noise``: Poisson numbers of photoelectrons in each pixel that has a value,
less their mean, which the pedestal takes away. The mean is the rate that is added, times the time over which the charge
is integrated. Gain scales the charges of all pixels. Peak times, cleaning masks of the files, triggers, and cuts of the
run stay as they are: only what the network makes of an image is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.baseline.network import predicted
from gammalearn_core.baseline.opening import OpenedRun
from gammalearn_core.builtin.transforms.noise import VALID
from gammalearn_core.builtin.transforms.noise import NightSkyNoise
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.order import derived_seed
from gammalearn_core.data.source import EventSource
from gammalearn_core.predicting.weights import load_weights
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.studies.by_axis import LABELS
from gammalearn_core.reporting.studies.by_axis import MEASURED
from gammalearn_core.reporting.studies.by_axis import Measured
from gammalearn_core.reporting.studies.by_axis import estimates
from gammalearn_core.reporting.studies.changes import Paired
from gammalearn_core.reporting.studies.changes import changes_between
from gammalearn_core.reporting.studies.images import chosen_rows
from gammalearn_core.reporting.studies.images import without_channel
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.outcome import together
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.reporting.studies.shifts import CHARGE
from gammalearn_core.reporting.studies.shifts import Change
from gammalearn_core.reporting.studies.shifts import Shift
from gammalearn_core.reporting.studies.shifts import gain
from gammalearn_core.reporting.studies.shifts import night_sky
from gammalearn_core.reporting.studies.shifts import scaled

SECTION = "Stress test"
MOST = 2000
"""Samples that are predicted again for each shift."""


def stress_test(
    opened: OpenedRun, shifts: Sequence[Shift] | None = None, *, most: int = MOST, seed: int | None = None
) -> Studies:
    """Charts of each measure by the size of each shift, and of its change against no shift.

    Parameters
    ----------
    opened : OpenedRun
        The images are read here, and the weights that the run was tested with.
    shifts : sequence of Shift, optional
        Night sky and gain, unless given.
    most : int
        Samples of the test split that are used: those that come first in an order of showers.
    seed : int, optional
        Of the night sky; the run's unless given. The same seed gives the same numbers.

    Raises
    ------
    DataError
        The checkpoint is damaged, or is not what the run ended with.
    """
    rows = chosen_rows(opened, most)
    reason = _unfit(opened, rows)
    if reason:
        return Studies(missing=[Missing(section=SECTION, title=SECTION, reason=reason)])
    load_weights(opened.recorded, opened.built)
    chosen = (night_sky(), gain()) if shifts is None else tuple(shifts)
    master = opened.built.experiment.seed if seed is None else seed
    with opened.with_channel(VALID) as extended:
        source = opened.selected if extended is None else extended
        tested = _Tested(opened, source, rows, master, extra=extended is not None)
        plain = tested.sample(lambda batch: batch)
        return together(_shifted(tested, plain, shift) for shift in chosen)


def _unfit(opened: OpenedRun, rows: NDArray[np.int64]) -> str:
    """Why there is no test; empty if there can be one."""
    if not len(rows):
        return "the run has no test split with truth"
    for key, camera in opened.selected.inputs.cameras.items():
        if CHARGE not in camera.channels:
            return f"the images of {key} have no channel {CHARGE!r}, which the charges would be in"
        if not camera.on_pixels:
            return f"the loader gives images of {key} on a grid, and noise is that of pixels"
    return ""


@frozen
class _Tested:
    """A network with the images that it is tested on."""

    opened: OpenedRun
    source: EventSource
    rows: NDArray[np.int64]
    seed: int
    extra: bool
    """Whether images have the channel ``valid`` that the network does not know."""

    def sample(self, change: Change) -> Sample:
        """What it predicts of the changed images."""

        def changed(batch: Batch) -> Batch:
            found = change(batch)
            return without_channel(found, VALID) if self.extra else found

        predictions = predicted(self.opened, self.rows, source=self.source, change=changed)
        return Sample.of(predictions, self.opened.selected.inputs.level)

    def change(self, shift: Shift, level: float) -> Change:
        """What a level does to images."""
        if shift.name == "gain":
            return lambda batch: scaled(batch, level)
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "stress", shift.name, repr(level)))
        noise = NightSkyNoise(inputs=self.source.inputs, mean=level)
        return lambda batch: noise(batch, generator)


def _shifted(tested: _Tested, plain: Sample, shift: Shift) -> Studies:
    samples = {
        level: plain if level == shift.nothing else tested.sample(tested.change(shift, level)) for level in shift.levels
    }
    changes = {
        level: changes_between(sample.results, plain.results, seed=tested.seed)
        for level, sample in samples.items()
        if level != shift.nothing
    }
    return together(_charts(shift, measured, samples, changes) for measured in MEASURED)


def _charts(
    shift: Shift, measured: Measured, samples: Mapping[float, Sample], changes: Mapping[float, Mapping[str, Paired]]
) -> Studies:
    found = {level: estimates(measured, sample) for level, sample in samples.items()}
    names = [m for m in measured.measures if all(m.name in e for e in found.values())]
    if not names:
        return Studies()
    key = measured.title.replace(" ", "_").lower()
    unit = f" [{names[0].unit}]" if names[0].unit else ""
    told = f"{'; '.join(m.definition for m in names)}. {shift.definition[0].upper()}{shift.definition[1:]}"
    mark = ((shift.nothing, "as simulated"),)
    series = []
    for measure in names:
        of = [found[level][measure.name] for level in shift.levels]
        series.append(
            Series(
                LABELS.get(measure.name, measure.quantity),
                shift.levels,
                [e.value for e in of],
                y_low=[e.low for e in of],
                y_high=[e.high for e in of],
                n=[e.n for e in of],
            )
        )
    number = Chart(
        id=f"stress_{shift.name}_{key}",
        section=SECTION,
        group=shift.heading,
        title=f"{measured.title[0].upper()}{measured.title[1:]} by {shift.heading.lower()}",
        x_label=shift.label,
        y_label=f"{names[0].quantity}{unit}",
        series=series,
        x_marks=mark,
        note="peak times, cleaning masks, triggers and cuts are those of the images without the shift",
        definition=told,
    )
    change = [_change(shift, measure.name, LABELS.get(measure.name, measure.quantity), changes) for measure in names]
    paired = Chart(
        id=f"stress_{shift.name}_{key}_change",
        section=SECTION,
        group=shift.heading,
        title=f"Change of {measured.title} by {shift.heading.lower()}",
        x_label=shift.label,
        y_label=f"change of {names[0].quantity}{unit}",
        series=[s for s in change if s is not None],
        x_marks=mark,
        note="the intervals are those of the change, by a paired bootstrap over showers: the events are the same",
        definition=f"{measured.title} with the shift less that without: {told}",
    )
    return Studies(items=[number] if paired.empty else [number, paired])


def _change(shift: Shift, name: str, label: str, changes: Mapping[float, Mapping[str, Paired]]) -> Series | None:
    known = {level: found[name] for level, found in changes.items() if name in found}
    if not known:
        return None
    found = list(known.values())
    return Series(
        label,
        list(known),
        [c.difference for c in found],
        y_low=[c.low for c in found],
        y_high=[c.high for c in found],
        n=[c.n for c in found],
    )


__all__ = ["MOST", "stress_test"]

"""`Sample`: what was predicted of some samples, its truth, and the quantities that results are studied by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.impact import Impact
from gammalearn_core.builtin.filters.offset import Offset
from gammalearn_core.data.specs import Level
from gammalearn_core.data.table import EventTable
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.predictions import Predictions

Floats = NDArray[np.float64]
_POSITIONS = ("tel_pos_x", "tel_pos_y", "tel_pos_z")
_AXIS = ("true_core_x", "true_core_y", "true_alt", "true_az")


@frozen(kw_only=True, eq=False)
class Sample:
    """Samples with truth, a row each.

    Attributes
    ----------
    results : EventResults
    level : {"telescope", "subarray"}
        Whether a row is a telescope image or an event.
    quantities : mapping of str to array of float, (n,)
        By name, of ``zenith`` and ``offset`` (deg), ``impact`` (m), ``multiplicity`` and ``dead_pixels`` those that
        are known; NaN in rows where they are not.
    uncertainties : mapping of str to array of float, (n,)
        What the network says of its own errors, by ctapipe's names: ``energy_uncert`` (TeV), ``alt_uncert``,
        ``az_uncert`` (deg), …

    Examples
    --------
    >>> sample = Sample(results=EventResults(primary=[0, 101], shower=[1, 2]), level="telescope")
    >>> len(sample), len(sample.take(sample.results.primary == 0))
    (2, 1)
    """

    results: EventResults
    level: Level
    quantities: Mapping[str, Floats] = field(factory=dict)
    uncertainties: Mapping[str, Floats] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.results)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Sample:
        """These rows, by number or by mask."""
        return attrs.evolve(
            self,
            results=self.results.take(rows),
            quantities={n: v[rows] for n, v in self.quantities.items()},
            uncertainties={n: v[rows] for n, v in self.uncertainties.items()},
        )

    @property
    def gammas(self) -> Sample:
        """The rows of gammas."""
        return self.take(self.results.primary == 0)

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        level: Level,
        *,
        centre: NDArray[np.float64] | None = None,
        dead_pixels: NDArray[Any] | None = None,
    ) -> Sample:
        """Of what was predicted of simulated events; those without a known particle are left out.

        Parameters
        ----------
        predictions : Predictions
        level : {"telescope", "subarray"}
        centre : array of float, (3,), optional
            Middle of the array, m, if the events do not tell it.
        dead_pixels : array, (n,), optional
            Pixels without a value in the images of each row.
        """
        events = predictions.events
        quantities = _quantities(events, centre)
        if dead_pixels is not None:
            quantities["dead_pixels"] = np.asarray(dead_pixels, dtype=np.float64)
        uncertainties: dict[str, Floats] = {}
        for values in predictions.values.values():
            for name, value in values.items():
                if "_uncert" in name:
                    uncertainties.setdefault(name, np.asarray(value, dtype=np.float64))
        results = EventResults.from_predictions(predictions)
        made = cls(results=results, level=level, quantities=quantities, uncertainties=uncertainties)
        return made.take(results.primary >= 0)


def _quantities(events: EventTable, centre: NDArray[np.float64] | None) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    if "pointing_alt" in events:
        found["zenith"] = 90.0 - np.asarray(events["pointing_alt"], dtype=np.float64)
    if all(n in events for n in ("true_alt", "true_az", "pointing_alt", "pointing_az")):
        found["offset"] = Offset().quantity(events)
    if centre is not None and not all(n in events for n in _POSITIONS):
        events = events.with_columns({n: np.full(len(events), c) for n, c in zip(_POSITIONS, centre, strict=True)})
    if "true_impact_distance" in events or all(n in events for n in (*_POSITIONS, *_AXIS)):
        found["impact"] = np.asarray(Impact().quantity(events), dtype=np.float64)
    if "multiplicity" in events:
        found["multiplicity"] = np.asarray(events["multiplicity"], dtype=np.float64)
    return found


__all__ = ["Sample"]

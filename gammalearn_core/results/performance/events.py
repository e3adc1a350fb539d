"""`EventResults`: truth and predictions of samples, side by side, whoever predicted them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import attrs
import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.data.split import shower_hash
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.direction import angular_separation
from gammalearn_core.results.performance.quantiles import checked_weights

if TYPE_CHECKING:
    from gammalearn_core.results.predictions import Predictions

PRIMARY = "true_shower_primary_id"
"""The column of the primary particle."""
GAMMA = 0
"""Number of the primary that is the signal."""
TRUTH = {
    "true_energy": "true_energy",
    "true_alt": "true_alt",
    "true_az": "true_az",
    "true_core_x": "true_core_x",
    "true_core_y": "true_core_y",
    "pointing_alt": "pointing_alt",
    "pointing_az": "pointing_az",
}
"""Fields, and the columns of an event table that they are."""
QUANTITIES = {
    "energy": "reco_energy",
    "alt": "reco_alt",
    "az": "reco_az",
    "core_x": "reco_core_x",
    "core_y": "reco_core_y",
    "prediction": "gammaness",
}
"""Quantities that targets decode to, and the fields that they become."""


def _column(values: ArrayLike | None) -> Floats | None:
    return None if values is None else np.asarray(values, dtype=np.float64)


def _whole(values: ArrayLike) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


def _keys(values: ArrayLike) -> NDArray[Any]:
    return np.asarray(values)


@frozen(kw_only=True, eq=False)
class EventResults:
    """One row a predicted sample. A field is None if nobody knows it, NaN in rows where it is not known.

    Attributes
    ----------
    primary : array of int, (n,)
        Particle: 0 gamma, 101 proton, …; -1 where it is not known, as in observations.
    shower : array, (n,)
        The same for all samples of one shower.
    event : array, (n,), optional
        The same for all images of one event; ``shower`` if it is not given.
    weights : array of float, (n,), optional
    true_energy, reco_energy : array of float, (n,), optional
        TeV.
    true_alt, true_az, reco_alt, reco_az, pointing_alt, pointing_az : array of float, (n,), optional
        deg.
    true_core_x, true_core_y, reco_core_x, reco_core_y : array of float, (n,), optional
        m.
    gammaness : array of float, (n,), optional
        Probability of a gamma, or any score that grows with it.
    telescopes : array of float, (n,), optional
        Images that an event of the subarray was predicted from; None where samples are images.

    Examples
    --------
    >>> results = EventResults(primary=[0, 101], shower=[1, 2], true_energy=[1.0, 2.0], reco_energy=[1.5, 1.0])
    >>> len(results), results.gammas.reco_energy.tolist()
    (2, [1.5])
    """

    primary: NDArray[np.int64] = field(converter=_whole)
    shower: NDArray[Any] = field(converter=_keys)
    event: NDArray[Any] = field(default=attrs.Factory(lambda self: self.shower, takes_self=True), converter=_keys)
    weights: Floats | None = field(default=None, converter=_column)
    true_energy: Floats | None = field(default=None, converter=_column)
    true_alt: Floats | None = field(default=None, converter=_column)
    true_az: Floats | None = field(default=None, converter=_column)
    true_core_x: Floats | None = field(default=None, converter=_column)
    true_core_y: Floats | None = field(default=None, converter=_column)
    pointing_alt: Floats | None = field(default=None, converter=_column)
    pointing_az: Floats | None = field(default=None, converter=_column)
    reco_energy: Floats | None = field(default=None, converter=_column)
    reco_alt: Floats | None = field(default=None, converter=_column)
    reco_az: Floats | None = field(default=None, converter=_column)
    reco_core_x: Floats | None = field(default=None, converter=_column)
    reco_core_y: Floats | None = field(default=None, converter=_column)
    gammaness: Floats | None = field(default=None, converter=_column)
    telescopes: Floats | None = field(default=None, converter=_column)

    def __attrs_post_init__(self) -> None:
        for name, column in self._columns().items():
            if column.shape != self.primary.shape:
                raise ValueError(f"{name}: {column.shape} does not fit {len(self)} samples")
        checked_weights(self.weights, len(self))

    @classmethod
    def from_predictions(cls, predictions: Predictions, *, weights: Floats | None = None) -> EventResults:
        """Of what a network predicts for rows of a table; each quantity is that of the first task that gives it."""
        events = predictions.events
        known = {name: events[column] for name, column in TRUTH.items() if column in events}
        predicted: dict[str, Any] = {}
        for values in predictions.values.values():
            for quantity, name in QUANTITIES.items():
                if quantity in values:
                    predicted.setdefault(name, values[quantity])
        return cls(
            primary=events[PRIMARY] if PRIMARY in events else np.full(len(events), -1),
            shower=shower_hash(events),
            event=_event_numbers(events),
            weights=weights,
            telescopes=None if events.images is events else events.multiplicity,
            **known,
            **predicted,
        )

    def __len__(self) -> int:
        return len(self.primary)

    @property
    def gammas(self) -> EventResults:
        """The samples of gammas."""
        return self.take(self.primary == GAMMA)

    def separation(self) -> Floats | None:
        """Angle between true and predicted direction, deg; None if one of them is not known."""
        angles = (self.reco_az, self.reco_alt, self.true_az, self.true_alt)
        known = [a for a in angles if a is not None]
        return angular_separation(*known) if len(known) == len(angles) else None

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> EventResults:
        """These samples, by number or by mask."""
        return attrs.evolve(self, **{name: column[rows] for name, column in self._columns().items()})

    def _columns(self) -> dict[str, NDArray[Any]]:
        found = {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}
        return {name: column for name, column in found.items() if column is not None}


def _event_numbers(events: Any) -> NDArray[np.int64]:
    """A number for each row that is the same for all images of an event."""
    names = [name for name in ("domain", "file", "obs_id", "event_id") if name in events]
    rows = np.column_stack([np.asarray(events[name], dtype=np.int64) for name in names])
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


__all__ = ["GAMMA", "PRIMARY", "QUANTITIES", "TRUTH", "EventResults"]

"""Bins of energy, and measures by bins."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.results.performance.curve import NOTHING
from gammalearn_core.results.performance.curve import Curve
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.quantiles import CONFIDENCE

ENERGY_EDGES: Floats = np.power(10, -1.9 + 0.2 * np.arange(22), dtype=np.float64)
"""TeV: CTA's bins, five a decade, from 10^-1.9 (12.6 GeV) to 10^2.3 (200 TeV)."""
ENERGY_EDGES.flags.writeable = False


def count_edges(counts: ArrayLike) -> Floats:
    """Edges of bins of one whole number each, from 1 to the largest of these counts.

    Examples
    --------
    >>> count_edges([2, 3, 2]).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    last = int(np.max(np.asarray(counts), initial=1))
    return np.arange(last + 1, dtype=np.float64) + 0.5


def bin_numbers(values: ArrayLike, edges: ArrayLike) -> NDArray[np.int64]:
    """The half-open bin ``[edges[i], edges[i + 1])`` of each value; -1 outside and for NaN.

    Examples
    --------
    >>> bin_numbers([0.5, 1.0, 2.0, 3.0, np.nan], [1, 2, 3]).tolist()
    [-1, 0, 1, -1, -1]
    """
    limits = np.asarray(edges, dtype=np.float64)
    if limits.ndim != 1 or len(limits) < 2 or not (np.diff(limits) > 0).all():
        raise ValueError("edges must be two or more numbers that grow")
    numbers = np.searchsorted(limits, np.asarray(values, dtype=np.float64), side="right") - 1
    return np.where(numbers < len(limits) - 1, numbers, -1)


@frozen(kw_only=True)
class Measure:
    """A number that can be taken of samples: of all, or of each bin.

    Attributes
    ----------
    name, quantity, unit, definition : str
        As in `Curve`.
    function : callable
        ``function(*columns, weights=, groups=, confidence=)`` gives an `Estimate`.

    Examples
    --------
    >>> from gammalearn_core.results.performance import ENERGY_BIAS
    >>> true, reco = [0.2, 0.3, 2.0, 3.0], [0.2, 0.6, 3.0, 6.0]
    >>> ENERGY_BIAS(true, reco).value
    0.75
    >>> ENERGY_BIAS.per_bin(true, reco, by=true, x="true_energy", edges=[0.1, 1, 10, 100]).value.tolist()
    [0.5, 0.75, nan]
    """

    name: str
    quantity: str
    unit: str = ""
    definition: str
    function: Callable[..., Estimate] = field(repr=False)

    def __call__(
        self,
        *columns: ArrayLike,
        weights: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        confidence: float = CONFIDENCE,
    ) -> Estimate:
        """The number of all samples."""
        return self.function(*columns, weights=weights, groups=groups, confidence=confidence)

    def per_bin(
        self,
        *columns: ArrayLike,
        by: ArrayLike,
        x: str,
        x_unit: str = "TeV",
        edges: ArrayLike = ENERGY_EDGES,
        weights: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        confidence: float = CONFIDENCE,
    ) -> Curve:
        """The number of each bin of ``by``, whose name is ``x``."""
        numbers = bin_numbers(by, edges)
        arrays = [None if a is None else np.asarray(a) for a in (*columns, weights, groups)]
        estimates = []
        for rows in _rows_of_bins(numbers, len(np.asarray(edges)) - 1):
            *taken, of_weights, of_groups = (None if a is None else a[rows] for a in arrays)
            found = self.function(*taken, weights=of_weights, groups=of_groups, confidence=confidence)
            estimates.append(found if len(rows) else NOTHING)
        return Curve(
            name=self.name,
            quantity=self.quantity,
            unit=self.unit,
            x=x,
            x_unit=x_unit,
            edges=edges,
            **columns_of(estimates),
            confidence=confidence,
            definition=self.definition,
        )


def columns_of(estimates: list[Estimate]) -> dict[str, Any]:
    """What a `Curve` takes of the estimates of its bins."""
    return {name: [getattr(e, name) for e in estimates] for name in ("value", "low", "high", "n")}


def _rows_of_bins(numbers: NDArray[np.int64], n_bins: int) -> list[NDArray[np.int64]]:
    """Rows of each bin."""
    order = np.argsort(numbers, kind="stable")
    limits = np.searchsorted(numbers[order], np.arange(n_bins + 1))
    return [order[start:end] for start, end in pairwise(limits)]


__all__ = ["ENERGY_EDGES", "Measure", "bin_numbers", "columns_of", "count_edges"]

"""Quantiles of weighted samples, and their confidence intervals by order statistics.

A quantile is that of R's type 7, which is numpy's ``linear``, in the form for weighted samples of Akinshin (2023,
arXiv:2304.07265). The quantile of share ``p`` of ``n`` equal samples is the order statistic of the fractional rank
``1 + (n - 1) p``. With weights, ``n`` is Kish's effective size ``(sum w)^2 / sum w^2``, and that order statistic is
the mean of the samples in a window of the width ``1 / n`` in cumulated weight. Samples of weight 0 do not count.

The two-sided interval of a quantile has order statistics as its ends, of the ranks between which the quantile lies by
the binomial distribution; ranks are fractional (Hutson 1999, doi:10.1080/02664769922458). No shape of a distribution
is assumed. An end whose rank lies beyond the samples is NaN: they do not bound the quantile on that side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.special import bdtrik
from scipy.special import erf

from gammalearn_core.results.performance.curve import NOTHING
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.curve import Floats

SIGMA = float(erf(1 / np.sqrt(2)))
"""Share of a normal distribution within one standard deviation: 68.27 %."""
CONFIDENCE = 0.95
"""Level of two-sided confidence intervals, unless another is named."""


class Sample:
    """Sorted numbers with weights, of which quantiles are taken.

    Parameters
    ----------
    values : array_like of float, (n,)
    weights : array_like of float, (n,), optional
        0 or more; 1 if they are not given.
    groups : array_like, (n,), optional
        Samples of one group, such as images of one shower, count as one where the size of the sample matters: they
        may all err alike.

    Raises
    ------
    ValueError
        A weight is negative or not finite.

    Examples
    --------
    >>> Sample([3.0, 1.0, 2.0]).quantile(0.5)
    2.0
    >>> round(Sample([1.0, 2.0], weights=[1000, 1]).quantile(0.5), 3)
    1.0
    """

    def __init__(self, values: ArrayLike, *, weights: ArrayLike | None = None, groups: ArrayLike | None = None) -> None:
        numbers = np.asarray(values, dtype=np.float64)
        given = checked_weights(weights, len(numbers))
        counted = given > 0
        order = np.argsort(numbers[counted], kind="stable")
        self.values = numbers[counted][order]
        self.n = len(self.values)
        """Samples that count."""
        self._equal = weights is None
        self._weights = given[counted][order]
        self._size = effective_size(given[counted])
        of = None if groups is None else np.asarray(groups)[counted]
        self.independent = effective_size(given[counted], of)
        """Independent samples of equal weight that would know as much."""

    def quantile(self, share: float) -> float:
        """The quantile, NaN if there are no samples or one of them is NaN."""
        if self._equal and self.n:
            with np.errstate(invalid="ignore"):
                return float(np.quantile(self.values, share))
        return float(self._order_statistic(np.array([1 + (self._size - 1) * share]))[0])

    def at(self, shares: ArrayLike) -> Floats:
        """Order statistics of the ranks ``(n + 1)`` times a share; NaN for those below 1 or above ``n``."""
        ranks = np.asarray(shares, dtype=np.float64) * (self._size + 1)
        return np.where((ranks >= 1) & (ranks <= self._size), self._order_statistic(ranks), np.nan)

    def _order_statistic(self, ranks: Floats) -> Floats:
        """Means of the windows that end at these ranks."""
        if not self.n or np.isnan(self.values[-1]):
            return np.full(len(ranks), np.nan)
        with np.errstate(invalid="ignore"):
            found: Floats = self._interpolated(ranks) if self._equal else self._windowed(ranks)
        return found

    def _interpolated(self, ranks: Floats) -> Floats:
        return np.interp(ranks, np.arange(1, self.n + 1), self.values)

    def _windowed(self, ranks: Floats) -> Floats:
        shares = np.cumsum(np.concatenate([[0.0], self._weights]))
        integral = np.cumsum(np.concatenate([[0.0], self._weights * self.values])) / shares[-1]
        ends = np.interp(np.stack([ranks - 1, ranks]) / self._size, shares / shares[-1], integral)
        means: Floats = self._size * (ends[1] - ends[0])
        return means

    def estimate(self, share: float, *, confidence: float = CONFIDENCE) -> Estimate:
        """The quantile with its interval."""
        if not self.n:
            return NOTHING
        low, high = self.at(bounds(share, self.independent, confidence=confidence))
        return Estimate(self.quantile(share), float(low), float(high), self.n)


def bounds(share: float, n: float, *, confidence: float) -> tuple[float, float]:
    """Shares of the order statistics that are the ends of a quantile's interval; NaN for an end that is not there."""
    tail = (1 - confidence) / 2
    low = np.nan if (1 - share) ** n > tail else float(bdtrik(tail, n, share)) + 1
    high = np.nan if share**n > tail else float(bdtrik(1 - tail, n, share)) + 1
    return low / (n + 1), high / (n + 1)


def weighted_quantile(values: ArrayLike, share: float, *, weights: ArrayLike | None = None) -> float:
    """The quantile of this share, as the head of the module defines it; NaN of nothing.

    Examples
    --------
    >>> weighted_quantile([1, 2, 3, 4], 0.5), weighted_quantile([1, 2, 3, 4], 0.5, weights=[2, 2, 2, 2])
    (2.5, 2.5)
    """
    return Sample(values, weights=weights).quantile(share)


def effective_size(weights: Floats, groups: NDArray[np.generic] | None = None) -> float:
    """Kish's effective size, ``(sum w)^2 / sum w^2``, of samples or of whole groups; 0 of nothing."""
    if not len(weights):
        return 0.0
    sums = weights if groups is None else np.bincount(np.unique(groups, return_inverse=True)[1], weights=weights)
    return float(sums.sum() ** 2 / (sums**2).sum())


def checked_weights(weights: ArrayLike | None, n: int) -> Floats:
    """Weights as an array; 1 if there are none."""
    if weights is None:
        return np.ones(n)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (n,):
        raise ValueError(f"weights: {n} samples need {n} weights, got {array.shape}")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError("weights must be finite and not negative")
    return array


__all__ = [
    "CONFIDENCE",
    "SIGMA",
    "Sample",
    "bounds",
    "checked_weights",
    "effective_size",
    "weighted_quantile",
]

"""ROC curves and the area under them."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.special import expit
from scipy.special import logit
from scipy.special import ndtri

from gammalearn_core.results.performance.bins import Measure
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.quantiles import CONFIDENCE
from gammalearn_core.results.performance.quantiles import checked_weights
from gammalearn_core.results.performance.quantiles import effective_size

Mask = NDArray[np.bool_]


@frozen(kw_only=True, eq=False)
class Roc:
    """Shares of the positives and of the negatives whose score is at least a threshold; thresholds fall."""

    threshold: Floats
    true_positive: Floats
    false_positive: Floats
    n_positive: int
    n_negative: int


def roc_curve(score: ArrayLike, positive: ArrayLike, *, weights: ArrayLike | None = None) -> Roc:
    """The whole ROC curve, a point for each score that occurs, after the one of an infinite threshold.

    NaN where there are no samples of a class, or if a score is NaN.

    Examples
    --------
    >>> roc = roc_curve([0.9, 0.6, 0.6, 0.1], [True, True, False, False])
    >>> roc.threshold.tolist(), roc.true_positive.tolist(), roc.false_positive.tolist()
    ([inf, 0.9, 0.6, 0.1], [0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0])
    """
    scores, mask, given = _columns(score, positive, weights)
    kept = (given > 0) & ~np.isnan(scores).any()
    scores, mask, given = scores[kept], mask[kept], given[kept]
    thresholds, numbers = np.unique(-scores, return_inverse=True)
    shares = [
        np.concatenate([[0.0], np.cumsum(np.bincount(numbers, weights=given * of, minlength=len(thresholds)))])
        for of in (mask, ~mask)
    ]
    with np.errstate(invalid="ignore"):
        true, false = (share / share[-1] for share in shares)
    return Roc(
        threshold=np.concatenate([[np.inf], -thresholds]),
        true_positive=true,
        false_positive=false,
        n_positive=int(np.count_nonzero(mask)),
        n_negative=int(np.count_nonzero(~mask)),
    )


def auc(
    score: ArrayLike,
    positive: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Probability that a positive has a higher score than a negative, ties counting half; NaN without either.

    The Mann-Whitney statistic, which is the area under the ROC curve (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747). An inverted classifier gives less than 0.5 and is not turned round.

    The interval is that of DeLong et al. (1988, doi:10.2307/2531595), with sums over groups in place of samples if
    there are groups (Obuchowski 1997, doi:10.2307/2533958), on the scale of the logit, so that it stays between 0
    and 1. Where all pairs are in order that variance is 0: then the other end is what a binomial distribution of as
    many trials as the smaller class has allows.
    """
    scores, mask, given = _columns(score, positive, weights)
    of = np.arange(len(given)) if groups is None else np.asarray(groups)
    counted = given > 0
    scores, mask, given, of = scores[counted], mask[counted], given[counted], of[counted]
    n = len(scores)
    if mask.all() or not mask.any() or np.isnan(scores).any():
        return Estimate(np.nan, np.nan, np.nan, n)
    placements = _placements(scores, mask, given)
    value = float(np.average(placements[mask], weights=given[mask]))
    variance = _variance(placements, value, given, of, mask) + _variance(placements, value, given, of, ~mask)
    fewest = min(effective_size(given[side], of[side]) for side in (mask, ~mask))
    return Estimate(value, *_interval(value, variance, fewest, confidence), n)


def _columns(score: ArrayLike, positive: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Mask, Floats]:
    scores = np.asarray(score, dtype=np.float64)
    return scores, np.asarray(positive, dtype=bool), checked_weights(weights, len(scores))


def _placements(scores: Floats, positive: Mask, weights: Floats) -> Floats:
    """Of each positive the share of negatives below it, of each negative the share of positives above it."""
    placements = np.empty(len(scores))
    for side, sign in ((positive, 1), (~positive, -1)):
        others, of_others = sign * scores[~side], weights[~side]
        order = np.argsort(others, kind="stable")
        below = np.concatenate([[0.0], np.cumsum(of_others[order])]) / of_others.sum()
        ends = (np.searchsorted(others[order], sign * scores[side], side=s) for s in ("left", "right"))
        placements[side] = sum(below[end] for end in ends) / 2
    return placements


def _variance(placements: Floats, value: float, weights: Floats, groups: NDArray[np.generic], side: Mask) -> float:
    """What one class adds to the variance of the area; infinite of a single group."""
    numbers = np.unique(groups[side], return_inverse=True)[1]
    sums = np.bincount(numbers, weights=weights[side] * (placements[side] - value))
    size = effective_size(weights[side], groups[side])
    if size < 1 + 1e-9:
        return np.inf
    return float((sums**2).sum() / weights[side].sum() ** 2 * size / (size - 1))


def _interval(value: float, variance: float, fewest: float, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    if value in (0.0, 1.0):
        bound = float(tail ** (1 / fewest))
        return (bound, 1.0) if value else (0.0, 1 - bound)
    if not np.isfinite(variance):
        return np.nan, np.nan
    reach = -ndtri(tail) * np.sqrt(variance) / (value * (1 - value))
    return float(expit(logit(value) - reach)), float(expit(logit(value) + reach))


AUC = Measure(
    name="auc",
    quantity="AUC",
    definition="area under the ROC curve: probability that a gamma has a higher gammaness than another particle (in"
    " curves: of the same bin), ties counting half; below 0.5 if the classifier is inverted",
    function=auc,
)

__all__ = ["AUC", "Roc", "auc", "roc_curve"]

"""Whether gammaness is a probability: of the samples with gammaness g, a share g should be gammas.

The reliability diagram is that of DeGroot and Fienberg (1983, doi:10.2307/2987588), the expected calibration error
that of Naeini et al. (2015, doi:10.1609/aaai.v29i1.9602), in bins of equal width.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import betaincinv

from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.studies.outcome import Missing
from gammalearn_core.reporting.studies.outcome import Number
from gammalearn_core.reporting.studies.outcome import Studies
from gammalearn_core.reporting.studies.sample import Sample
from gammalearn_core.results.performance import CONFIDENCE
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance import bin_numbers
from gammalearn_core.results.performance.quantiles import effective_size

Floats = NDArray[np.float64]
SECTION = "Calibration of gammaness"
EDGES: Floats = np.linspace(0, 1, 11)
EDGES.flags.writeable = False
_DRAWS = 400
_AT_ONCE = 2**22
"""Numbers that are drawn at once, about."""
_PRIOR = (
    "calibration is that of the mixture of particles in the test split, whose shares are simulated and not those of the"
    " sky; weights and balancing in training shift it"
)


@frozen(kw_only=True, eq=False)
class Reliability:
    """Shares of gammas by bins of gammaness.

    Attributes
    ----------
    edges : array of float, (k + 1,)
        The last bin has its upper edge in it.
    gammaness : array of float, (k,)
        Mean of each bin, NaN of an empty one.
    share, low, high : array of float, (k,)
        Share of gammas with its interval (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).
    n : array of int, (k,)
    """

    edges: Floats
    gammaness: Floats
    share: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error: mean over samples of ``|share - gammaness|`` of their bins."""
        there = self.n > 0
        if not there.any():
            return float("nan")
        return float(np.average(np.abs(self.share - self.gammaness)[there], weights=self.n[there]))


def reliability(
    gammaness: ArrayLike,
    gamma: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    edges: ArrayLike = EDGES,
    confidence: float = CONFIDENCE,
) -> Reliability:
    """Shares of gammas by bins of gammaness.

    Parameters
    ----------
    gammaness : array_like of float, (n,)
        From 0 to 1.
    gamma : array_like of bool, (n,)
    groups : array_like, (n,), optional
        Samples of one group, such as images of one shower, count as one where the size of a bin matters.

    Examples
    --------
    >>> found = reliability([0.1, 0.2, 0.8, 0.9], [False, False, True, True], edges=[0, 0.5, 1])
    >>> found.share.tolist(), round(found.error, 3)
    ([0.0, 1.0], 0.15)
    """
    score, mask, limits = np.asarray(gammaness, np.float64), np.asarray(gamma, bool), np.asarray(edges, np.float64)
    of = np.arange(len(score)) if groups is None else np.asarray(groups)
    numbers = _bins(score, limits)
    k = len(limits) - 1
    n = np.bincount(numbers[numbers >= 0], minlength=k)
    with np.errstate(invalid="ignore"):
        mean, share = (_sums(values, numbers, k) / n for values in (score, mask.astype(np.float64)))
    sizes = np.array([effective_size(np.ones(int(n[i])), of[numbers == i]) for i in range(k)])
    low, high = _interval(share, sizes, confidence)
    return Reliability(edges=limits, gammaness=mean, share=share, low=low, high=high, n=n)


def _bins(score: Floats, edges: Floats) -> NDArray[np.int64]:
    numbers = bin_numbers(score, edges)
    return np.where(score == edges[-1], len(edges) - 2, numbers)


def _sums(values: Floats, numbers: NDArray[np.int64], k: int) -> Floats:
    inside = numbers >= 0
    sums: Floats = np.bincount(numbers[inside], weights=values[inside], minlength=k).astype(np.float64)
    return sums


def _interval(share: Floats, size: Floats, confidence: float) -> tuple[Floats, Floats]:
    tail, there = (1 - confidence) / 2, size > 0
    found, rest = np.where(there, share * size, 1.0), np.where(there, (1 - share) * size, 1.0)
    with np.errstate(invalid="ignore"):
        low = np.where(found > 0, betaincinv(np.maximum(found, 1e-300), rest + 1, tail), 0.0)
        high = np.where(rest > 0, betaincinv(found + 1, np.maximum(rest, 1e-300), 1 - tail), 1.0)
    return np.where(there, low, np.nan), np.where(there, high, np.nan)


def perfect_errors(gammaness: ArrayLike, groups: ArrayLike, *, edges: ArrayLike = EDGES, seed: int = 1) -> Floats:
    """Calibration errors that a perfect classifier with these gammanesses would be found to have, sorted.

    They are not 0, since shares of few samples are not their expectations. All samples of a group are gammas or none
    is: it is drawn once, with the mean of their gammaness.
    """
    score, limits = np.asarray(gammaness, np.float64), np.asarray(edges, np.float64)
    if not len(score):
        return np.empty(0)
    of = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    mean = np.bincount(of, weights=score) / np.bincount(of)
    numbers, k = _bins(score, limits), len(limits) - 1
    inside = numbers >= 0
    in_bins = csr_array((np.ones(int(inside.sum())), (numbers[inside], of[inside])), shape=(k, len(mean)))
    sums, rng = _sums(score, numbers, k)[:, None], np.random.default_rng(seed)
    step = max(1, min(_DRAWS, _AT_ONCE // len(mean)))
    errors = [
        np.abs(in_bins @ (rng.random((len(mean), min(step, _DRAWS - start))) < mean[:, None]) - sums).sum(axis=0)
        for start in range(0, _DRAWS, step)
    ]
    return np.sort(np.concatenate(errors)) / max(1, int(inside.sum()))


def calibration(sample: Sample) -> Studies:
    """Reliability diagram, and calibration error of all samples and by energy."""
    score = sample.results.gammaness
    if score is None:
        return Studies()
    known = sample.take(np.isfinite(score) & (score >= 0) & (score <= 1))
    gamma = known.results.primary == 0
    if not gamma.any() or gamma.all():
        kind = "gammas" if gamma.any() else "other particles"
        reason = f"the test split has {kind} only" if len(known) else "there is no sample with a gammaness"
        return Studies(missing=[Missing(section=SECTION, title="Reliability", reason=reason)])
    return _diagram(known) + _by_energy(known)


def _diagram(known: Sample) -> Studies:
    score, gamma, shower = _columns(known)
    found = reliability(score, gamma, groups=shower)
    expected = perfect_errors(score, shower)
    chart = Chart(
        id="reliability",
        section=SECTION,
        title="Reliability of gammaness",
        x_label="mean gammaness of the bin",
        y_label="share of gammas",
        series=[
            Series("test split", found.gammaness, found.share, found.low, found.high, found.n, edges=found.edges),
            Series("calibrated", [0, 1], [0, 1], kind="reference"),
        ],
        note=_PRIOR,
        definition="share of gammas among the samples of a bin of gammaness (10 of equal width), over the mean"
        " gammaness of the bin; intervals of 95 % by Clopper and Pearson, images of one shower counting as one",
    )
    median, highest = np.quantile(expected, [0.5, 0.95])
    error = Number(
        id="calibration_error",
        section=SECTION,
        title="expected calibration error",
        value=found.error,
        n=len(known),
        definition="mean over samples of |share of gammas - mean gammaness| of their bins (10 of equal width); a"
        f" perfectly calibrated classifier with the same gammanesses would be found at {median:.4f} (median), and below"
        f" {highest:.4f} in 95 % of the cases",
    )
    brier = Number(
        id="brier_score",
        section=SECTION,
        title="Brier score",
        value=float(np.mean((score - gamma) ** 2)),
        n=len(known),
        definition="mean of (gammaness - 1)^2 of gammas and gammaness^2 of others; always saying the share of gammas"
        f" would give {float(gamma.mean() * (1 - gamma.mean())):.4f}",
    )
    return Studies(items=[chart], numbers=[error, brier])


def _by_energy(known: Sample) -> Studies:
    """The calibration error in bins of predicted energy, which protons have, too."""
    energy = known.results.reco_energy
    if energy is None:
        reason = "no energy was predicted, and the true energy of another particle than a gamma means something else"
        return Studies(missing=[Missing(section=SECTION, title="Calibration error by energy", reason=reason)])
    numbers = bin_numbers(energy, ENERGY_EDGES)
    there = np.unique(numbers[numbers >= 0])
    if not len(there):
        return Studies()
    score, gamma, shower = _columns(known)
    k = len(ENERGY_EDGES) - 1
    error, median, highest, n = (np.full(k, np.nan) for _ in range(4))
    for i in there:
        here = numbers == i
        error[i] = reliability(score[here], gamma[here]).error
        median[i], highest[i] = np.quantile(perfect_errors(score[here], shower[here]), [0.5, 0.95])
        n[i] = np.count_nonzero(here)
    used = slice(int(there[0]), int(there[-1]) + 1)
    centres = np.sqrt(ENERGY_EDGES[:-1] * ENERGY_EDGES[1:])[used]
    counts, edges = np.nan_to_num(n[used]), ENERGY_EDGES[there[0] : there[-1] + 2]
    chart = Chart(
        id="calibration_error_by_energy",
        section=SECTION,
        title="Calibration error by predicted energy",
        x_label="predicted energy [TeV]",
        y_label="expected calibration error",
        series=[
            Series("test split", centres, error[used], n=counts, edges=edges),
            Series("calibrated: median", centres, median[used], kind="reference"),
            Series("calibrated: 95 %", centres, highest[used], kind="reference"),
        ],
        x_log=True,
        note=_PRIOR,
        definition="expected calibration error of the samples of a bin of predicted energy; the references are the"
        f" median and the 95 % quantile of {_DRAWS} draws of a perfect classifier with the same gammanesses",
    )
    return Studies(items=[chart])


def _columns(known: Sample) -> tuple[Floats, NDArray[np.bool_], NDArray[np.generic]]:
    results = known.results
    assert results.gammaness is not None
    return results.gammaness, results.primary == 0, results.shower


__all__ = ["EDGES", "Reliability", "calibration", "perfect_errors", "reliability"]

"""Widths of distributions: half of the range between two quantiles."""

from __future__ import annotations

import numpy as np

from gammalearn_core.results.performance.curve import NOTHING
from gammalearn_core.results.performance.curve import Estimate
from gammalearn_core.results.performance.quantiles import Sample

_DRAWS = 4000
"""Enough for the ends of a 95 % interval to be known to a few hundredths of its width."""


def half_width(sample: Sample, share: float, *, confidence: float) -> Estimate:
    """Half of the range of the central share of a sample.

    The interval is that of order statistics for two quantiles at once: how many of the samples lie below the lower
    quantile, between both and above is multinomial. Numbers are drawn of it (the same in each call), and each draw
    gives two ranks and so a width. Of small samples it is too wide rather than too narrow: of 60 normal draws an
    interval of 68 % has the truth in it 76 times of 100, of 2000 draws 69 times.
    """
    if not sample.n:
        return NOTHING
    below, above = (1 - share) / 2, (1 + share) / 2
    value = (sample.quantile(above) - sample.quantile(below)) / 2
    n = max(1, round(sample.independent))
    rng = np.random.default_rng(n)
    counts = rng.multinomial(n, (below, share, below), size=_DRAWS).astype(np.float64)
    ranks = np.cumsum(counts[:, :2], axis=1) + rng.random((_DRAWS, 1))
    lower, upper = sample.at((ranks / (n + 1)).T.reshape(-1)).reshape(2, -1)
    # A rank beyond the samples bounds nothing: such a width may be any larger one.
    with np.errstate(invalid="ignore"):
        widths = np.nan_to_num((upper - lower) / 2, nan=np.inf, posinf=np.inf)
    tail = (1 - confidence) / 2
    low, high = np.quantile(widths, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(value, _known(low), _known(high), sample.n)


def _known(end: float) -> float:
    return float(end) if np.isfinite(end) else np.nan


__all__ = ["half_width"]

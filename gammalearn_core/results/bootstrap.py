"""Bootstrap by shower: numbers of many samples drawn with replacement, all draws at once.

Showers are drawn, as many as there are (Efron 1979, doi:10.1214/aos/1176344552), and all samples of a shower come with
it: images of one shower are not independent. A draw is told by how often it has each sample.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
"""How often each sample was drawn, a row a draw: (n_draws, n)."""
_AT_ONCE = 2**22
"""Counts that are held at once, about."""


def drawn(groups: NDArray[np.int64], draws: int, seed: int) -> Iterator[Counts]:
    """How often each sample is drawn, some draws at a time; the same whenever the groups are."""
    rng = np.random.default_rng(seed)
    n_groups = int(groups.max()) + 1
    step = max(1, _AT_ONCE // len(groups))
    for start in range(0, draws, step):
        rows = [
            np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
            for _ in range(min(step, draws - start))
        ]
        yield np.stack(rows)[:, groups]


def quantile_of_draws(values: Floats, share: float, counts: Counts) -> Floats:
    """The quantile (R's type 7, numpy's ``linear``) of each draw; NaN of an empty one.

    Examples
    --------
    >>> quantile_of_draws(np.array([1.0, 2.0, 3.0]), 0.5, np.array([[1, 1, 1], [2, 0, 2]])).tolist()
    [2.0, 2.0]
    """
    order = np.argsort(values, kind="stable")
    ordered, ends = values[order], np.cumsum(counts[:, order], axis=1)
    rank = (ends[:, -1] - 1) * share
    found = np.full(len(counts), np.nan)
    for row in np.flatnonzero(ends[:, -1]):
        below = int(np.floor(rank[row]))
        low, high = ordered[np.searchsorted(ends[row], [below, min(below + 1, ends[row, -1] - 1)], side="right")]
        found[row] = low + (high - low) * (rank[row] - below)
    return found


def auc_of_draws(score: Floats, positive: NDArray[np.bool_], counts: Counts) -> Floats:
    """The area under the ROC curve of each draw, ties counting half; NaN where a class is missing.

    Examples
    --------
    >>> score, positive = np.array([0.9, 0.1, 0.5]), np.array([True, False, False])
    >>> auc_of_draws(score, positive, np.array([[1, 1, 1], [1, 0, 0]])).tolist()
    [1.0, nan]
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    of = [np.add.reduceat(counts[:, order] * side[order], starts, axis=1) for side in (positive, ~positive)]
    below = np.cumsum(of[1], axis=1) - of[1]
    pairs = of[0].sum(axis=1) * of[1].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Floats = (of[0] * (below + of[1] / 2)).sum(axis=1) / np.where(pairs, pairs, np.nan)
    return area


__all__ = ["Counts", "auc_of_draws", "drawn", "quantile_of_draws"]

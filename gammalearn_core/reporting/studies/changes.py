"""How much numbers change between two predictions of the same samples, with signs."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from gammalearn_core.results.bootstrap import drawn
from gammalearn_core.results.bootstrap import quantile_of_draws
from gammalearn_core.results.comparing import DRAWS
from gammalearn_core.results.comparing import FEWEST
from gammalearn_core.results.comparing import paired_bootstrap
from gammalearn_core.results.performance import CONFIDENCE
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance.energy import relative_error

_ALL = (0.0, np.inf)
"""One bin of energy."""


@frozen(kw_only=True)
class Paired:
    """A difference with both ends of its interval, NaN of fewer than ten showers, and the samples that it is of."""

    difference: float
    low: float
    high: float
    n: int


def changes_between(one: EventResults, other: EventResults, *, seed: int) -> dict[str, Paired]:
    """Numbers of ``one`` less those of ``other``, by name, with intervals of 95 % by a paired bootstrap over showers.

    Parameters
    ----------
    one, other : EventResults
        Of the same samples in the same order. Those that one of them has no prediction for take no part.
    seed : int
        Of the bootstrap.
    """
    found = {
        c.name: Paired(difference=c.difference, low=c.low, high=c.high, n=c.n)
        for c in paired_bootstrap(one, other, edges=_ALL, seed=seed)["all"]
        if c.better != "nearest 0"  # its difference is that of absolute values
    }
    bias = _change_of_bias(one, other, seed)
    return found if bias is None else found | {"energy_bias": bias}


def _change_of_bias(one: EventResults, other: EventResults, seed: int) -> Paired | None:
    """Of the median of relative errors of the energy."""
    true, first, second = one.true_energy, one.reco_energy, other.reco_energy
    if true is None or first is None or second is None:
        return None
    errors = [relative_error(true, reco) for reco in (first, second)]
    kept = (one.primary == 0) & np.isfinite(errors[0]) & np.isfinite(errors[1])
    if not kept.any():
        return None
    groups = np.unique(one.shower[kept], return_inverse=True)[1].reshape(-1)
    first, second = (e[kept] for e in errors)
    low = high = np.nan
    if groups.max() + 1 >= FEWEST:
        counted = drawn(groups, DRAWS, seed)
        many = [quantile_of_draws(first, 0.5, c) - quantile_of_draws(second, 0.5, c) for c in counted]
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(np.concatenate(many), [tail, 1 - tail])
    difference = float(np.median(first) - np.median(second))
    return Paired(difference=difference, low=float(low), high=float(high), n=len(first))


__all__ = ["Paired", "changes_between"]

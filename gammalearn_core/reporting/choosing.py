"""Which events of the test split are shown: the best, the typical and the worst of what was predicted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import impact_distance

EACH = 4
"""Events of each kind."""
Floats = NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Chosen:
    """Events of one kind.

    Attributes
    ----------
    title, definition : str
    rows : array of int
        Of the predictions.
    """

    title: str
    definition: str
    rows: NDArray[np.int64]


def choose(results: EventResults, each: int = EACH) -> list[Chosen]:
    """Events to show; every event at most once.

    Gammas are ranked by the error of what was predicted of these that comes first: direction, energy, impact point.
    """
    taken: set[int] = set()
    found = []
    for title, definition, order in _orders(results):
        rows = [row for row in order.tolist() if row not in taken][:each]
        taken |= set(rows)
        if rows:
            found.append(Chosen(title=title, definition=definition, rows=np.array(rows, dtype=np.int64)))
    return found


def _orders(results: EventResults) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Title, definition, and rows that are the more so the earlier they come."""
    gamma = results.primary == 0
    error, name = _error(results)
    known = np.flatnonzero(gamma & np.isfinite(error))
    if len(known):
        order = known[np.argsort(error[known], kind="stable")]
        middle = float(np.median(error[known]))
        typical = known[np.argsort(np.abs(error[known] - middle), kind="stable")]
        yield "Best", f"gammas with the smallest {name}", order
        yield "Typical", f"gammas whose {name} is nearest to the median", typical
        yield "Worst", f"gammas with the largest {name}", order[::-1]
    score = results.gammaness
    if score is not None:
        for title, which, sign in (
            ("Taken for something else", "gammas with the lowest gammaness", 1),
            ("Taken for gammas", "other particles with the highest gammaness", -1),
        ):
            wanted = gamma if sign > 0 else results.primary > 0
            rows = np.flatnonzero(wanted & np.isfinite(score))
            yield title, which, rows[np.argsort(sign * score[rows], kind="stable")]


def _error(results: EventResults) -> tuple[Floats, str]:
    """What gammas are ranked by, and its name."""
    angle = results.separation()
    if angle is not None:
        return angle, "angle between true and predicted direction"
    if results.reco_energy is not None and results.true_energy is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(np.log(results.reco_energy / results.true_energy)), "factor between true and predicted energy"
    columns = (results.true_core_x, results.true_core_y, results.reco_core_x, results.reco_core_y)
    cores = [c for c in columns if c is not None]
    if len(cores) == len(columns):
        return impact_distance(*cores), "distance between true and predicted impact point"
    return np.full(len(results), np.nan), ""


__all__ = ["EACH", "Chosen", "choose"]

"""Cuts by reconstructed energy.

A bin with too few gammas has no cut of its own: it takes that of the nearest bin, as do energies outside all bins.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from astropy.table import QTable
from attrs import frozen
from numpy.typing import NDArray
from pyirf.cuts import calculate_percentile_cut
from pyirf.cuts import evaluate_binned_cut

from gammalearn_irf.options import FEW

Mask = NDArray[np.bool_]


@frozen(kw_only=True, eq=False)
class Cuts:
    """Tables with the columns ``low``, ``high``, ``center``, ``n_events``, ``cut`` and ``efficiency``.

    A cut that was taken from another bin has no efficiency.
    """

    gammaness: QTable | None
    """Least gammaness; None if it was not predicted."""
    theta: QTable | None
    """Largest angle to the source; None if no direction was predicted."""

    def passing_gammaness(self, events: QTable) -> Mask:
        """Events that the first cut keeps; all if there is none."""
        return _passing(events, "gh_score", self.gammaness, operator.ge)

    def passing(self, events: QTable) -> Mask:
        """Events that both cuts keep."""
        return self.passing_gammaness(events) & _passing(events, "theta", self.theta, operator.le)

    def filled(self) -> Cuts:
        """With a cut in every bin, as long as there is one in any."""
        return Cuts(gammaness=_filled(self.gammaness), theta=_filled(self.theta))


def _filled(cut: QTable | None) -> QTable | None:
    if cut is None or not np.any(cut["n_events"] >= FEW):
        return cut
    known = np.flatnonzero(cut["n_events"] >= FEW)
    rows = np.arange(len(cut))
    nearest = known[np.argmin(np.abs(rows[:, None] - known), axis=1)]
    made = cut.copy()
    made["cut"] = cut["cut"][nearest]
    made["efficiency"] = np.where(np.isin(rows, known), cut["efficiency"], np.nan)
    return made


def _passing(events: QTable, column: str, cut: QTable | None, op: Any) -> Mask:
    if cut is None:
        return np.ones(len(events), dtype=bool)
    ends = cut["low"][0], cut["high"][-1] * (1 - 1e-12)
    passing: Mask = evaluate_binned_cut(events[column], np.clip(events["reco_energy"], *ends), cut, op)
    return passing


def make_cuts(gammas: QTable, edges: Any, *, gamma_efficiency: float, theta_efficiency: float) -> Cuts:
    """Cuts that keep these shares of the gammas in each bin, in theta of those that the gammaness cut keeps; else NaN.

    Parameters
    ----------
    gammas : QTable
        With ``reco_energy``, and ``gh_score`` and ``theta`` if they were predicted.
    edges : Quantity
        Of bins in reconstructed energy.
    """
    gammaness = theta = None
    if "gh_score" in gammas.colnames:
        gammaness = _percentile(gammas, "gh_score", edges, 1 - gamma_efficiency)
        gammaness["efficiency"] = gamma_efficiency
        gammas = gammas[_passing(gammas, "gh_score", gammaness, operator.ge)]
    if "theta" in gammas.colnames:
        theta = _percentile(gammas, "theta", edges, theta_efficiency)
        theta["efficiency"] = theta_efficiency
    return Cuts(gammaness=gammaness, theta=theta)


def _percentile(gammas: QTable, column: str, edges: Any, share: float) -> QTable:
    values = gammas[column]
    nothing = np.nan if values.unit is None else np.nan * values.unit
    return calculate_percentile_cut(
        values, gammas["reco_energy"], edges, fill_value=nothing, percentile=100 * share, min_events=FEW
    )


def best_of(candidates: list[Cuts], chosen: NDArray[np.int64]) -> Cuts:
    """In each bin the cuts of the chosen candidate."""
    return Cuts(
        gammaness=_rows([c.gammaness for c in candidates], chosen), theta=_rows([c.theta for c in candidates], chosen)
    )


def _rows(tables: list[QTable], chosen: NDArray[np.int64]) -> QTable:
    made = tables[0].copy()
    for number, candidate in enumerate(chosen):
        made[number] = tables[candidate][number]
    return made


__all__ = ["Cuts", "Mask", "best_of", "make_cuts"]

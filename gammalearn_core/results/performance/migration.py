"""Migration matrix: where energies go."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.results.performance.bins import ENERGY_EDGES
from gammalearn_core.results.performance.bins import bin_numbers
from gammalearn_core.results.performance.curve import Floats
from gammalearn_core.results.performance.quantiles import checked_weights


@frozen(kw_only=True, eq=False)
class Migration:
    """Shares of the samples of each bin of true energy that are in each bin of predicted energy.

    Attributes
    ----------
    true_edges, reco_edges : array of float
        TeV.
    value : array of float, (reco bins, true bins)
        A column sums to 1, or to less if predictions lie outside all bins; NaN where there are no samples.
    n : array of int, (true bins,)
        Samples of each column.
    """

    true_edges: Floats
    reco_edges: Floats
    value: Floats
    n: NDArray[np.int64]

    def to_dict(self) -> dict[str, Any]:
        """Fields by name, arrays as lists."""
        return {
            "unit": "",
            "x_unit": "TeV",
            "true_edges": self.true_edges.tolist(),
            "reco_edges": self.reco_edges.tolist(),
            "value": self.value.tolist(),
            "n": self.n.tolist(),
            "definition": DEFINITION,
        }


def migration_matrix(
    true_energy: ArrayLike,
    reco_energy: ArrayLike,
    *,
    true_edges: ArrayLike = ENERGY_EDGES,
    reco_edges: ArrayLike = ENERGY_EDGES,
    weights: ArrayLike | None = None,
) -> Migration:
    """Shares by bins of predicted energy (rows) and true energy (columns).

    Examples
    --------
    >>> edges = [0.1, 1, 10, 100]
    >>> matrix = migration_matrix([0.2, 0.3, 2.0], [0.2, 2.0, 2.0], true_edges=edges, reco_edges=edges)
    >>> matrix.value.tolist(), matrix.n.tolist()
    ([[0.5, 0.0, nan], [0.5, 1.0, nan], [0.0, 0.0, nan]], [2, 1, 0])
    """
    given = checked_weights(weights, len(np.asarray(true_energy)))
    columns, rows = bin_numbers(true_energy, true_edges), bin_numbers(reco_energy, reco_edges)
    n_rows, n_columns = len(np.asarray(reco_edges)) - 1, len(np.asarray(true_edges)) - 1
    known = (columns >= 0) & (given > 0)
    total = np.bincount(columns[known], weights=given[known], minlength=n_columns)
    both = known & (rows >= 0)
    sums = np.bincount(
        rows[both] * n_columns + columns[both], weights=given[both], minlength=n_rows * n_columns
    ).reshape(n_rows, n_columns)
    with np.errstate(invalid="ignore"):
        value = sums / total
    return Migration(
        true_edges=np.asarray(true_edges, dtype=np.float64),
        reco_edges=np.asarray(reco_edges, dtype=np.float64),
        value=value,
        n=np.bincount(columns[known], minlength=n_columns),
    )


DEFINITION = (
    "share of the gammas of a bin of true energy (column) whose predicted energy is in a bin (row); what is outside of"
    " all rows is missing from the sum"
)

__all__ = ["Migration", "migration_matrix"]

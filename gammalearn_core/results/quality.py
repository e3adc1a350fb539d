"""What predictions are worth: the numbers behind metrics, each with its convention. Empty input gives NaN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

SIGMA = 0.6827
"""Share of a normal distribution within one standard deviation."""


def quantile(values: NDArray[np.float64], share: float) -> float:
    """A quantile, or NaN if there are no values. Infinite ones may give NaN, too."""
    with np.errstate(invalid="ignore"):
        return float(np.quantile(values, share)) if len(values) else float("nan")


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Probability that a positive has a higher score than a negative, ties counting half; NaN without either.

    The Mann-Whitney statistic, which is the area under the ROC curve (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747). An inverted classifier gives less than 0.5 and is not turned round.
    """
    n_positive = int(np.count_nonzero(positive))
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def energy_errors(reco: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, float]:
    """Bias and resolution of energies (TeV), relative, by the conventions of CTA and of pyirf."""
    relative = reco / true - 1
    half_width = (quantile(relative, (1 + SIGMA) / 2) - quantile(relative, (1 - SIGMA) / 2)) / 2
    return {
        "bias": quantile(relative, 0.5),
        "resolution_cta": quantile(np.abs(relative), SIGMA),
        "resolution_pyirf": half_width,
        "n": float(len(relative)),
    }


def angular_errors(separation: NDArray[np.float64]) -> dict[str, float]:
    """Containment radii of angular separations, deg."""
    return {
        "resolution": quantile(separation, SIGMA),
        "median": quantile(separation, 0.5),
        "n": float(len(separation)),
    }


__all__ = ["SIGMA", "angular_errors", "auc", "energy_errors", "quantile"]

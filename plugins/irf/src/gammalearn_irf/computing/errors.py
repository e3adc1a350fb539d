"""Statistical errors (one standard deviation) of what is measured of a limited number of simulated events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyirf.benchmarks.energy_bias_resolution import NORM_LOWER_SIGMA
from pyirf.benchmarks.energy_bias_resolution import NORM_UPPER_SIGMA
from pyirf.binning import calculate_bin_indices

Error = Callable[[NDArray[np.float64]], float]


def quantile_error(values: NDArray[np.float64], share: float) -> float:
    """Of a quantile: half of the distance between those a binomial standard deviation below and above.

    Examples
    --------
    >>> round(quantile_error(np.linspace(0, 1, 10_001), 0.5), 3)
    0.005
    """
    step = np.sqrt(share * (1 - share) / len(values))
    low, high = np.quantile(values, np.clip([share - step, share + step], 0, 1))
    return float(high - low) / 2


def width_error(values: NDArray[np.float64]) -> float:
    """Of half the distance between the quantiles at one standard deviation, which are correlated."""
    low, high = (quantile_error(values, share) for share in (NORM_LOWER_SIGMA, NORM_UPPER_SIGMA))
    correlation = NORM_LOWER_SIGMA / NORM_UPPER_SIGMA
    return float(np.sqrt(low**2 + high**2 - 2 * correlation * low * high)) / 2


def by_bin(values: NDArray[np.float64], energy: Any, edges: Any, error: Error) -> NDArray[np.float64]:
    """The error in each bin of energy; NaN in bins with fewer than two events."""
    numbers, _ = calculate_bin_indices(energy, edges)
    found = np.full(len(edges) - 1, np.nan)
    for number in range(len(found)):
        inside = values[numbers == number]
        if len(inside) > 1:
            found[number] = error(inside)
    return found


def share_error(kept: NDArray[Any], of: NDArray[Any]) -> NDArray[np.float64]:
    """Of a share of showers, relative to it; NaN where nothing is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.sqrt(np.maximum(1 - kept / of, 0) / kept)
    return np.where(np.asarray(kept) > 0, relative, np.nan)


__all__ = ["by_bin", "quantile_error", "share_error", "width_error"]

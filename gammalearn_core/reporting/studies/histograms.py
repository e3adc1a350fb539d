"""Histograms of samples, each normalised to its own samples, so that shapes can be compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from gammalearn_core.builtin.targets.particle import IDS
from gammalearn_core.reporting.charts import Series

Floats = NDArray[np.float64]
_NAMES = {number: name for name, number in IDS.items()}
_NICE = (1.0, 2.0, 5.0)


def particle(primary: int) -> str:
    """Name of a primary particle, or its number.

    Examples
    --------
    >>> particle(101), particle(3)
    ('proton', 'primary 3')
    """
    return _NAMES.get(int(primary), f"primary {int(primary)}")


def by_particle(values: ArrayLike, primary: ArrayLike) -> dict[str, Floats]:
    """Finite values of each particle, gammas first."""
    numbers, kinds = np.asarray(values, dtype=np.float64), np.asarray(primary)
    finite = np.isfinite(numbers)
    return {particle(p): numbers[finite & (kinds == p)] for p in np.unique(kinds[kinds >= 0])}


def shares(label: str, values: ArrayLike, edges: ArrayLike) -> Series:
    """Share of the samples that is in each bin: of all samples, also of those outside; the last edge is in its bin.

    Examples
    --------
    >>> shares("gamma", [0.1, 0.2, 0.9, 7.0], [0, 0.5, 1]).y
    (0.5, 0.25)
    """
    numbers = np.asarray(values, dtype=np.float64)
    counts = np.histogram(numbers, np.asarray(edges, dtype=np.float64))[0]
    heights = counts / len(numbers) if len(numbers) else np.full(len(counts), np.nan)
    return Series(label, edges, heights, n=counts, kind="steps")  # type: ignore[arg-type]


def shares_of_all(samples: Mapping[str, Floats], edges: ArrayLike) -> list[Series]:
    """One histogram for each that has a sample, with its number of samples in the label."""
    return [shares(f"{name} ({len(values)})", values, edges) for name, values in samples.items() if len(values)]


def range_of(samples: Mapping[str, Floats], *, tail: float = 0.001) -> tuple[float, float] | None:
    """Limits that are round numbers and leave out at most about this share of each of the samples on each side.

    None if there is no value, or only one.

    Examples
    --------
    >>> range_of({"a": np.linspace(0.0, 93.0, 1001)})
    (0.0, 100.0)
    """
    known = [v for v in samples.values() if len(v)]
    if not known:
        return None
    low = min(float(np.quantile(v, tail)) for v in known)
    high = max(float(np.quantile(v, 1 - tail)) for v in known)
    if not high > low:
        return None
    power = 10.0 ** np.floor(np.log10(high - low))
    step = min((f * p for p in (power / 10, power) for f in _NICE), key=lambda s: abs(np.log((high - low) / s / 10)))
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)


def upper_limit(values: ArrayLike, *, share: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that this share of positive values is below; 1 of none."""
    numbers = np.asarray(values, dtype=np.float64)
    wanted = float(np.quantile(numbers, share)) if len(numbers) else 0.0
    if not (np.isfinite(wanted) and wanted > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(f * power for f in (*_NICE, 10.0) if wanted <= f * power * (1 + 1e-12)))


__all__ = ["by_particle", "particle", "range_of", "shares", "shares_of_all", "upper_limit"]

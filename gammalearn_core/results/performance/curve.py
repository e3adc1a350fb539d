"""`Estimate`, a number with its interval, and `Curve`, such numbers by bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import ArrayLike
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _floats(values: ArrayLike) -> Floats:
    """An array of its own that cannot be written to; None, which is JSON's NaN, is NaN again."""
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def _counts(values: ArrayLike) -> NDArray[np.int64]:
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


@frozen
class Estimate:
    """A number, both ends of its confidence interval, and the samples that it is of.

    NaN stands for what cannot be known: the value of no samples, an end that lies beyond the samples.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Fields by name."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


NOTHING = Estimate(np.nan, np.nan, np.nan, 0)
"""What is known of no samples."""


@frozen(kw_only=True, eq=False)
class Curve:
    """A quantity by bins of another, with confidence intervals.

    Bins are half-open: a value belongs to bin ``i`` if ``edges[i] <= value < edges[i + 1]``. The last edge belongs to
    no bin. A bin without samples has ``n`` 0 and NaN for the rest.

    Attributes
    ----------
    name : str
        Of the quantity with its convention: ``energy_resolution_cta``.
    quantity : str
        What is on the axis: ``energy resolution``.
    unit : str
        Of ``value``, ``low`` and ``high``; empty for plain numbers.
    x, x_unit : str
        What the bins are of: ``true_energy`` or ``reco_energy``, in TeV; ``telescopes``, a count without unit.
    edges : array of float, (n + 1,)
    value, low, high : array of float, (n,)
        The quantity and both ends of its two-sided interval.
    n : array of int, (n,)
        Samples.
    confidence : float
        Level of the interval.
    definition : str
        What the quantity is, in words.

    Examples
    --------
    >>> curve = Curve(
    ...     name="median", quantity="median", x="true_energy", x_unit="TeV", edges=[0.1, 1, 10],
    ...     value=[0.2, None], low=[0.1, None], high=[0.3, None], n=[17, 0],
    ... )
    >>> curve.value.tolist(), curve.centres.round(3).tolist()
    ([0.2, nan], [0.316, 3.162])
    """

    name: str
    quantity: str
    unit: str = ""
    x: str
    x_unit: str = ""
    edges: Floats = field(converter=_floats)
    value: Floats = field(converter=_floats)
    low: Floats = field(converter=_floats)
    high: Floats = field(converter=_floats)
    n: NDArray[np.int64] = field(converter=_counts)
    confidence: float = 0.95
    definition: str = ""

    def __attrs_post_init__(self) -> None:
        sizes = {len(self.edges) - 1, *(len(a) for a in (self.value, self.low, self.high, self.n))}
        if len(sizes) != 1:
            raise ValueError(f"{self.name}: {len(self.edges)} edges do not fit {len(self.value)} values")

    @property
    def centres(self) -> Floats:
        """Middles of the bins: geometric means of the edges of energies, means of those of counts."""
        low, high = self.edges[:-1], self.edges[1:]
        middle: Floats = np.sqrt(low * high) if self.x_unit else (low + high) / 2
        return middle

    def to_dict(self) -> dict[str, Any]:
        """Fields by name, arrays as lists: what ``metrics.json`` holds."""
        return {
            "name": self.name,
            "quantity": self.quantity,
            "unit": self.unit,
            "x": self.x,
            "x_unit": self.x_unit,
            "edges": self.edges.tolist(),
            "value": self.value.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "n": self.n.tolist(),
            "confidence": self.confidence,
            "definition": self.definition,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Curve:
        """A curve of what `to_dict` gave, or of that read back from JSON."""
        return cls(**fields)


__all__ = ["NOTHING", "Curve", "Estimate", "Floats"]

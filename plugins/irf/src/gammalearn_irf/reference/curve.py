"""`ReferenceCurve`: numbers of somebody else's, and whose they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from collections.abc import Mapping
from math import exp
from math import log
from typing import Any

import attrs
from attrs import field
from attrs import frozen

QUANTITIES = (
    "angular_resolution",
    "effective_area",
    "energy_bias",
    "energy_resolution",
    "energy_resolution_median",
    "sensitivity",
)
"""What curves are of. An energy resolution is about 0, with the bias in it, or about the median, without."""


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@frozen(kw_only=True)
class ReferenceCurve:
    """A quantity by energy."""

    name: str
    """Of the set that it belongs to: the instrument and how its data are analysed."""
    version: str
    citation: str
    licence: str
    acknowledgement: str
    """What publications that use it are asked to say; empty if nothing."""
    source: str
    """Where the numbers were taken from."""
    conditions: str
    """Telescopes, zenith angle, offset."""
    quantity: str = field(validator=attrs.validators.in_(QUANTITIES))
    definition: str
    cuts: str
    """Empty if the definition or the conditions say it."""
    unit: str
    """Empty for plain numbers."""
    energy_unit: str
    energy: tuple[float, ...] = field(converter=_numbers)
    value: tuple[float, ...] = field(converter=_numbers)

    def __attrs_post_init__(self) -> None:
        if len(self.energy) != len(self.value) or any(
            b <= a for a, b in zip(self.energy, self.energy[1:], strict=False)
        ):
            raise ValueError(f"{self.name}, {self.quantity}: energies must ascend and each have a value")

    @classmethod
    def of_set(cls, content: Mapping[str, Any]) -> Iterator[ReferenceCurve]:
        """The curves of a file in ``curves``."""
        shared = {name: value for name, value in content.items() if name not in ("schema", "curves")}
        for curve in content["curves"]:
            yield cls(**shared, **curve)

    @property
    def label(self) -> str:
        """Name, version, and share of gammas that cuts keep, as far as they are told."""
        share = self.cuts.partition(" of ")[0]
        return ", ".join(filter(None, [self.name, self.version.partition(",")[0], share]))

    def at(self, energy: float) -> float:
        """The value at an energy (TeV), between neighbours linear in the logarithms of both, NaN outside.

        Examples
        --------
        >>> from gammalearn_irf.reference import curves
        >>> curve = next(c for c in curves() if c.name == "CTA performance North" and c.quantity == "sensitivity")
        >>> f"{curve.at(1.0):.2e}"
        '1.35e-13'
        """
        x, y = self.energy, self.value
        if not x[0] <= energy <= x[-1]:
            return float("nan")
        right = min(bisect_right(x, energy), len(x) - 1)
        share = log(energy / x[right - 1]) / log(x[right] / x[right - 1])
        ends = y[right - 1], y[right]
        if min(ends) <= 0:
            return ends[0] + share * (ends[1] - ends[0])
        return exp(log(ends[0]) + share * log(ends[1] / ends[0]))


__all__ = ["QUANTITIES", "ReferenceCurve"]

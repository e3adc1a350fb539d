"""What can hit the atmosphere, and what is thrown of it unless one says otherwise. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen


@frozen(kw_only=True)
class Primary:
    """A particle, and defaults with which a training set of it is made in minutes."""

    number: int
    """Of ctapipe's ``true_shower_primary_id``."""
    energy_range: tuple[float, float]
    """In TeV: from where arrays begin to trigger to where showers are rare and slow."""
    margin: float
    """Metres that the circle of cores is larger than the array."""


PRIMARIES: Mapping[str, Primary] = MappingProxyType(
    {
        "gamma": Primary(number=0, energy_range=(0.05, 50.0), margin=400.0),
        "electron": Primary(number=1, energy_range=(0.05, 50.0), margin=400.0),
        "proton": Primary(number=101, energy_range=(0.1, 100.0), margin=500.0),
    }
)
VIEWCONE = 3.0
"""Of all, in deg: a network learns directions in the whole field of view, and cannot tell gammas by theirs."""

__all__ = ["PRIMARIES", "VIEWCONE", "Primary"]

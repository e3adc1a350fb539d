"""`Sample`: the events of one particle."""

from __future__ import annotations

from pathlib import Path

from astropy.table import QTable
from attrs import frozen
from pyirf.simulations import SimulatedEventsInfo

GAMMA = 0
ELECTRON = 1
PROTON = 101
NAMES = {GAMMA: "gamma", ELECTRON: "electron", PROTON: "proton"}


@frozen(kw_only=True, eq=False)
class Sample:
    """What was simulated of a particle, and what was predicted."""

    primary: int
    events: QTable
    """Of events that have all predictions: ``true_energy``, ``true_source_fov_offset``, and of what was predicted
    ``reco_energy``, ``reco_source_fov_offset``, ``theta``, ``gh_score``."""
    thrown: SimulatedEventsInfo
    triggered: int
    """Events that have a row, predicted or not."""
    files: tuple[Path, ...]
    algorithms: dict[str, str]

    @property
    def name(self) -> str:
        """Of the particle."""
        return NAMES.get(self.primary, f"primary {self.primary}")

    def knows(self, *kinds: str) -> bool:
        """Whether these were predicted."""
        return all(kind in self.algorithms for kind in kinds)


__all__ = ["ELECTRON", "GAMMA", "NAMES", "PROTON", "Sample"]

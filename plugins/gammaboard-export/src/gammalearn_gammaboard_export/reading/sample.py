"""`Sample`: predicted events of gammas, or of all that is not gamma."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_gammaboard_export.reading.tables import Floats
from gammalearn_gammaboard_export.reading.thrown import Thrown

GAMMA = 0
PROTON = 101
TRUTH = {"true_energy": "TeV", "true_alt": "deg", "true_az": "deg", "true_core_x": "m", "true_core_y": "m"}
KINDS = {
    "energy": ("reco_energy",),
    "direction": ("reco_alt", "reco_az"),
    "impact": ("reco_core_x", "reco_core_y"),
    "gammaness": ("gammaness",),
}
"""What can be predicted, and its columns: TeV, deg, m."""


@frozen(kw_only=True, eq=False)
class Sample:
    """Events that have all predictions that the run makes, and their truth."""

    primaries: tuple[int, ...]
    columns: dict[str, Floats]
    """Truth (`TRUTH`), and of what was predicted the columns of `KINDS`."""
    ids: dict[str, NDArray[np.int64]]
    """``obs_id``, ``event_id``, and ``tel_id`` if each event was seen by one telescope."""
    triggered: Floats
    """True energies of all events that triggered, TeV, predicted or not."""
    thrown: Thrown | str
    """What was simulated, or why that is not known."""
    camera: str
    """Of the telescope; empty if it is not known, or there are several."""
    files: tuple[Path, ...]

    def knows(self, kind: str) -> bool:
        """Whether this was predicted."""
        return all(name in self.columns for name in KINDS[kind])

    def __len__(self) -> int:
        return len(self.columns["true_energy"])


__all__ = ["GAMMA", "KINDS", "PROTON", "TRUTH", "Sample"]

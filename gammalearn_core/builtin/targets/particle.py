"""The primary particle of a shower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gammalearn_core.data.table import Columns

IDS = {
    "gamma": 0,
    "electron": 1,
    "muon": 2,
    "proton": 101,
    "helium": 402,
    "nitrogen": 1407,
    "silicon": 2814,
    "iron": 5626,
}
"""Numbers that sim_telarray and ctapipe give to primaries: 100 A + Z for nuclei."""


class Particle:
    """Learned as a class. A primary that is not among the classes has no truth, and `check` refuses it.

    Parameters
    ----------
    classes : sequence of str or int
        Primaries, by name or number; ``gamma`` must be one of them. The order is that of the network's scores.

    Examples
    --------
    >>> codec = Particle(classes=["gamma", "proton"])
    >>> codec.encode({"true_shower_primary_id": np.array([101, 0, 1])}).tolist()
    [1, 0, -1]
    >>> codec.decode(np.array([[0.0, 0.0]]), {})["prediction"].tolist()
    [0.5]
    """

    def __init__(self, classes: Sequence[str | int] = ("gamma", "proton")) -> None:
        unknown = [c for c in classes if isinstance(c, str) and c not in IDS]
        if unknown:
            raise ValueError(
                f"classes: no primary is called {unknown[0]!r}; known are {', '.join(IDS)}, or give the number"
            )
        names = {number: name for name, number in IDS.items()}
        self.ids = tuple(IDS[c] if isinstance(c, str) else int(c) for c in classes)
        self.classes = tuple(names.get(i, str(i)) for i in self.ids)
        if 0 not in self.ids or len(set(self.ids)) < max(2, len(self.ids)):
            raise ValueError(f"classes must be at least two different primaries, gamma among them, got {list(classes)}")

    @property
    def numbers(self) -> tuple[str, ...]:
        """What the numbers are."""
        return tuple(f"score of {name}" for name in self.classes)

    @property
    def decoding(self) -> str:
        """What they mean."""
        return f"probabilities of the classes: softmax; gammaness is number {self.ids.index(0)} of them, from 0"

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.ids)

    def encode(self, events: Columns) -> NDArray[np.int64]:
        """Class numbers, (n,); -1 for other primaries."""
        primary = np.asarray(events["true_shower_primary_id"])
        encoded = np.full(primary.shape, -1, dtype=np.int64)
        for number, particle in enumerate(self.ids):
            encoded[primary == particle] = number
        return encoded

    def decode(self, prediction: NDArray[Any], events: Columns) -> dict[str, NDArray[np.float64]]:
        """``prediction``: gammaness, the probability of a gamma."""
        probabilities = softmax(prediction.astype(np.float64), axis=1) if len(prediction) else prediction
        return {"prediction": probabilities[:, self.ids.index(0)].astype(np.float64)}


__all__ = ["IDS", "Particle"]

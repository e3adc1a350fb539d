"""The energy of a shower."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import Columns


class Energy:
    """Learned as the decadic logarithm of the energy in TeV.

    Examples
    --------
    >>> codec = Energy()
    >>> codec.encode({"true_energy": np.array([0.1, 10.0])}).tolist()
    [[-1.0], [1.0]]
    >>> codec.decode(np.array([[1.0]]), {})["energy"].tolist()
    [10.0]
    """

    size = 1
    classes: tuple[str, ...] = ()
    numbers = ("log10(energy / TeV)",)
    decoding = "energy in TeV: 10 ** number"

    def encode(self, events: Columns) -> NDArray[np.float32]:
        """``log10(E / TeV)``, (n, 1); NaN where the energy is missing or not positive."""
        energy = np.asarray(events["true_energy"], dtype=np.float64)
        logarithm = np.log10(energy, out=np.full(energy.shape, np.nan), where=energy > 0)
        return logarithm[:, None].astype(np.float32)

    def decode(self, prediction: NDArray[Any], events: Columns) -> dict[str, NDArray[np.float64]]:
        """``energy``, TeV."""
        with np.errstate(over="ignore"):
            return {"energy": 10.0 ** prediction[:, 0].astype(np.float64)}

    def decode_uncertainty(
        self, prediction: NDArray[Any], uncertainty: NDArray[Any], events: Columns
    ) -> dict[str, NDArray[np.float64]]:
        """``energy_uncert``, TeV: the energy times the uncertainty of its natural logarithm."""
        with np.errstate(over="ignore"):
            energy = self.decode(prediction, events)["energy"]
            return {"energy_uncert": energy * np.log(10) * uncertainty[:, 0].astype(np.float64)}


__all__ = ["Energy"]

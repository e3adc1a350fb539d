"""The point that a shower's axis meets the ground at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import Columns

METRES = 100.0
"""One unit of what is learned, m."""


class Impact:
    """Learned as the place ``(x, y)`` on the ground, from the origin of the array, in hundreds of metres.

    The frame is ctapipe's ground frame: x to the north, y to the west.

    Examples
    --------
    >>> codec = Impact()
    >>> codec.encode({"true_core_x": np.array([-50.0]), "true_core_y": np.array([200.0])}).tolist()
    [[-0.5, 2.0]]
    >>> {name: value.tolist() for name, value in codec.decode(np.array([[-0.5, 2.0]]), {}).items()}
    {'core_x': [-50.0], 'core_y': [200.0]}
    """

    size = 2
    classes: tuple[str, ...] = ()
    numbers = ("core_x / 100 m", "core_y / 100 m")
    decoding = (
        "place on the ground in ctapipe's ground frame, from the origin of the array: x to the north, y to the west"
    )

    def encode(self, events: Columns) -> NDArray[np.float32]:
        """``(x, y)``, 100 m, (n, 2)."""
        place = np.column_stack([events["true_core_x"], events["true_core_y"]])
        return (place.astype(np.float64) / METRES).astype(np.float32)

    def decode(self, prediction: NDArray[Any], events: Columns) -> dict[str, NDArray[np.float64]]:
        """``core_x`` and ``core_y``, m."""
        x, y = prediction.astype(np.float64).T * METRES
        return {"core_x": x, "core_y": y}

    def decode_uncertainty(
        self, prediction: NDArray[Any], uncertainty: NDArray[Any], events: Columns
    ) -> dict[str, NDArray[np.float64]]:
        """``core_uncert_x`` and ``core_uncert_y``, m."""
        x, y = uncertainty.astype(np.float64).T * METRES
        return {"core_uncert_x": x, "core_uncert_y": y}


__all__ = ["METRES", "Impact"]

"""The direction that a shower came from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import to_offset
from gammalearn_core.data.table import Columns


class Direction:
    """Learned as the offset ``(fov_lon, fov_lat)`` from the pointing, in degrees, in ctapipe's telescope frame.

    Examples
    --------
    >>> codec = Direction()
    >>> pointing = {"pointing_alt": np.array([70.0]), "pointing_az": np.array([0.0])}
    >>> codec.encode({"true_alt": np.array([71.0]), "true_az": np.array([0.0]), **pointing}).round(6).tolist()
    [[0.0, 1.0]]
    >>> {name: value.round(6).tolist() for name, value in codec.decode(np.array([[0.0, 1.0]]), pointing).items()}
    {'alt': [71.0], 'az': [0.0]}
    """

    size = 2
    classes: tuple[str, ...] = ()

    def encode(self, events: Columns) -> NDArray[np.float32]:
        """``(fov_lon, fov_lat)``, deg, (n, 2)."""
        lon, lat = to_offset(events["true_alt"], events["true_az"], events["pointing_alt"], events["pointing_az"])
        return np.column_stack([lon, lat]).astype(np.float32)

    def decode(self, prediction: NDArray[Any], events: Columns) -> dict[str, NDArray[np.float64]]:
        """``alt`` and ``az``, deg."""
        alt, az = from_offset(prediction[:, 0], prediction[:, 1], events["pointing_alt"], events["pointing_az"])
        return {"alt": alt, "az": az}


__all__ = ["Direction"]

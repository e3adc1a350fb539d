"""The direction that a shower came from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.sky import from_offset
from gammalearn_core.data.sky import to_offset
from gammalearn_core.data.table import Columns

_STEP = 1e-3
"""deg; half of what derivatives are taken over."""


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
    numbers = ("fov_lon / deg", "fov_lat / deg")
    decoding = (
        "spherical offset from where the telescope (or the array) points, in ctapipe's TelescopeFrame (NominalFrame),"
        " an astropy SkyOffsetFrame: fov_lon grows with azimuth, fov_lat with altitude"
    )

    def encode(self, events: Columns) -> NDArray[np.float32]:
        """``(fov_lon, fov_lat)``, deg, (n, 2)."""
        lon, lat = to_offset(events["true_alt"], events["true_az"], events["pointing_alt"], events["pointing_az"])
        return np.column_stack([lon, lat]).astype(np.float32)

    def decode(self, prediction: NDArray[Any], events: Columns) -> dict[str, NDArray[np.float64]]:
        """``alt`` and ``az``, deg."""
        alt, az = from_offset(prediction[:, 0], prediction[:, 1], events["pointing_alt"], events["pointing_az"])
        return {"alt": alt, "az": az}

    def decode_uncertainty(
        self, prediction: NDArray[Any], uncertainty: NDArray[Any], events: Columns
    ) -> dict[str, NDArray[np.float64]]:
        """``alt_uncert`` and ``az_uncert``, deg: propagated linearly, of components whose errors are independent."""
        squares = {"alt_uncert": np.zeros(len(prediction)), "az_uncert": np.zeros(len(prediction))}
        for number in range(self.size):
            step = np.zeros_like(prediction, dtype=np.float64)
            step[:, number] = _STEP
            ends = [self.decode(prediction + sign * step, events) for sign in (1, -1)]
            change = {name: ends[0][name] - ends[1][name] for name in ("alt", "az")}
            change["az"] = (change["az"] + 180) % 360 - 180
            for name, value in change.items():
                squares[f"{name}_uncert"] += (value / (2 * _STEP) * uncertainty[:, number]) ** 2
        return {name: np.sqrt(value) for name, value in squares.items()}


__all__ = ["Direction"]

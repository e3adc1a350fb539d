"""Cut on the distance of a telescope from the axis of the shower."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.range import Range
from gammalearn_core.data.table import EventTable

_DISTANCE = "true_impact_distance"
_AXIS = ("true_core_x", "true_core_y", "true_alt", "true_az")
_TELESCOPE = ("tel_pos_x", "tel_pos_y", "tel_pos_z")


class Impact(Range):
    """Keeps images of showers whose axis passes the telescope in a range of distances.

    The distance is perpendicular to the axis: that of the file or, if it only has positions of telescopes, as lstchain
    files do, what follows from these, the impact point and the direction.

    Parameters
    ----------
    minimum, maximum : float
        Bounds of the true impact distance, included, m.

    Examples
    --------
    >>> Impact(maximum=200)(EventTable({"true_impact_distance": np.array([50.0, 300.0])}, 2)).tolist()
    [True, False]
    """

    columns = tuple((_DISTANCE, name) for name in (*_TELESCOPE, *_AXIS))
    advice = "the files have neither the table /simulation/event/telescope/impact nor positions of telescopes"

    def quantity(self, events: EventTable) -> NDArray[Any]:
        """Distance of each telescope from the axis, m."""
        if _DISTANCE in events:
            return events[_DISTANCE]
        x, y, alt, az = (np.asarray(events[name], dtype=np.float64) for name in _AXIS)
        to_telescope = np.column_stack([events[name] for name in _TELESCOPE]).astype(np.float64)
        to_telescope[:, 0] -= x
        to_telescope[:, 1] -= y
        return np.asarray(np.linalg.norm(np.cross(to_telescope, _direction(alt, az)), axis=1))


def _direction(alt: NDArray[np.float64], az: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (n, 3) in the ground frame, whose x points north and y west, while azimuths grow to the east."""
    alt, az = np.radians(alt), np.radians(az)
    return np.column_stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)])


__all__ = ["Impact"]

"""Cuts that keep some of several kinds: telescopes, types of events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import EventTable
from gammalearn_core.plugin.names import suggest

EVENT_TYPES = {
    "flatfield": 0,
    "single_pe": 1,
    "pedestal": 2,
    "dark_pedestal": 3,
    "electronic_pedestal": 4,
    "sky_pedestal": 5,
    "other_calibration": 15,
    "muon": 16,
    "hardware_stereo": 17,
    "random_mono": 18,
    "daq": 24,
    "subarray": 32,
    "long_event": 33,
    "unknown": 255,
}
"""Numbers that ctapipe gives to types of events."""


class Telescopes:
    """Keeps images of some telescopes.

    Parameters
    ----------
    tel_ids : sequence of int

    Examples
    --------
    >>> Telescopes([1, 4])(EventTable({"tel_id": np.array([1, 2, 4])}, 3)).tolist()
    [True, False, True]
    """

    columns = ("tel_id",)

    def __init__(self, tel_ids: Sequence[int]) -> None:
        self.tel_ids = _not_empty(tel_ids, "tel_ids")

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        return np.isin(events["tel_id"], self.tel_ids)


class EventType:
    """Keeps events of some types.

    Parameters
    ----------
    types : sequence of str or int
        By name (``"subarray"`` for showers, ``"flatfield"``, …) or number.

    Examples
    --------
    >>> EventType(["subarray"])(EventTable({"event_type": np.array([32, 0])}, 2)).tolist()
    [True, False]
    """

    columns = ("event_type",)

    def __init__(self, types: Sequence[str | int] = ("subarray",)) -> None:
        unknown = [t for t in types if isinstance(t, str) and t not in EVENT_TYPES]
        if unknown:
            hint = suggest(unknown[0], EVENT_TYPES) or f"known are {', '.join(EVENT_TYPES)}, or give the number"
            raise ValueError(f"types: no type of events is called {unknown[0]!r}, {hint}")
        self.types = _not_empty([EVENT_TYPES[t] if isinstance(t, str) else t for t in types], "types")

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        return np.isin(events["event_type"], self.types)


def _not_empty(values: Sequence[int], name: str) -> list[int]:
    if not values:
        raise ValueError(f"{name} is empty, so that nothing would be left")
    return list(values)


__all__ = ["EVENT_TYPES", "EventType", "Telescopes"]

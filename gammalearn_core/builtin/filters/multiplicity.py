"""Cut on the number of telescopes."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.filters.range import Count
from gammalearn_core.data.table import EventTable
from gammalearn_core.plugin.names import suggest

_log = logging.getLogger(__name__)
_NAMES = ("tel_type", "camera")


class Multiplicity(Count):
    """Keeps events that a number of telescopes saw.

    At subarray level these are the images that the cuts on images left. At telescope level, where a row is one image,
    they are the telescopes that triggered, whatever their cameras.

    Parameters
    ----------
    minimum, maximum : float
        Bounds, included.
    types : mapping of str to int, optional
        At subarray level: telescopes that each of these types must have at least, by the type of the telescope or the
        name of its camera; case does not count.

    Examples
    --------
    >>> import numpy as np
    >>> Multiplicity(minimum=2)(EventTable({"multiplicity": np.array([1, 2])}, 2)).tolist()
    [False, True]
    >>> images = EventTable({"tel_type": np.array(["LST", "LST", "MST"]), "camera": np.array(["a", "a", "b"])}, 3)
    >>> events = EventTable({}, 2, offsets=np.array([0, 2, 3]), images=images)
    >>> Multiplicity(types={"LST": 2})(events).tolist()
    [True, False]
    """

    def __init__(self, minimum: float = 1, maximum: float = math.inf, types: Mapping[str, int] | None = None) -> None:
        super().__init__(minimum, maximum)
        self.types = dict(types or {})
        for name, least in self.types.items():
            if not isinstance(name, str) or isinstance(least, bool) or not isinstance(least, int) or least < 1:
                raise ValueError(f"types: wanted names and numbers from 1 on, such as {{'LST': 2}}, got {types}")
        self.image_columns = _NAMES if self.types else ()
        self.advice = "types are counted at level='subarray': at telescope level a sample is one image"

    def __call__(self, events: EventTable) -> NDArray[np.bool_]:
        keep = super().__call__(events)
        if self.types:
            event = np.repeat(np.arange(len(events)), events.multiplicity)
            for name, least in self.types.items():
                keep &= np.bincount(event[_called(events.images, name)], minlength=len(events)) >= least
        return keep

    def quantity(self, events: EventTable) -> NDArray[Any]:
        """Images of an event, or telescopes that triggered."""
        return events["multiplicity"] if events.images is events else events.multiplicity


def _called(images: EventTable, name: str) -> NDArray[np.bool_]:
    """Images of telescopes whose type, or whose camera, is called so."""
    found = _named(images, [name])
    if found.any() or not len(images):
        return found
    known = sorted({str(text) for column in _NAMES for text in np.unique(images[column]) if text})
    same = [text for text in known if text.casefold() == name.casefold()]
    if not same:
        hint = suggest(name, known) or f"there are {', '.join(known)}"
        _log.warning("core.multiplicity, types: no telescope or camera with images is called %r, %s", name, hint)
    return _named(images, same)


def _named(images: EventTable, names: list[str]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.any([np.isin(images[column], names) for column in _NAMES], axis=0)
    return found


__all__ = ["Multiplicity"]

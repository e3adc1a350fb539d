"""What belongs to an array as a whole: the names of its telescopes, where they stand, where their events point to."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.choice import Camera
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.data.table import EventTable

_log = logging.getLogger(__name__)
Numbers = NDArray[np.float64]
TEXTS = ("tel_type", "camera")
"""Columns of images that are no numbers."""
_APART = 1.0
"""Metres; surveys of one telescope differ by less."""
_STEADY = 1e-3
"""Deg; a telescope that turns by less in a run does not move."""


def names_of_images(
    images: EventTable, files: Sequence[DL1File], cameras: Sequence[Camera]
) -> dict[str, Callable[[], NDArray[np.str_]]]:
    """Columns ``tel_type`` and ``camera`` of images: texts, made when they are named.

    Parameters
    ----------
    images : EventTable
    files : sequence of DL1File
        In the order of the column ``file``.
    cameras : sequence of Camera
        Those that are used.
    """
    first = np.concatenate([[0], np.cumsum([max(f.telescopes, default=0) + 1 for f in files])])
    types, keys = [""] * int(first[-1]), [""] * int(first[-1])
    for number, file in enumerate(files):
        for tel_id, telescope in file.telescopes.items():
            types[first[number] + tel_id] = telescope.type
    for camera in cameras:
        for number, tel_id in camera.telescopes:
            keys[first[number] + tel_id] = camera.key

    def column(names: list[str]) -> NDArray[np.str_]:
        found: NDArray[np.str_] = np.array(names, dtype=np.str_)[first[images["file"]] + images["tel_id"]]
        return found

    return dict(zip(TEXTS, (partial(column, types), partial(column, keys)), strict=True))


def tell_moved_telescopes(files: Sequence[DL1File]) -> None:
    """Warn of telescopes that stand elsewhere in another file, though both describe an array of the same name."""
    places: dict[tuple[str, int], tuple[DL1File, tuple[float, float, float]]] = {}
    moved: dict[str, list[tuple[float, int, DL1File, DL1File]]] = {}
    for file in files:
        for tel_id, telescope in file.telescopes.items():
            before, place = places.setdefault((file.array, tel_id), (file, telescope.position))
            if (far := math.dist(place, telescope.position)) > _APART:
                moved.setdefault(file.array, []).append((far, tel_id, before, file))
    for name, found in moved.items():
        far, tel_id, before, file = max(found, key=lambda one: one[:2])
        _log.warning(
            "telescope %d stands %.0f m apart in %s and %s, which both describe an array called %r (so do %d telescopes"
            " in all): events are read with the positions of their own file",
            tel_id,
            far,
            before.path,
            file.path,
            name,
            len({one[1] for one in found}),
        )


def array_pointing(images: EventTable, offsets: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """Altitude and azimuth of the array in each event, deg.

    That of the telescopes, where they point to the same direction. Else the mean of all telescopes that have images in
    the run, so that it is one for all its events, whichever telescopes saw them; or that of the event's telescopes if
    these follow a source.

    Parameters
    ----------
    images : EventTable
        In the order of events.
    offsets : array of int, (n_events + 1,)
        First image of each event, and the number of images.
    """
    alt, az = (np.asarray(images[name], dtype=np.float64) for name in ("pointing_alt", "pointing_az"))
    first, event = offsets[:-1], np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    differ = (alt != alt[first][event]) | (az != az[first][event])
    if not differ.any():
        return alt[first], az[first]
    run = _numbered(images["file"], images["obs_id"])
    divergent = (np.bincount(run, weights=differ) > 0)[run[first]]
    x, y, z = _divergent(images, run, event, np.column_stack(_vectors(alt, az))).T
    return (
        np.where(divergent, np.degrees(np.arctan2(z, np.hypot(x, y))), alt[first]),
        np.where(divergent, np.degrees(np.arctan2(y, x)) % 360.0, az[first]),
    )


def _divergent(images: EventTable, run: NDArray[np.int64], event: NDArray[np.int64], vectors: Numbers) -> Numbers:
    """Mean directions of events whose telescopes point differently, of any length, (n_events, 3)."""
    telescope = _numbered(run, images["tel_id"])
    of_telescope = _means(vectors, telescope)
    turned = np.linalg.norm(vectors - of_telescope[telescope], axis=1) > np.radians(_STEADY)
    moving = np.bincount(run, weights=turned) > 0
    run_of = np.zeros(len(of_telescope), dtype=np.int64)
    run_of[telescope] = run
    of_run = _means(of_telescope, run_of)
    first = np.searchsorted(event, np.arange(event[-1] + 1))
    return np.where(moving[run[first]][:, None], _means(vectors, event), of_run[run[first]])


def _numbered(*columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each row, the same for rows that are the same."""
    _, number = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    return number.reshape(-1).astype(np.int64)


def _means(values: Numbers, group: NDArray[np.int64]) -> Numbers:
    sums = np.column_stack([np.bincount(group, weights=column) for column in values.T])
    return sums / np.bincount(group)[:, None]


def _vectors(alt: Numbers, az: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    alt, az = np.radians(alt), np.radians(az)
    return np.cos(alt) * np.cos(az), np.cos(alt) * np.sin(az), np.sin(alt)


__all__ = ["TEXTS", "array_pointing", "names_of_images", "tell_moved_telescopes"]

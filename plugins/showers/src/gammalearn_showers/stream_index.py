"""The table of a stream: what a DL1 file of the same showers would hold, but for the images.

Columns have the names, units and precision that ``core.dl1`` gives them; there is no ``file`` and no ``table_row``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.api import EventTable
from gammalearn_showers.block import Block
from gammalearn_showers.dl1 import SkyPixels
from gammalearn_showers.dl1 import image_parameters
from gammalearn_showers.dl1.columns import INDEX
from gammalearn_showers.dl1.columns import PARAMETERS
from gammalearn_showers.dl1.telescopes import CHARGE_STEP
from gammalearn_showers.dl1.telescopes import TIME_STEP
from gammalearn_showers.dl1.telescopes import rounded
from gammalearn_showers.production import Production
from gammalearn_showers.runs import blocks
from gammalearn_showers.runs import obs_id
from gammalearn_showers.simulator import Simulator

SHOWER_EVENT = 32
_ANGLES = ("alt", "az")
_TRUE = ("energy", *_ANGLES, "core_x", "core_y", "h_first_int", "x_max")
MEASURED = tuple(column for column in PARAMETERS if column not in INDEX)
"""Image parameters."""
SHARED = ("obs_id", "event_id", "event_type", "multiplicity")
"""Columns of an event beside its truth and pointing."""

Columns = dict[str, NDArray[Any]]


def image_table(
    simulator: Simulator,
    run: int,
    events: int,
    telescopes: NDArray[np.int64],
    progress: Callable[[int, int], None] = lambda showers, events: None,
) -> EventTable:
    """Images of a run, telescope after telescope.

    Parameters
    ----------
    simulator : Simulator
    run, events : int
        As in `make_run`.
    telescopes : array of int
        Rows of the subarray whose images are wanted.
    progress : callable
        Called after each block with the showers thrown and the events found so far.
    """
    parts: list[Columns] = []
    thrown = found = 0
    for block in blocks(simulator, run, events):
        parts += _columns(block, simulator.production, telescopes)
        thrown += len(block.showers)
        found += int(block.showers.triggered.sum())
        progress(thrown, found)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
    count = len(joined["tel_id"]) if joined else 0
    joined["obs_id"] = np.full(count, obs_id(simulator.production, run), dtype=np.int64)
    joined |= _same_for_all(simulator.production, count)
    order = np.lexsort((joined["event_id"], joined["tel_id"])) if count else np.empty(0, dtype=np.int64)
    return EventTable({name: values[order] for name, values in joined.items()}, count)


def by_event(images: EventTable) -> EventTable:
    """One row an event of the subarray, with its images in the order of telescopes."""
    images = images.take(np.lexsort((images["tel_id"], images["event_id"], images["obs_id"])))
    keys = np.column_stack([images["obs_id"], images["event_id"]])
    starts = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
    of_event = [n for n in images.names if n.startswith(("true_", "pointing_")) or n in SHARED]
    offsets = np.concatenate([starts, [len(images)]]).astype(np.int64)
    return EventTable({n: images[n][starts] for n in of_event}, len(starts), offsets=offsets, images=images)


def _columns(block: Block, production: Production, telescopes: NDArray[np.int64]) -> list[Columns]:
    """Columns of a block's images, of each type of telescope."""
    showers, array = block.showers, production.subarray
    triggers = np.bincount(np.concatenate([i.shower for i in block.images]), minlength=len(showers))
    found = []
    for kind, images in zip(array.types, block.images, strict=True):
        rows = np.flatnonzero(np.isin(images.telescope, telescopes))
        if not len(rows):
            continue
        shower = images.shower[rows]
        parameters = image_parameters(
            SkyPixels.of(kind.camera, kind.effective_focal_length),
            rounded(images.charge[rows], CHARGE_STEP),
            rounded(images.peak_time[rows], TIME_STEP),
            picture=kind.picture_threshold,
            boundary=kind.boundary_threshold,
        )
        columns: Columns = {
            "tel_id": array.tel_id[images.telescope[rows]],
            "event_id": showers.number[shower] + 1,
            "multiplicity": triggers[shower],
        }
        for name in _TRUE:
            values = getattr(showers, name)[shower]
            columns[f"true_{name}"] = np.degrees(values) if name in _ANGLES else values
        for column in MEASURED:
            stored = parameters.columns.get(column.name, np.full(len(rows), np.nan))
            columns[column.name] = stored.astype(column.dtype).astype(np.float64)
        found.append(columns)
    return found


def _same_for_all(production: Production, count: int) -> Columns:
    alt, az = (float(angle * np.float32(180.0 / np.pi)) for angle in production.pointing)
    return {
        "pointing_alt": np.full(count, alt),
        "pointing_az": np.full(count, az),
        "event_type": np.full(count, SHOWER_EVENT, dtype=np.int64),
        "true_starting_grammage": np.zeros(count),
        "true_shower_primary_id": np.full(count, production.primary_id, dtype=np.int64),
    }


__all__ = ["MEASURED", "SHARED", "by_event", "image_table"]

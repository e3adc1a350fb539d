"""Rows of ctapipe's tables as the network takes them, and predictions that several models share."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from functools import partial

import astropy.units as u
import numpy as np
from astropy.table import Table
from ctapipe.core import ToolConfigurationError
from numpy.typing import NDArray

from gammalearn_core.api import EventTable
from gammalearn_core.api import TrainedRun
from gammalearn_ctapipe.source import MemorySource
from gammalearn_ctapipe.source import Seen

Predicted = Mapping[str, Mapping[str, NDArray[np.float64]]]
_IMAGES = "add --TableLoader.dl1_images=True to the command"


def source_of(table: Table, key: str, run: TrainedRun) -> MemorySource:
    """Rows with images of one camera, a sample each.

    Parameters
    ----------
    table : Table
        Telescope events of one telescope, as ``TableLoader`` gives them.
    key : str
        The network's key of the camera.
    run : TrainedRun

    Raises
    ------
    ToolConfigurationError
        It has no images, or no pointing in altitude and azimuth.
    """
    n = len(table)
    names = {"image", *run.inputs.cameras[key].channels} - {"valid"}
    for name in names - set(table.colnames):
        raise ToolConfigurationError(f"the events have no {name!r}, which the network takes: {_IMAGES}")
    pointing = np.column_stack(_pointing(table))
    columns = {name: partial(_numbers, table, name) for name in table.colnames if table[name].ndim == 1}
    events = EventTable(columns | {"pointing_alt": pointing[:, 0], "pointing_az": pointing[:, 1]}, n)
    seen = Seen(
        camera=key,
        channels={name: np.asarray(table[name]) for name in names},
        telescope=np.asarray(table["tel_id"], dtype=np.int64),
        position=np.zeros((n, 3)),
        pointing=pointing,
        columns={name: events[name].astype(np.float32) for name in run.columns},
    )
    return MemorySource(run.inputs, events, [seen], [np.arange(n)])


def _numbers(table: Table, name: str) -> NDArray[np.generic]:
    """A column; where it is masked, NaN, as in DL1 files."""
    column = table[name]
    return np.asarray(column.filled(np.nan) if np.ma.is_masked(column) and column.dtype.kind == "f" else column)


def _pointing(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Altitude and azimuth of the telescope, deg, or of the array where the table knows no other."""
    if "telescope_pointing_altitude" in table.colnames:
        alt, az = table["telescope_pointing_altitude"], table["telescope_pointing_azimuth"]
    else:
        frames = set(np.unique(np.asarray(table["subarray_pointing_frame"])).tolist())
        if frames - {0}:
            what = "the pointing of the subarray is not in altitude and azimuth"
            raise ToolConfigurationError(f"{what}: add --TableLoader.pointing=True to the command")
        alt, az = table["subarray_pointing_lat"], table["subarray_pointing_lon"]
    return alt.quantity.to_value(u.deg), az.quantity.to_value(u.deg) % 360.0


class Remembered:
    """Predictions of tables that are still there: several models of one run predict the same tables."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[weakref.ref[Table], Predicted]] = {}

    def predict(self, run: TrainedRun, key: str, table: Table) -> Predicted:
        """All tasks of a run for the rows of a table."""
        place = run.weights_sha256, id(table)
        known = self._known.get(place)
        if known is not None and known[0]() is table:
            return known[1]
        self._known = {where: item for where, item in self._known.items() if item[0]() is not None}
        predicted = run.predict(source_of(table, key, run))
        self._known[place] = weakref.ref(table), predicted
        return predicted


__all__ = ["Remembered", "source_of"]

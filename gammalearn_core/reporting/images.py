"""Images of a few events of a run, found in its data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.source import DL1Source
from gammalearn_core.data.columns import match
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError
from gammalearn_core.reproducing.finding import find_data
from gammalearn_core.reproducing.recorded import RecordedRun

_LOADER = "core.dl1"
_KEYS = ("true_shower_primary_id", "obs_id", "event_id")


@frozen(kw_only=True, eq=False)
class Image:
    """One image.

    Attributes
    ----------
    geometry : CameraGeometry
    telescope : int
    charges : array of float, (n_pixels,)
        P.e.
    valid : array of bool, (n_pixels,)
        Whether the file has a value.
    pointing : tuple of float
        Altitude and azimuth, deg.
    """

    geometry: CameraGeometry
    telescope: int
    charges: NDArray[np.float32]
    valid: NDArray[np.bool_]
    pointing: tuple[float, float]


def find_images(recorded: RecordedRun, events: EventTable, *, data_root: Path | None) -> list[Image | None]:
    """An image of each event: that of its telescope, or the brightest one of an event of the subarray.

    None where the data do not hold it.

    Parameters
    ----------
    recorded : RecordedRun
    events : EventTable
        With ``obs_id``, ``event_id``, the true energy and particle, and ``tel_id`` at telescope level.
    data_root : Path, optional
        A folder to look for the run's data in.

    Raises
    ------
    DataError
        The data are not found, or are not read by ``core.dl1``.
    """
    found: list[Image | None] = [None] * len(events)
    with _opened(recorded, data_root) as sources:
        for source in sources:
            rows = _rows(events, source.events)
            wanted = [i for i, row in enumerate(rows.tolist()) if row >= 0 and found[i] is None]
            if not wanted:
                continue
            batch = source.read(rows[wanted])
            for number, place in enumerate(wanted):
                tel_id = int(events["tel_id"][place]) if "tel_id" in events else None
                found[place] = _image(source, batch, number, tel_id)
    return found


@contextmanager
def _opened(recorded: RecordedRun, data_root: Path | None) -> Iterator[list[DL1Source]]:
    data = recorded.described.get("data")
    described = data if isinstance(data, dict) else {}
    files = find_data(recorded, data_root=data_root)
    sources: list[DL1Source] = []
    try:
        for name, loader in described.items():
            if not isinstance(loader, dict) or loader.get("component") != _LOADER:
                raise DataError(f"the data are not read by {_LOADER}, and images are known of that loader only")
            given = loader.get("parameters")
            parameters = given if isinstance(given, dict) else {}
            kept = {n: parameters[n] for n in ("cameras", "telescopes") if parameters.get(n) is not None}
            paths = list(files[name])
            channels = ("image", "valid")
            sources.append(DL1Source(paths, channels, level="subarray", buffer_mb=1.0, on_corrupt="skip", **kept))
        yield sources
    finally:
        for source in sources:
            source.close()


def _rows(events: EventTable, table: EventTable) -> NDArray[np.int64]:
    """Row of each event in the table, -1 where there is none: by particle and numbers, and the true energy."""
    names = [n for n in _KEYS if n in events and n in table]
    wanted, known = (np.column_stack([np.asarray(t[n], dtype=np.int64) for n in names]) for t in (events, table))
    if "true_energy" in events and "true_energy" in table:
        wanted, known = (
            np.column_stack([ids, np.asarray(t["true_energy"], dtype=np.float32).view(np.int32).astype(np.int64)])
            for ids, t in ((wanted, events), (known, table))
        )
    return np.asarray(match(wanted, known), dtype=np.int64)


def _image(source: DL1Source, batch: Any, number: int, tel_id: int | None) -> Image | None:
    best: tuple[float, Image] | None = None
    for key, images in batch.images.items():
        geometry = source.inputs.cameras[key].geometry
        for row in np.flatnonzero(images.event.numpy() == number).tolist():
            telescope = int(images.telescope[row])
            if tel_id is not None and telescope != tel_id:
                continue
            charges, valid = images.pixels[row].numpy()
            alt, az = images.pointing[row].tolist()
            image = Image(
                geometry=geometry,
                telescope=telescope,
                charges=charges.astype(np.float32),
                valid=valid > 0,
                pointing=(float(alt), float(az)),
            )
            if best is None or float(charges.sum()) > best[0]:
                best = (float(charges.sum()), image)
    return None if best is None else best[1]


__all__ = ["Image", "find_images"]

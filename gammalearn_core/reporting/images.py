"""Images of a few events of a run, found in its data."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.source import DL1Source
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.columns import match
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.errors import DataError
from gammalearn_core.errors import SettingsError
from gammalearn_core.reproducing.finding import find_data
from gammalearn_core.reproducing.recorded import RecordedRun

_log = logging.getLogger(__name__)
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
    cameras = _cameras(recorded)
    for path, telescopes in _files(recorded, data_root):
        missing = [place for place, image in enumerate(found) if image is None]
        if not missing:
            break
        with _opened(path, telescopes) as source:
            if source is None:
                continue
            rows = _rows(events, source.events)
            wanted = [place for place in missing if rows[place] >= 0]
            if wanted:
                batch = source.read(rows[wanted])
                for number, place in enumerate(wanted):
                    tel_id = int(events["tel_id"][place]) if "tel_id" in events else None
                    found[place] = _image(source, batch, number, tel_id, cameras)
    return found


def _files(recorded: RecordedRun, data_root: Path | None) -> Iterator[tuple[Path, list[int] | None]]:
    """Each file, and the telescopes of it that the run has used."""
    data = recorded.described.get("data")
    described = data if isinstance(data, dict) else {}
    if any(not isinstance(loader, dict) or loader.get("component") != _LOADER for loader in described.values()):
        raise DataError(f"the data are not read by {_LOADER}, and images are known of that loader only")
    # Events are known by their true energy, too, so that sizes of files are enough to find them.
    files = find_data(recorded, data_root=data_root, checksums=False)
    for name, loader in described.items():
        given = loader.get("parameters")
        telescopes = given.get("telescopes") if isinstance(given, dict) else None
        yield from ((path, telescopes) for path in files[name])


def _cameras(recorded: RecordedRun) -> list[CameraGeometry]:
    """Cameras that the run has used; files by themselves may call them otherwise."""
    folder = recorded.folder
    specs = folder.read_json(folder.specs_json)
    try:
        return [camera.geometry for camera in InputSpec.from_dict(specs["raw_inputs"]).cameras.values()]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{folder.specs_json} is not what a run writes: {error!r}") from error


@contextmanager
def _opened(path: Path, telescopes: list[int] | None) -> Iterator[DL1Source | None]:
    """One file, so that memory does not grow with their number; None if the loader finds nothing in it."""
    try:
        source = DL1Source(path, ("image", "valid"), telescopes=telescopes, level="subarray", buffer_mb=1.0)
    except (DataError, SettingsError) as error:
        _log.debug("%s: no images: %s", path, error)
        yield None
        return
    try:
        yield source
    finally:
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


def _image(
    source: DL1Source, batch: Batch, number: int, tel_id: int | None, cameras: Sequence[CameraGeometry]
) -> Image | None:
    best: tuple[float, Image] | None = None
    for key, images in batch.images.items():
        found = source.inputs.cameras[key].geometry
        geometry = next((camera for camera in cameras if camera.same_as(found)), None)
        if geometry is None:
            continue
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

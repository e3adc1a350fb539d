"""Which images of the files are used."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.choice import Camera
from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import ImageTable
from gammalearn_core.builtin.loaders.dl1.formats import Piece
from gammalearn_core.builtin.loaders.dl1.formats import ids_of_rows
from gammalearn_core.builtin.loaders.dl1.hdf5 import blamed
from gammalearn_core.builtin.loaders.dl1.ids import Ids
from gammalearn_core.builtin.loaders.dl1.verify import find_damage
from gammalearn_core.builtin.loaders.dl1.verify import tables
from gammalearn_core.errors import DataError

_log = logging.getLogger(__name__)
_NOT_NEEDED = ("/images/", "/image/", "/r0/", "/r1/", "/dl2/", "/service/", "readout_")
"""Parts of the paths of tables that are not read, or whose damage costs some rows only."""


def find_pieces(
    files: Sequence[DL1File], cameras: Sequence[Camera], *, skip: bool
) -> tuple[list[Piece], NDArray[np.int64]]:
    """Images of showers of the chosen telescopes, file after file, and the number of the camera of each piece.

    Parameters
    ----------
    files : sequence of DL1File
    cameras : sequence of Camera
    skip : bool
        Whether to read all images now and leave out those in damaged chunks, instead of failing when they are needed.
    """
    pieces: list[Piece] = []
    camera_of: list[int] = []
    for number, file in enumerate(files):
        found, calibration = [], 0
        wanted = [{tel for n, tel in camera.telescopes if n == number} for camera in cameras]
        for table in file.images:
            if not set.union(*wanted) & set(table.telescopes):
                continue
            usable = file.usable(table)
            undamaged = _undamaged(file, table) if skip else None
            for index, mine in enumerate(wanted):
                if mine & set(table.telescopes):
                    chosen = [_of_telescopes(file, table, mine), usable, undamaged]
                    calibration += _lost(chosen[0], usable, table.layout.rows)
                    found.append((Piece(file=file, table=table, rows=_rows(chosen)), index))
        if calibration:
            _log.warning("%s: %d images of calibration events are left out", file.path, calibration)
        pieces += [piece for piece, _ in found if len(piece)]
        camera_of += [index for piece, index in found if len(piece)]
    return pieces, np.array(camera_of, dtype=np.int64)


Mask = NDArray[np.bool_] | None


def _of_telescopes(file: DL1File, table: ImageTable, wanted: set[int]) -> Mask:
    """Rows of some telescopes; None for all."""
    if wanted >= set(table.telescopes):
        return None
    return np.isin(file.ids(table)[:, 2], sorted(wanted))


def _lost(chosen: Mask, usable: Mask, rows: int) -> int:
    if usable is None:
        return 0
    return int(np.count_nonzero(~usable & (np.ones(rows, dtype=bool) if chosen is None else chosen)))


def _rows(masks: Sequence[Mask]) -> NDArray[np.int32] | None:
    given = [m for m in masks if m is not None]
    return np.flatnonzero(np.logical_and.reduce(given)).astype(np.int32) if given else None


def _undamaged(file: DL1File, table: ImageTable) -> Mask:
    """Rows that can be read and are of the events that the file says; None for all. What is not is told."""
    how = table.layout
    keep = np.ones(how.rows, dtype=bool)
    try:
        ids = file.ids(table)
    except DataError as error:
        _log.warning("left out: a table whose events are not known: %s", error)
        return ~keep
    for number in range(how.chunks):
        start, stop = how.span(number)
        wrong = _wrong(file, table, number, ids[start:stop])
        if wrong:
            keep[start:stop] = False
            _log.warning("left out: %s, table %s, rows %d to %d: %s", file.path, how.path, start, stop, wrong)
    return None if keep.all() else keep


def _wrong(file: DL1File, table: ImageTable, chunk: int, ids: Ids) -> str:
    """What is wrong with a chunk of images; empty if nothing is."""
    try:
        found = ids_of_rows(file.chunk(table, chunk)(), table)
    except DataError as error:
        return str(error)
    return "" if np.array_equal(found, ids) else "the table of parameters lists other events"


def check_events(file: DL1File) -> None:
    """Refuse a file whose tables of events, runs or instrument are damaged or do not go together.

    Raises
    ------
    DataError
        With the first that is wrong.
    """
    with file.open() as h5:
        paths = [p for p in tables(h5) if not any(part in p for part in _NOT_NEEDED)]
        for damage in find_damage(h5, paths):
            raise DataError(f"{file.path}, table {damage.table}, rows {damage.start} to {damage.stop} are damaged")
    if not file.images:
        return
    with blamed(file.path):
        for name, read in file.columns([Piece(file=file, table=table, rows=None) for table in file.images]).items():
            read(name)
        for table in file.images:
            file.usable(table)
    file.forget()


__all__ = ["check_events", "find_pieces"]

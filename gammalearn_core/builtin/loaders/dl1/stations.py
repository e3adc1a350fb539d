"""Which telescope took an image, where it stands, and where it points to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.builtin.loaders.dl1.formats import Piece
from gammalearn_core.data.table import EventTable

Direction = tuple[float, float]


class Stations:
    """Telescopes of the images of several pieces.

    A piece nearly always has one telescope, which points to one direction in a run: then no column of all images has
    to be read for it.

    Parameters
    ----------
    pieces : sequence of Piece
    files : sequence of DL1File
        All files, in the order of the column ``file``.
    """

    def __init__(self, pieces: Sequence[Piece], files: Sequence[DL1File]) -> None:
        numbers = {file: number for number, file in enumerate(files)}
        self._pieces = pieces
        self._file = np.array([numbers[p.file] for p in pieces], dtype=np.int64)
        self._telescope = np.array([-1 if p.table.tel_id is None else p.table.tel_id for p in pieces], dtype=np.int64)
        self._directions: dict[tuple[int, int, int], Direction | None] = {}
        sizes = [max(f.telescopes, default=0) + 1 for f in files]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._positions = np.zeros((int(self._first[-1]), 3), dtype=np.float32)
        for number, file in enumerate(files):
            for tel_id, telescope in file.telescopes.items():
                self._positions[self._first[number] + tel_id] = telescope.position

    def telescopes(self, piece: NDArray[np.int64], images: NDArray[np.int64], table: EventTable) -> NDArray[np.int64]:
        """``tel_id`` of images of these pieces."""
        found: NDArray[np.int64] = self._telescope[piece]
        unknown = found < 0
        if unknown.any():
            found[unknown] = table["tel_id"][images[unknown]]
        return found

    def positions(self, piece: NDArray[np.int64], tel_id: NDArray[np.int64]) -> NDArray[np.float32]:
        """Where telescopes stand, ground frame, m, ``(n, 3)``."""
        found: NDArray[np.float32] = self._positions[self._first[self._file[piece]] + tel_id]
        return found

    def pointing(
        self,
        piece: NDArray[np.int64],
        tel_id: NDArray[np.int64],
        obs_id: NDArray[np.int64],
        images: NDArray[np.int64],
        table: EventTable,
    ) -> NDArray[np.float64]:
        """Altitude and azimuth, deg, ``(n, 2)``.

        Raises
        ------
        DataError
            The file does not say where the telescope points to.
        """
        keys, which = np.unique(np.column_stack([piece, tel_id, obs_id]), axis=0, return_inverse=True)
        known = [self._direction(int(p), int(t), int(o)) for p, t, o in keys]
        values = np.array([(np.nan, np.nan) if d is None else d for d in known]).reshape(-1, 2)
        found: NDArray[np.float64] = values[which.reshape(-1)]
        moving = np.isnan(found[:, 0])
        if moving.any():
            found[moving, 0] = table["pointing_alt"][images[moving]]
            found[moving, 1] = table["pointing_az"][images[moving]]
        return found

    def _direction(self, piece: int, tel_id: int, obs_id: int) -> Direction | None:
        key = piece, tel_id, obs_id
        if key not in self._directions:
            self._directions[key] = self._pieces[piece].file.direction(tel_id, obs_id)
        return self._directions[key]


__all__ = ["Stations"]

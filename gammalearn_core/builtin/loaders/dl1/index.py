"""The images of one file as a table: which there are, with truth, pointing and parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from functools import partial
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.file import SUBARRAY_EVENT
from gammalearn_core.builtin.loaders.dl1.file import DL1File
from gammalearn_core.builtin.loaders.dl1.file import taken
from gammalearn_core.builtin.loaders.dl1.file import valid_ids
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_column
from gammalearn_core.data.table import EventTable

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Piece:
    """Images of one telescope in one file."""

    file: DL1File
    tel_id: int
    rows: NDArray[np.int64]
    """Rows of the image table that are used."""
    keys: NDArray[np.int64]
    """``(obs_id, event_id)`` of these rows, ``(n, 2)``."""


def find_pieces(file: DL1File, telescopes: list[int]) -> list[Piece]:
    """Usable images of these telescopes: valid ones of showers, not of calibration events."""
    ids, columns = file.trigger
    pieces, dropped = [], 0
    for tel_id in telescopes:
        table = file.image_tables[tel_id]
        keys, keep = valid_ids(table)
        if "event_type" in columns:
            rows = match(keys, ids)
            keep &= (rows < 0) | (taken(columns["event_type"], rows) == SUBARRAY_EVENT)
        dropped += int(np.count_nonzero(~keep))
        pieces.append(Piece(file=file, tel_id=tel_id, rows=np.flatnonzero(keep), keys=keys[keep]))
    if dropped:
        _log.warning("%s: %d images are left out, invalid or of calibration events", file.path, dropped)
    return pieces


def image_table(pieces: list[Piece], file_number: int) -> EventTable:
    """One row an image, telescope after telescope. Truth and parameters are read when they are first named."""
    file = pieces[0].file
    keys = np.concatenate([p.keys for p in pieces])
    columns: dict[str, NDArray[Any] | Callable[[], NDArray[Any]]] = {
        "file": np.full(len(keys), file_number, dtype=np.int64),
        "tel_id": np.concatenate([np.full(len(p.rows), p.tel_id, dtype=np.int64) for p in pieces]),
        "table_row": np.concatenate([p.rows for p in pieces]),
        "obs_id": keys[:, 0],
        "event_id": keys[:, 1],
    }
    columns |= _pointing(pieces)
    columns |= _trigger(file, keys)
    columns |= _truth(file, keys)
    columns |= _parameters(pieces)
    return EventTable(columns, len(keys))


def _pointing(pieces: list[Piece]) -> dict[str, Callable[[], NDArray[Any]]]:
    def read(axis: int) -> NDArray[Any]:
        return np.concatenate([p.file.pointing(p.tel_id, p.keys[:, 0])[:, axis] for p in pieces])

    return {"pointing_alt": lambda: read(0), "pointing_az": lambda: read(1)}


def _trigger(file: DL1File, keys: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    ids, columns = file.trigger
    rows = match(keys, ids)
    return {name: taken(values, rows) for name, values in columns.items()}


def _truth(file: DL1File, keys: NDArray[np.int64]) -> dict[str, Callable[[], NDArray[Any]]]:
    if not file.simulated:
        return {}
    ids, columns = file.shower
    rows = cache(lambda: match(keys, ids))
    return {name: partial(lambda n: taken(columns[n], rows()), name) for name in columns}


def _parameters(pieces: list[Piece]) -> dict[str, Callable[[], NDArray[Any]]]:
    found = [p.file.parameters(p.tel_id) for p in pieces]
    if any(f is None for f in found):
        return {}
    tables = [f for f in found if f is not None]
    shared = [n for n in tables[0][1].dtype.names if all(n in t.dtype.names for _, t in tables)]
    names = [n for n in shared if n not in ("obs_id", "event_id", "tel_id") and tables[0][1].dtype[n].shape == ()]
    rows = cache(lambda: [match(piece.keys, ids) for piece, (ids, _) in zip(pieces, tables, strict=True)])

    def read(name: str) -> NDArray[Any]:
        values = (read_column(table, name).astype(np.float64) for _, table in tables)
        return np.concatenate([taken(v, r) for v, r in zip(values, rows(), strict=True)])

    return {name: partial(read, name) for name in names}


__all__ = ["Piece", "find_pieces", "image_table"]

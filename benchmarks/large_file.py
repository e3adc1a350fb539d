"""A large DL1 file, made of a small real one: the same tables with many rows, of noise that compresses as images do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np
from numpy.typing import NDArray

CTAPIPE = "/dl1/event/telescope/images"
LSTCHAIN = "/dl1/event/telescope/image"
OF_TELESCOPE = (CTAPIPE, "/dl1/event/telescope/parameters", "/simulation/event/telescope/impact")
OF_EVENT = ("/dl1/event/subarray/trigger", "/dl1/event/telescope/trigger", "/simulation/event/subarray/shower")
NOT_NEEDED = ("/simulation/event/telescope/images", "/simulation/event/telescope/parameters")
_BLOCK = 1500
"""Rows that are written at once: whole chunks of 15 or less, as images have."""


def make(source: Path, path: Path, *, tel_id: int, events: int, primary: int, seed: int) -> Path:
    """A file with ``events`` events, each seen by one telescope.

    Its tables are those of the source made longer, so that filters and their order, chunks, types and attributes are
    what ctapipe or lstchain wrote. Rows are drawn from those of all telescopes, and noise is added to the pixels.

    Parameters
    ----------
    source, path : Path
        A small real file, and the one to be written.
    tel_id : int
        The telescope, with images in the source.
    events : int
    primary : int
        ``true_shower_primary_id``: 0 for gammas, 101 for protons.
    seed : int
    """
    rng = np.random.default_rng(seed)
    shutil.copy(source, path)
    with h5py.File(path, "r+") as h5:
        position = h5["/configuration/instrument/subarray/layout"]["tel_id"].tolist().index(tel_id)
        for name, rows in dict(_tables(h5, tel_id)).items():
            for start in range(0, events, _BLOCK):
                block = rows[rng.integers(0, len(rows), min(_BLOCK, events - start))]
                _set(block, start, tel_id=tel_id, position=position, primary=primary, rng=rng)
                _append(h5[name], start, block)
    return path


def _tables(h5: h5py.File, tel_id: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Tables to be made longer and the rows that they may have; what is of other telescopes is removed."""
    for folder in NOT_NEEDED:
        if folder in h5:
            del h5[folder]
    yield from ((name, h5[name][:]) for name in OF_EVENT if name in h5)
    if LSTCHAIN in h5:
        for folder in (LSTCHAIN, "/dl1/event/telescope/parameters"):
            yield from ((f"{folder}/{name}", table[:]) for name, table in h5[folder].items())
        return
    mine = f"tel_{tel_id:03d}"
    for folder in (f for f in OF_TELESCOPE if f in h5):
        dtype = h5[folder][mine].dtype
        yield f"{folder}/{mine}", np.concatenate([t[:] for t in h5[folder].values() if t.dtype == dtype])
        for name in set(h5[folder]) - {mine}:
            del h5[folder][name]


def _set(
    block: NDArray[Any], start: int, *, tel_id: int, position: int, primary: int, rng: np.random.Generator
) -> None:
    """Make rows those of the events from ``start`` on."""
    values: dict[str, Any] = {
        "obs_id": block["obs_id"][0],
        "event_id": np.arange(start, start + len(block)),
        "tel_id": tel_id,
        "true_shower_primary_id": primary,
        "mc_type": primary,
        "true_energy": 0.03 * 1000 ** rng.random(len(block)),
    }
    names = block.dtype.names or ()
    for name in values.keys() & set(names):
        block[name] = values[name]
    for name in {"image", "peak_time"} & set(names):
        block[name] += rng.normal(0.0, 1.0, block[name].shape).astype(block[name].dtype)
    if "tels_with_trigger" in names:
        block["tels_with_trigger"] = np.arange(block["tels_with_trigger"].shape[1]) == position


def _append(table: h5py.Dataset, start: int, block: NDArray[Any]) -> None:
    rows = start + len(block)
    table.resize((rows,))
    table[start:] = block
    if "NROWS" in table.attrs:
        table.attrs.modify("NROWS", np.int64(rows))


__all__ = ["make"]

"""A large DL1 file, made of a small real one: the same tables, many rows of noise that compress as real images do."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters
import numpy as np

IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
SHOWER = "/simulation/event/subarray/shower"
TRIGGER = "/dl1/event/subarray/trigger"
TEL_TRIGGER = "/dl1/event/telescope/trigger"


def make(source: Path, path: Path, *, tel_id: int, events: int, primary: int, seed: int) -> Path:
    """A file with ``events`` events, each seen by one telescope, in ctapipe's own layout, filters and chunk sizes."""
    shutil.copy(source, path)
    rng = np.random.default_rng(seed)
    with h5py.File(path, "r+") as h5:
        for folder in (
            IMAGES,
            PARAMETERS,
            "/simulation/event/telescope/images",
            "/simulation/event/telescope/parameters",
        ):
            for name in list(h5.get(folder, {})):
                if name != f"tel_{tel_id:03d}":
                    del h5[f"{folder}/{name}"]
        paths = [f"{IMAGES}/tel_{tel_id:03d}", f"{PARAMETERS}/tel_{tel_id:03d}", SHOWER, TRIGGER, TEL_TRIGGER]
        for table in paths:
            _enlarge(h5, table, events, tel_id=tel_id, primary=primary, rng=rng)
    return path


def _enlarge(h5: h5py.File, path: str, events: int, *, tel_id: int, primary: int, rng: np.random.Generator) -> None:
    old = h5[path]
    rows, dtype, attributes = old[:], old.dtype, dict(old.attrs)
    chunk = max(1, min(events, 262144 // dtype.itemsize))
    del h5[path]
    new = h5.create_dataset(
        path, (events,), dtype, chunks=(chunk,), maxshape=(None,), fletcher32=True, **hdf5plugin.Blosc("zstd", 5, 1)
    )
    for name, value in attributes.items():
        new.attrs[name] = value
    for start in range(0, events, 3000):
        stop = min(events, start + 3000)
        block = rows[rng.integers(0, len(rows), stop - start)]
        names = dtype.names or ()
        block["obs_id"] = rows["obs_id"][0]
        block["event_id"] = np.arange(start, stop)
        if "tel_id" in names:
            block["tel_id"] = tel_id
        if "true_shower_primary_id" in names:
            block["true_shower_primary_id"] = primary
            block["true_energy"] = 0.03 * 1000 ** rng.random(stop - start)
        if "image" in names:
            block["image"] += rng.normal(0.0, 1.0, block["image"].shape).astype(np.float32)
            block["peak_time"] += rng.normal(0.0, 1.0, block["peak_time"].shape).astype(np.float32)
        new[start:stop] = block


__all__ = ["make"]

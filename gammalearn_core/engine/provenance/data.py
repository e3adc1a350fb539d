"""Input files and the events of the splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.table import Columns
from gammalearn_core.engine.build import Built
from gammalearn_core.engine.checksums import sha256_of
from gammalearn_core.engine.provenance.paths import portable

_PRODUCT = {"data_model": "CTA PRODUCT DATA MODEL VERSION", "product_id": "CTA PRODUCT ID"}
"""Facts of a file, and the root attributes that tell them."""
_EVENT = ("obs_id", "event_id", "tel_id")


def describe_data(built: Built, folder: Path) -> list[dict[str, Any]]:
    """All input files, in the order of the column ``file``; paths are from ``folder``."""
    loaders = (part for part in built.parts.values() if part.kind == "loader")
    return [
        {"source": name, **describe_file(path, folder), **_product(path)}
        for name, part in zip(built.experiment.data, loaders, strict=True)
        for path in part.files
    ]


def describe_file(path: Path, folder: Path) -> dict[str, Any]:
    """Path, size and checksum of a file."""
    return {"path": portable(path, folder), "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _product(path: Path) -> dict[str, str]:
    """The version of the data model and CTAO's product id, of files that have them."""
    try:
        with h5py.File(path, "r") as file:
            found = {fact: file.attrs.get(name) for fact, name in _PRODUCT.items()}
    except OSError:
        return {}
    texts = {fact: v.decode(errors="replace") if isinstance(v, bytes) else v for fact, v in found.items()}
    return {fact: str(value) for fact, value in texts.items() if isinstance(value, str) and value}


def events_sha256(events: Columns, rows: NDArray[np.int64], files: Sequence[Path]) -> str:
    """Checksum of the events of some rows, in their order: the file's name, ``obs_id``, ``event_id`` and ``tel_id``.

    Columns that the data do not have are left out.
    """
    digest = hashlib.sha256()
    if "file" in events and files:
        numbers = np.asarray(events["file"])[rows]
        names, inverse = np.unique([path.name for path in files], return_inverse=True)
        digest.update("\0".join(names[np.unique(inverse[numbers])].tolist()).encode(errors="surrogateescape"))
        digest.update(np.ascontiguousarray(inverse[numbers], dtype="<i8").tobytes())
    for name in _EVENT:
        if name in events:
            digest.update(f"\0{name}\0".encode())
            digest.update(np.ascontiguousarray(np.asarray(events[name])[rows], dtype="<i8").tobytes())
    return digest.hexdigest()


__all__ = ["describe_data", "describe_file", "events_sha256"]

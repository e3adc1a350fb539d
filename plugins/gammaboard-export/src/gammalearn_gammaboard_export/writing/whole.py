"""Files that are whole or as they were."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py

from gammalearn_core import GammalearnError


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file beside, flush it to the disk and rename it.

    Raises
    ------
    GammalearnError
        The disk is full, or nothing can be written there.
    """
    # GammaBoard takes every *.h5 for data, so that the name of a part ends otherwise.
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise GammalearnError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def write_h5(path: Path, fill: Callable[[h5py.File], None]) -> Path:
    """Let a function fill an HDF5 file, which is made in memory: HDF5 does not survive a full disk.

    Raises
    ------
    GammalearnError
        The disk is full, or nothing can be written there.
    """
    with h5py.File(f"memory:{path.name}", "w", driver="core", backing_store=False) as h5:
        fill(h5)
        h5.flush()
        content = h5.id.get_file_image()
    return write_bytes(path, content)


__all__ = ["write_bytes", "write_h5"]

"""Opening a file, or telling what is wrong with one that is no HDF5 file at all."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses

from gammalearn_core.errors import DataError
from gammalearn_core.plugin.names import suggest

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
}
_OTHERS = {b"SIMPLE  =": "is a FITS file", b"version https://git-lfs": "is a pointer of git-lfs: run git lfs pull"}


def open_unlocked(path: Path) -> h5py.File:
    """A file, open for reading and not locked against others.

    Raises
    ------
    DataError
        It is not there, may not be read, is no HDF5, or ends too early.
    """
    reason = _why_not(path)
    if reason:
        raise DataError(f"{path} {reason}")
    try:
        return h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path} {_why_not_hdf5(path, str(error))}") from error


def _why_not(path: Path) -> str:
    """What is wrong with a path before its content is looked at, or nothing."""
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            return f"is a folder: name files, such as '{path}/*.h5'"
        if not stat.S_ISREG(facts.st_mode):
            return "is not a file"
        if not facts.st_size:
            return "is empty"
        with path.open("rb"):
            return ""
    except FileNotFoundError:
        return _not_there(path)
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _not_there(path: Path) -> str:
    if glob.has_magic(str(path)):
        return "matches no file"
    if path.is_symlink():
        return f"is a link to {os.readlink(path)}, which is not there"
    names = os.listdir(path.parent) if path.parent.is_dir() else []
    hint = suggest(path.name, names)
    return f"is not there{', ' + hint if hint else ''}"


def _why_not_hdf5(path: Path, error: str) -> str:
    if "truncated" in error:
        return "is truncated: it ends too early; copy the file again"
    with path.open("rb") as stream:
        start = stream.read(32)
    if "simtel" in path.name:
        return "is a sim_telarray file: run ctapipe-process with --write-images"
    packed = next((name for magic, name in _COMPRESSED.items() if start.startswith(magic)), "")
    if packed:
        return f"is not HDF5: it is compressed with {packed}; unpack it"
    other = next((what for magic, what in _OTHERS.items() if start.startswith(magic)), "")
    return other or ("is not HDF5" if "signature" in error else f"cannot be opened as HDF5: {error}")


__all__ = ["open_unlocked"]

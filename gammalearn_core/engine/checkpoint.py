"""Checkpoints: plain tensors and numbers, each file whole or not there.

ignite's own `Checkpoint` removes the old file before it writes the new one, so that a full disk leaves none
(pytorch/ignite#1986).
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gammalearn_core.errors import DataError

_log = logging.getLogger(__name__)

LAST, PREVIOUS, BEST = "last.pt", "previous.pt", "best.pt"


def save(path: Path, state: Mapping[str, Any], *, keep_as: Path | None = None) -> bool:
    """Write, flush to the disk, then take the place of the older file. False if the disk is full.

    Parameters
    ----------
    path : Path
    state : mapping
    keep_as : Path, optional
        What the older file is called from then on.
    """
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            torch.save(dict(state), stream)
            stream.flush()
            os.fsync(stream.fileno())
        if keep_as is not None and path.is_file():
            path.replace(keep_as)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        why = "the disk is full" if _is_full(path.parent) else _first_line(error)
        part.unlink(missing_ok=True)
        _log.warning("checkpoint %s is not written, an older one stands: %s", path.name, why)
        return False
    _flush_folder(path.parent)
    return True


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < 2**16


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; nothing in it is executed, and its checksums are compared.

    Raises
    ------
    DataError
        The file is damaged, or cannot be read.
    """
    try:
        return _read(path, device)
    except Exception as error:
        raise DataError(f"the checkpoint {path} cannot be read: {_first_line(error)}") from error


def load_newest(folder: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The newest checkpoint of a run that is whole; None if there is none.

    Each is a state to go on from, and the run ends with the same weights from any of them. Damaged ones are told of.

    Raises
    ------
    DataError
        One cannot be read for another reason, such as a lack of permission.
    """
    for path in (folder / name for name in (LAST, PREVIOUS, BEST)):
        if not path.is_file():
            continue
        try:
            return _read(path, device)
        except OSError as error:
            raise DataError(f"the checkpoint {path} cannot be read: {error.strerror}") from error
        except Exception as error:  # what a damaged or hostile file raises is anything
            _log.warning("checkpoint %s is damaged and left aside: %s", path.name, _first_line(error))
    return None


def _read(path: Path, device: torch.device | str) -> dict[str, Any]:
    # torch reads over bits that have changed.
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def weights_sha256(state: Mapping[str, Tensor]) -> str:
    """Canonical checksum of weights: names in order, each with dtype, shape and bytes."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


__all__ = ["BEST", "LAST", "PREVIOUS", "load", "load_newest", "save", "weights_sha256"]

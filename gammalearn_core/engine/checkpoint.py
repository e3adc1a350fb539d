"""Checkpoints: plain tensors and numbers, each file whole or not there.

ignite's own `Checkpoint` removes the old file before it writes the new one, so that a full disk leaves none
(pytorch/ignite#1986).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gammalearn_core.errors import DataError

_log = logging.getLogger(__name__)

LAST, BEST = "last.pt", "best.pt"


def save(path: Path, state: Mapping[str, Any]) -> bool:
    """Write, flush to the disk, then take the place of the older file. False if the disk is full."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            torch.save(dict(state), stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        part.unlink(missing_ok=True)
        _log.warning("checkpoint %s is not written, an older one stands: %s", path.name, error)
        return False
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; nothing in it is executed.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"the checkpoint {path} cannot be read: {what}; start again with --fresh") from error
    return state


def weights_sha256(state: Mapping[str, Tensor]) -> str:
    """Canonical checksum of weights: names in order, each with dtype, shape and bytes."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


__all__ = ["BEST", "LAST", "load", "save", "weights_sha256"]

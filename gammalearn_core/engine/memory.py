"""How much memory a process has used."""

from __future__ import annotations

import resource
import sys

import torch

_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes of what the system counts in."""


def peak_memory(device: torch.device) -> int:
    """Most bytes that were in use at once: on a GPU what torch has allocated there, else the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


__all__ = ["peak_memory"]

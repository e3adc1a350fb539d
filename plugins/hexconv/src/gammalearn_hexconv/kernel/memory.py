"""How the memory of one step is kept for the next."""

from __future__ import annotations

from functools import cache

import torch

_BLOCK = 2**25 - 2**13
"""Bytes: a little less than the most that glibc learns from."""


@cache
def keep_freed_memory() -> None:
    """Let the C library keep memory that is freed, instead of returning it and asking for it again at each step.

    glibc returns large blocks to the system as soon as they are freed, but for sizes that it has seen freed before, up
    to 32 MiB, of which it keeps up to twice as much. It is shown one such block here, which is never written to. A step
    of training on the CPU then takes a tenth less time, and a process holds at most 64 MiB that it does not need.
    """
    torch.empty(_BLOCK, dtype=torch.uint8)


__all__ = ["keep_freed_memory"]

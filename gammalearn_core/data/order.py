"""The order of samples: a pure function of (seed, epoch), the same for any number of workers, threads and ranks."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def derived_seed(*words: int | str) -> int:
    """A seed of 63 bits from a master seed and what it is for.

    Examples
    --------
    >>> derived_seed(1, "step", 3) == derived_seed(1, "step", 3) != derived_seed(1, "step", 4)
    True
    """
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def shuffled(rows: NDArray[np.int64], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The rows in the order of one epoch."""
    return np.random.default_rng(derived_seed(seed, "order", epoch)).permutation(rows)


def batches(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Consecutive batches; the last may be smaller."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


__all__ = ["batches", "derived_seed", "shuffled"]

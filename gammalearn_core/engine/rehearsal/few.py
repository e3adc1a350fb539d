"""Few events that stand for all: the first steps of the real order and its last, and batches from all of a split."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.order import Order

STEPS = 3
"""Training steps."""
BATCHES = 2
"""Batches of the validation and of the test split."""
FIT = 4
"""Batches that transforms measure their constants on."""
_PIECES = 8
"""Places of a split that its batches are taken from: files hold one kind of particle each."""


def chosen_steps(count: int) -> list[int]:
    """Numbers of the steps of an epoch that are rehearsed: the first ones, and the last, which may be smaller.

    Examples
    --------
    >>> chosen_steps(108), chosen_steps(2)
    ([0, 1, 107], [0, 1])
    """
    return list(range(count)) if count <= STEPS else [*range(STEPS - 1), count - 1]


class FewSteps(Order):
    """The order of a run whose epoch has only the steps `chosen_steps`."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.whole = order.whole
        self.chosen = chosen_steps(len(order))

    def __len__(self) -> int:
        return len(self.chosen)

    def steps(self, epoch: int, start: int = 0, *, rank: int = 0, world: int = 1) -> Iterator[NDArray[np.int64]]:
        """Rows of the chosen steps, from the one numbered ``start`` among them."""
        for number in self.chosen[start:]:
            yield next(self._order.steps(epoch, number, rank=rank, world=world))


def few_rows(rows: NDArray[np.int64], *, size: int, batches: int = BATCHES) -> NDArray[np.int64]:
    """Rows for a few batches, from places all over a split; the last batch is as large as that of the split.

    Examples
    --------
    >>> few_rows(np.arange(100), size=8, batches=2).tolist()
    [0, 1, 12, 13, 25, 26, 37, 38, 50, 62, 75, 87]
    """
    wanted = (batches - 1) * size + (len(rows) % size or size)
    if wanted >= len(rows):
        return rows
    pieces = min(_PIECES, wanted)
    first = np.linspace(0, len(rows), pieces, endpoint=False).astype(np.int64)
    lengths = [len(part) for part in np.array_split(np.arange(wanted), pieces)]
    return np.concatenate([rows[start : start + length] for start, length in zip(first, lengths, strict=True)])


def neighbours(rows: NDArray[np.int64], *, size: int, batches: int) -> list[NDArray[np.int64]]:
    """Batches of rows that follow each other, from the middle of a split on: each block is read once."""
    start = max(0, min(len(rows) // 2, len(rows) - size * batches))
    taken = rows[start : start + size * batches]
    return [taken[i : i + size] for i in range(0, len(taken), size)]


def size_problems(sizes: dict[str, int], batch_size: int) -> Sequence[str]:
    """What is odd about a batch size beside the sizes of the splits.

    Examples
    --------
    >>> list(size_problems({"train": 129, "validation": 10}, 64))
    ['the last batch of a training epoch has 1 sample of 64: what normalises over the batch may fail or be noisy there']
    """
    train = sizes.get("train", 0)
    if train < batch_size:
        return [f"a batch of {batch_size} is more than the {train} samples of the training split: an epoch is one step"]
    last = train % batch_size
    if 0 < last <= max(1, batch_size // 50):
        samples = f"{last} sample{'s' if last > 1 else ''}"
        return [
            f"the last batch of a training epoch has {samples} of {batch_size}: what normalises over the batch may"
            " fail or be noisy there"
        ]
    return []


__all__ = ["BATCHES", "FIT", "STEPS", "FewSteps", "chosen_steps", "few_rows", "neighbours", "size_problems"]

"""The order of samples: a pure function of (seed, epoch), the same for any number of workers, threads and ranks.

A set that fits in memory is permuted as a whole. A larger one is read in *windows*: its blocks, which are cheap to read
together, are permuted and laid out in several lanes, and the rows of a window of each lane are permuted. Every step
takes rows of all lanes, and of each group (kind of particle) as many as chance has it, since files hold one kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_STRETCH = 2**16
"""Samples among which the kinds of particles are shuffled."""
LANES = 8
"""Number of lanes of a group, if there is memory for as many. Ranks share them, so that each reads its own blocks."""


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


class Order:
    """The order of rows, epoch by epoch, for steps of a batch.

    Parameters
    ----------
    rows : array of int, (n,), optional
        Rows to be ordered, ascending; all of them by default.
    blocks : array of int
        First row of each block of the source, and the number of its rows.
    groups : array of int, (number of blocks,), optional
        Kind of particle of each block, numbered from 0.
    capacity : int
        Rows of the source that stay in memory.
    size : int
        Samples of a step.
    seed : int

    Examples
    --------
    >>> order = Order(np.arange(6), np.array([0, 3, 6]), capacity=6, size=4, seed=1)
    >>> [len(step) for step in order.steps(epoch=0)], sorted(np.concatenate(list(order.steps(epoch=0))).tolist())
    ([4, 2], [0, 1, 2, 3, 4, 5])
    """

    def __init__(
        self,
        rows: NDArray[np.int64] | None,
        blocks: NDArray[np.int64],
        groups: NDArray[np.int64] | None = None,
        *,
        capacity: int,
        size: int,
        seed: int,
    ) -> None:
        self._rows = rows
        self._count = int(blocks[-1]) if rows is None else len(rows)
        self._size = size
        self._seed = seed
        self.whole = capacity >= int(blocks[-1])
        """Whether the set is permuted as a whole, since it fits in memory."""
        if self.whole:
            return
        bounds = blocks if rows is None else np.searchsorted(rows, blocks)
        used = np.flatnonzero(np.diff(bounds))
        self._start, self._length = bounds[:-1][used], np.diff(bounds)[used]
        groups = np.zeros(len(blocks) - 1, dtype=np.int64) if groups is None else groups
        _, group = np.unique(groups[used], return_inverse=True)
        self._blocks_of = [np.flatnonzero(group == g) for g in range(int(group.max(initial=-1)) + 1)]
        # Half of the memory, so that the blocks of a window are still there when its last row is read.
        room = capacity / 2 * self._count / int(blocks[-1]) / max(1, len(self._blocks_of))
        # A window that is less than a block would have each block read several times.
        block = max(1.0, float(self._length.mean()) if len(used) else 1.0)
        self._lanes = next((n for n in (LANES, LANES // 2, LANES // 4) if room / n >= block), 1)
        self._window = max(1, int(room / self._lanes))

    def __len__(self) -> int:
        """Number of steps of an epoch; the last may be smaller."""
        return max(1, -(-self._count // self._size))

    def steps(self, epoch: int, start: int = 0, *, rank: int = 0, world: int = 1) -> Iterator[NDArray[np.int64]]:
        """Rows of the steps of an epoch, from step ``start`` on; those of one rank, if there are several.

        The steps of all ranks together are those of a single one.
        """
        if self.whole:
            rows = np.arange(self._count) if self._rows is None else self._rows
            parts = batches(shuffled(rows, seed=self._seed, epoch=epoch), self._size)[start:]
            yield from (part[rank::world] for part in parts)
            return
        groups = [self._group(epoch, number) for number in range(len(self._blocks_of))]
        mixture = _Mixture([len(g) for g in groups], seed=derived_seed(self._seed, "groups", epoch))
        done = mixture.before(start * self._size).tolist()
        for step in range(start, len(self)):
            chosen = mixture.groups(step * self._size, (step + 1) * self._size)
            rows = np.full(len(chosen), -1, dtype=np.int64)
            for number, group in enumerate(groups):
                here = np.flatnonzero(chosen == number)
                rows[here] = group.take(done[number], len(here), rank=rank, world=world)
                done[number] += len(here)
            rows = rows[rows >= 0]
            yield rows if self._rows is None else self._rows[rows]

    def _group(self, epoch: int, number: int) -> _Group:
        seed = derived_seed(self._seed, "blocks", epoch, number)
        blocks = np.random.default_rng(seed).permutation(self._blocks_of[number])
        return _Group(self._start[blocks], self._length[blocks], lanes=self._lanes, window=self._window, seed=seed)


class _Mixture:
    """Which group each sample of an epoch is of: as many of each as it has.

    Samples are shuffled in stretches, each when it is asked for, so that an epoch of any length begins at once. Each
    stretch has its share of each group.

    Parameters
    ----------
    sizes : sequence of int
        Samples of each group.
    seed : int
    """

    def __init__(self, sizes: Sequence[int], *, seed: int) -> None:
        self._sizes = np.array(sizes, dtype=np.int64)
        self._count = int(self._sizes.sum())
        self._seed = seed
        self._latest: tuple[int, NDArray[np.uint8]] = -1, np.empty(0, dtype=np.uint8)

    def before(self, place: int) -> NDArray[np.int64]:
        """Samples of each group before this one."""
        stretch, rest = divmod(min(place, self._count), _STRETCH)
        within = np.bincount(self._stretch(stretch)[:rest], minlength=len(self._sizes))
        return self._share(stretch * _STRETCH) + within

    def groups(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The group of each of these samples; fewer at the end of the epoch."""
        places = np.arange(start, min(stop, self._count))
        found = np.empty(len(places), dtype=np.uint8)
        for stretch in np.unique(places // _STRETCH).tolist():
            here = places // _STRETCH == stretch
            found[here] = self._stretch(stretch)[places[here] % _STRETCH]
        return found

    def _stretch(self, number: int) -> NDArray[np.uint8]:
        """Groups of the samples of a stretch. The latest is kept."""
        if self._latest[0] != number:
            start, stop = (min(n * _STRETCH, self._count) for n in (number, number + 1))
            counts = self._share(stop) - self._share(start)
            labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
            seed = derived_seed(self._seed, number) if number else self._seed
            np.random.default_rng(seed).shuffle(labels)
            self._latest = number, labels
        return self._latest[1]

    def _share(self, place: int) -> NDArray[np.int64]:
        """Samples of each group before a stretch: in proportion; the largest takes what is left by rounding."""
        found: NDArray[np.int64] = self._sizes * place // max(1, self._count)
        if len(found):
            found[np.argmax(self._sizes)] += place - found.sum()
        return found


class _Group:
    """Rows of one kind in blocks, laid out in lanes: each lane has about the same number, one after the other."""

    def __init__(
        self, start: NDArray[np.int64], length: NDArray[np.int64], *, lanes: int, window: int, seed: int
    ) -> None:
        self._start = start
        self._ends = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        self._lanes = lanes
        self._window = window
        self._seed = seed
        self._windows: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, done: int, count: int, *, rank: int, world: int) -> NDArray[np.int64]:
        """The next ``count`` samples after ``done``, of each lane in turn; -1 for those of other ranks."""
        number = done + np.arange(count)
        lane, place = number % self._lanes, number // self._lanes
        owner = (lane if self._lanes >= world else number) % world
        found = np.full(count, -1, dtype=np.int64)
        for one in range(self._lanes):
            here = np.flatnonzero((lane == one) & (owner == rank))
            for window in np.unique(place[here] // self._window):
                rows = self._rows_of(one, int(window))
                mine = here[place[here] // self._window == window]
                found[mine] = rows[place[mine] % self._window]
        return found

    def _rows_of(self, lane: int, window: int) -> NDArray[np.int64]:
        """Rows of a window of a lane, in their order. The latest of each lane is kept."""
        known = self._windows.get(lane)
        if known is None or known[0] != window:
            share, more = divmod(len(self), self._lanes)
            first = lane * share + min(lane, more)
            last = first + share + (lane < more)
            places = np.arange(first + window * self._window, min(first + (window + 1) * self._window, last))
            block = np.searchsorted(self._ends, places, side="right") - 1
            rows = self._start[block] + places - self._ends[block]
            random = np.random.default_rng(derived_seed(self._seed, "window", lane, window))
            known = self._windows[lane] = window, random.permutation(rows)
        return known[1]


__all__ = ["LANES", "Order", "batches", "derived_seed", "shuffled"]

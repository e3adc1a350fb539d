"""The order of samples: a pure function of seed and epoch."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.data.order import LANES
from gammalearn_core.data.order import Order
from gammalearn_core.data.order import batches
from gammalearn_core.data.order import derived_seed
from gammalearn_core.data.order import shuffled

ROWS = np.arange(100, 200)
FIRST = [2009, 5753, 7372, 1954, 4056, 788]


def test_the_same_seed_and_epoch_give_the_same_order() -> None:
    np.testing.assert_array_equal(shuffled(ROWS, seed=1, epoch=2), shuffled(ROWS, seed=1, epoch=2))


def test_the_order_does_not_depend_on_what_was_drawn_before() -> None:
    expected = shuffled(ROWS, seed=1, epoch=2)
    np.random.seed(5)
    shuffled(ROWS, seed=1, epoch=1)
    np.testing.assert_array_equal(shuffled(ROWS, seed=1, epoch=2), expected)


def test_another_seed_or_epoch_gives_another_order() -> None:
    orders = {tuple(shuffled(ROWS, seed=seed, epoch=epoch).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_every_row_comes_once() -> None:
    np.testing.assert_array_equal(np.sort(shuffled(ROWS, seed=1, epoch=0)), ROWS)


def test_the_rows_that_are_given_stay_as_they_are() -> None:
    rows = ROWS.copy()
    shuffled(rows, seed=1, epoch=0)
    np.testing.assert_array_equal(rows, ROWS)


def test_the_order_is_that_of_the_first_release() -> None:
    """A change here would change the order of every run that is resumed or reproduced."""
    assert shuffled(np.arange(8), seed=1, epoch=0).tolist() == [2, 1, 6, 5, 0, 7, 3, 4]


def test_a_derived_seed_is_the_beginning_of_a_hash() -> None:
    digest = hashlib.sha256(b"7/step/3").hexdigest()
    assert derived_seed(7, "step", 3) == int(digest[:16], 16) // 2


def test_derived_seeds_of_different_purposes_differ_and_fit_into_63_bits() -> None:
    seeds = {derived_seed(seed, what, n) for seed in range(5) for what in ("step", "order") for n in range(100)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_batches_cover_all_rows_in_order_and_the_last_may_be_smaller() -> None:
    parts = batches(np.arange(10), 4)
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_no_rows_give_no_batch() -> None:
    assert batches(np.arange(0), 4) == []


N = 10_007


def large(capacity: int = 3000, *, seed: int = 3, size: int = 64) -> tuple[NDArray[np.int64], Order]:
    """Rows of a set of two kinds in uneven blocks, a third of which were cut, that does not fit in memory."""
    random = np.random.default_rng(0)
    blocks = np.unique(np.concatenate([[0, N], random.integers(0, N, 300)]))
    rows = np.flatnonzero(random.random(N) < 0.7)
    return rows, Order(rows, blocks, blocks[:-1] > 6000, capacity=capacity, size=size, seed=seed)


def test_a_set_that_fits_is_permuted_as_a_whole() -> None:
    order = Order(ROWS, np.array([0, 150, 200]), capacity=200, size=30, seed=1)
    assert order.whole
    np.testing.assert_array_equal(np.concatenate(list(order.steps(2))), shuffled(ROWS, seed=1, epoch=2))


def test_every_row_of_a_large_set_comes_once_an_epoch() -> None:
    rows, order = large()
    steps = list(order.steps(1))
    assert not order.whole
    np.testing.assert_array_equal(np.sort(np.concatenate(steps)), rows)
    assert len(steps) == len(order) == -(-len(rows) // 64)
    assert {len(step) for step in steps[:-1]} == {64}


def test_each_epoch_and_seed_of_a_large_set_has_another_order() -> None:
    firsts = [next(large(seed=seed)[1].steps(epoch)) for seed in (1, 2) for epoch in (0, 1)]
    assert all(len(np.intersect1d(a, b)) < 8 for a, b in pairwise(firsts))


@pytest.mark.parametrize("start", [1, 57, 108])
def test_a_large_set_goes_on_at_any_step(start: int) -> None:
    _, order = large()
    for one, other in zip(list(order.steps(4))[start:], order.steps(4, start), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("capacity", [300, 3000, 20_000])
@pytest.mark.parametrize("world", [2, 4, 8])
def test_the_steps_of_all_ranks_are_those_of_one(world: int, capacity: int) -> None:
    _, order = large(capacity)
    ranks = zip(*(order.steps(1, rank=rank, world=world) for rank in range(world)), strict=True)
    for alone, together in zip(order.steps(1), ranks, strict=True):
        np.testing.assert_array_equal(np.sort(np.concatenate(together)), np.sort(alone))
        sizes = [len(part) for part in together]
        assert max(sizes) - min(sizes) <= 2


def test_each_rank_reads_its_own_blocks() -> None:
    blocks = np.arange(0, 50_001, 50)
    order = Order(np.arange(50_000), blocks, capacity=10_000, size=100, seed=1)
    seen = [np.unique(np.concatenate(list(order.steps(0, rank=rank, world=2))) // 50) for rank in (0, 1)]
    assert len(np.intersect1d(*seen)) <= LANES


def test_the_kinds_are_mixed_as_chance_has_it() -> None:
    """The spread of the share of one kind is that of drawing without looking, so files of one kind do no harm."""
    rows, order = large()
    share = np.mean(rows > 6000)
    counts = [np.mean(step > 6000) for epoch in range(5) for step in list(order.steps(epoch))[:-1]]
    assert np.std(counts) / np.sqrt(share * (1 - share) / 64) == pytest.approx(1, abs=0.1)


LONG = 200_000


def long() -> Order:
    """Three kinds, one of them rare, in an epoch of several of the stretches in which kinds are shuffled."""
    blocks = np.append(np.arange(0, LONG, 50), LONG)
    kinds = np.where(np.arange(len(blocks) - 1) % 1000 == 7, 2, np.arange(len(blocks) - 1) % 3 == 0)
    return Order(None, blocks, kinds, capacity=20_000, size=1000, seed=5)


def test_every_row_of_a_long_epoch_comes_once_and_its_kinds_are_mixed_throughout() -> None:
    steps = list(long().steps(2))
    np.testing.assert_array_equal(np.sort(np.concatenate(steps)), np.arange(LONG))
    shares = [np.mean(step // 50 % 3 == 0) for step in steps]
    assert np.abs(np.array(shares) - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 1000)
    rare = np.flatnonzero(np.concatenate(steps) // 50 % 1000 == 7)
    assert np.bincount(rare * 4 // LONG).min() > 0


@pytest.mark.parametrize("start", [1, 65, 66, 131, 199])
def test_a_long_epoch_goes_on_at_any_step(start: int) -> None:
    for one, other in zip(list(long().steps(1))[start:], long().steps(1, start), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("capacity", [3000, 50_000])
def test_all_rows_need_not_be_listed(capacity: int) -> None:
    blocks = np.arange(0, 50_001, 50)
    listed = Order(np.arange(50_000), blocks, capacity=capacity, size=100, seed=1)
    for one, other in zip(
        listed.steps(1), Order(None, blocks, capacity=capacity, size=100, seed=1).steps(1), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_few_blocks_are_in_use_at_once() -> None:
    """Half of the memory holds the windows, so a block that leaves it is not needed again."""
    blocks = np.arange(0, 50_001, 50)
    order = Order(np.arange(50_000), blocks, capacity=5000, size=100, seed=1)
    last_used: dict[int, int] = {}
    first_used: dict[int, int] = {}
    for number, step in enumerate(order.steps(0)):
        for block in np.unique(step // 50).tolist():
            first_used.setdefault(block, number)
            last_used[block] = number
    live = [sum(first_used[b] <= n <= last_used[b] for b in first_used) for n in range(0, len(order), 20)]
    assert max(live) * 50 <= 5000


def test_windows_hold_whole_blocks_where_memory_is_short() -> None:
    """Else each block would be read many times: there are fewer lanes instead."""
    blocks = np.arange(0, 50_001, 50)
    order = Order(np.arange(50_000), blocks, capacity=150, size=20, seed=1)
    seen = [np.unique(step // 50) for step in order.steps(0)]
    assert np.mean([len(step) for step in seen]) < 3


def test_the_order_of_a_large_set_is_that_of_the_first_release() -> None:
    """A change here would change the order of every run that is resumed or reproduced."""
    assert next(large()[1].steps(1))[:6].tolist() == FIRST


def test_another_process_has_the_same_order() -> None:
    code = "import pickle, sys; import numpy as np; order = pickle.load(sys.stdin.buffer);"
    code += "sys.stdout.write(str(next(order.steps(1)).tolist()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(large()[1]),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "77"},
    )
    assert done.stdout.decode() == str(next(large()[1].steps(1)).tolist())

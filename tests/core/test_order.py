"""The order of samples: a pure function of seed and epoch."""

from __future__ import annotations

import hashlib

import numpy as np

from gammalearn_core.data.order import batches
from gammalearn_core.data.order import derived_seed
from gammalearn_core.data.order import shuffled

ROWS = np.arange(100, 200)


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

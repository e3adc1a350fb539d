"""The split: no shower on two sides, and nothing but the shower decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.api import EventTable
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.split import TEST
from gammalearn_core.data.split import TRAIN
from gammalearn_core.data.split import VALIDATION
from gammalearn_core.data.split import shared_showers
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.split import shower_order
from gammalearn_core.data.split import split
from gammalearn_core.data.split import split_sources
from gammalearn_core.data.table import Column

Open = Callable[..., DL1Source]
FILES = ("gamma_prod4_sst1m", "gamma_prod4_astri", "proton_prod6_run1_v7", "proton_prod6_run201")


def simulated(n: int, *, primary: int = 0, obs_id: int = 1) -> EventTable:
    """Each shower is used for two events, as in simulations."""
    rng = np.random.default_rng(1)
    energy, alt, az = (np.repeat(rng.uniform(1, 80, n), 2) for _ in range(3))
    ids = {"obs_id": np.full(2 * n, obs_id), "event_id": np.arange(2 * n)}
    truth = {"true_energy": energy, "true_alt": alt, "true_az": az}
    return EventTable({**ids, **truth, "true_shower_primary_id": np.full(2 * n, primary)}, 2 * n)


def observed(n: int, *, obs_id: int = 1) -> EventTable:
    return EventTable({"obs_id": np.full(n, obs_id), "event_id": np.arange(n)}, n)


def showers(events: EventTable) -> list[tuple[float, ...]]:
    """What makes a shower, without the hash."""
    names = ("true_shower_primary_id", "obs_id", "true_energy", "true_alt", "true_az")
    return list(zip(*(events[n].tolist() for n in names), strict=True))


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_a_shower_that_is_used_for_several_events_is_on_one_side(open_dl1: Open, level: str) -> None:
    events = open_dl1("gamma_prod4_sst1m", level=level).events
    sides: dict[tuple[float, ...], set[int]] = {}
    for shower, side in zip(showers(events), split(events, validation=0.4, test=0.3), strict=True):
        sides.setdefault(shower, set()).add(int(side))
    assert len(sides) == 11
    assert len(events) > 11
    assert {len(s) for s in sides.values()} == {1}
    assert len(set.union(*sides.values())) > 1


def test_each_shower_has_its_own_hash(open_dl1: Open) -> None:
    events = open_dl1(*FILES, level="subarray").events
    assert len(set(shower_hash(events).tolist())) == len(set(showers(events))) < len(events)


def test_images_and_events_of_one_shower_are_on_the_same_side(open_dl1: Open) -> None:
    def sides(level: str) -> dict[int, int]:
        events = open_dl1("gamma_prod4_sst1m", level=level).events
        return dict(zip(events["event_id"].tolist(), split(events, validation=0.3, test=0.3).tolist(), strict=True))

    assert sides("telescope") == sides("subarray")


def test_adding_files_does_not_move_a_shower(open_dl1: Open) -> None:
    alone = open_dl1("gamma_prod4_sst1m", level="subarray").events
    among = open_dl1("proton_prod6_run201", "gamma_prod4_sst1m", level="subarray").events
    sides = split(among, validation=0.3, test=0.3)[among["file"] == 1]
    np.testing.assert_array_equal(split(alone, validation=0.3, test=0.3), sides)


def test_cuts_and_the_order_of_events_do_not_move_a_shower() -> None:
    events = simulated(200)
    rows = np.random.default_rng(1).permutation(400)[:150]
    expected = split(events, validation=0.2, test=0.2)[rows]
    np.testing.assert_array_equal(split(events.take(rows), validation=0.2, test=0.2), expected)


@pytest.mark.parametrize("events", [simulated(20000), observed(20000)], ids=["simulated", "observed"])
def test_the_shares_are_those_that_were_asked_for(events: EventTable) -> None:
    sides = split(events, validation=0.2, test=0.1)
    shares = np.bincount(sides, minlength=3)[[TRAIN, VALIDATION, TEST]] / len(sides)
    np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=0.01)


@pytest.mark.parametrize(("validation", "test", "sides"), [(0, 0, {TRAIN}), (1, 0, {VALIDATION}), (0, 1, {TEST})])
def test_shares_of_nothing_and_of_all_are_exact(validation: float, test: float, sides: set[int]) -> None:
    assert set(split(simulated(1000), validation=validation, test=test).tolist()) == sides


def test_a_growing_share_takes_showers_from_training_only() -> None:
    events = simulated(1000)
    before, after = split(events, validation=0.1, test=0.1), split(events, validation=0.3, test=0.2)
    moved = before != after
    assert moved.any()
    assert set(before[moved].tolist()) == {TRAIN}


def test_observed_events_are_told_apart_by_their_ids() -> None:
    assert len(np.unique(shower_hash(observed(1000)))) == 1000
    assert not set(shower_hash(observed(1000)).tolist()) & set(shower_hash(observed(1000, obs_id=2)).tolist())


@pytest.mark.parametrize("change", [{"primary": 101}, {"obs_id": 2}])
def test_gammas_and_protons_with_the_same_ids_are_told_apart(change: dict[str, int]) -> None:
    assert not (shower_hash(simulated(500)) == shower_hash(simulated(500, **change))).any()


@pytest.mark.parametrize("name", ["true_energy", "true_alt", "true_az"])
def test_the_smallest_difference_of_truth_makes_another_shower(name: str) -> None:
    events = simulated(100)
    changed = events.with_columns({name: np.nextafter(events[name], np.inf)})
    assert not (shower_hash(events) == shower_hash(changed)).any()


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint64])
def test_the_width_of_the_ids_in_a_file_does_not_matter(dtype: type) -> None:
    events = observed(100)
    ids: dict[str, Column] = {n: events[n].astype(dtype) for n in ("obs_id", "event_id")}
    np.testing.assert_array_equal(shower_hash(events.with_columns(ids)), shower_hash(events))


def test_the_hash_is_spread_evenly() -> None:
    counts, _ = np.histogram(shower_hash(observed(64000)) / 2.0**64, bins=64, range=(0, 1))
    assert np.sum((counts - 1000) ** 2 / 1000) < 110  # chi-squared with 63 degrees of freedom, 99.98 %


def test_the_split_is_that_of_the_first_release() -> None:
    """A change here would move showers between training and test of runs that are continued or compared."""
    ids = {"obs_id": np.array([1, 2]), "event_id": np.array([7, 2**40])}
    assert shower_hash(EventTable(ids, 2)).tolist() == [8581286081765471666, 3882592785882212383]
    direction = {"true_energy": np.full(2, 0.5), "true_alt": np.full(2, 70.0), "true_az": np.full(2, 180.0)}
    truth = {"obs_id": np.ones(2, dtype=int), "true_shower_primary_id": np.array([0, 101]), **direction}
    assert shower_hash(EventTable(truth, 2)).tolist() == [8690432764276680539, 14719402912507337052]


def test_a_column_shower_is_taken_as_it_is() -> None:
    given: NDArray[np.uint64] = np.array([1, 2**63 + 1], dtype=np.uint64)
    assert shower_hash(EventTable({"shower": given}, 2)).tolist() == [1, 2**63 + 1]


def test_no_events_are_split_too() -> None:
    assert split(observed(0), validation=0.5, test=0.2).tolist() == []


# Sources that are splits.


def sources(*names: str, each: int = 500, first_id: int = 1) -> EventTable:
    """A source of each name, with showers of its own; every shower is used for two events."""
    tables = [simulated(each // 2, obs_id=first_id + number) for number in range(len(names))]
    columns = {n: np.concatenate([t[n] for t in tables]) for n in tables[0].names}
    return EventTable(columns | {"domain": np.repeat(np.arange(len(names)), each)}, each * len(names))


def sides_of(
    events: EventTable, names: tuple[str, ...], *, validation: float = 0.2, test: float = 0.1
) -> list[set[int]]:
    """The sides that showers of each source are on."""
    sides = split_sources(events, names, validation=validation, test=test)
    return [set(sides[events["domain"] == number].tolist()) for number in range(len(names))]


def test_sources_that_are_named_as_splits_are_these_splits() -> None:
    names = ("test", "train", "validation")
    assert sides_of(sources(*names), names) == [{TEST}, {TRAIN}, {VALIDATION}]


def test_a_split_that_no_source_is_is_a_share_of_the_source_train() -> None:
    events = sources("train", "test")
    sides = split_sources(events, ("train", "test"), validation=0.2, test=0.1)
    alone = events.take(events["domain"] == 0)
    np.testing.assert_array_equal(sides[:500], split(alone, validation=0.2, test=0))
    assert set(sides[:500].tolist()) == {TRAIN, VALIDATION}
    assert sides_of(sources("train", "validation"), ("train", "validation")) == [{TRAIN, TEST}, {VALIDATION}]


def test_a_source_train_alone_is_divided_as_any_other() -> None:
    events = simulated(500)
    expected = split(events, validation=0.2, test=0.1)
    np.testing.assert_array_equal(split_sources(events, ("train",), validation=0.2, test=0.1), expected)
    np.testing.assert_array_equal(split_sources(events, ("labelled",), validation=0.2, test=0.1), expected)


def test_other_sources_beside_given_splits_are_trained_on() -> None:
    names = ("unlabelled", "train", "test")
    assert sides_of(sources(*names), names) == [{TRAIN}, {TRAIN, VALIDATION}, {TEST}]


def test_without_given_splits_every_source_is_divided() -> None:
    names = ("labelled", "unlabelled")
    assert sides_of(sources(*names), names) == [{TRAIN, VALIDATION, TEST}] * 2


def test_the_hash_that_is_largest_of_all_is_on_the_side_of_the_share() -> None:
    largest = EventTable({"shower": np.array([2**64 - 1], dtype=np.uint64)}, 1)
    assert split(largest, validation=0, test=1).tolist() == [TEST]
    assert split(largest, validation=0, test=0).tolist() == [TRAIN]


def test_showers_that_two_sources_share_are_counted_once() -> None:
    events = sources("train", "validation", "test")
    assert shared_showers(events, ("train", "validation", "test")) == {}
    ids = np.where(np.arange(1500) < 1000, 1, 2)  # the first two sources have the same showers
    same = events.with_columns({"obs_id": ids})
    assert shared_showers(same, ("train", "validation", "test")) == {("train", "validation"): 250}


def test_showers_of_sources_that_are_no_splits_may_be_shared() -> None:
    same = sources("train", "unlabelled").with_columns({"obs_id": np.ones(1000, dtype=int)})
    assert shared_showers(same, ("train", "unlabelled")) == {}


def test_the_numbers_to_choose_showers_by_have_nothing_to_do_with_the_split() -> None:
    events = simulated(20_000)
    side, order = shower_hash(events) / 2.0**64, shower_order(events) / 2.0**64
    assert abs(np.corrcoef(side, order)[0, 1]) < 0.02
    counts, *_ = np.histogram2d(side[::2], order[::2], bins=10, range=[[0, 1], [0, 1]])
    assert np.sum((counts - 200) ** 2 / 200) < 160  # chi-squared with 99 degrees of freedom, 99.99 %
    assert (order[::2] == order[1::2]).all()

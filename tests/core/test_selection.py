"""Cuts: what they leave of the table, and that what they take is gone from the batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.api import Batch
from gammalearn_core.api import EventTable
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.filters.energy import Energy
from gammalearn_core.builtin.filters.intensity import Intensity
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.selection import Cut
from gammalearn_core.data.selection import CutCount
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.selection import sparing

Open = Callable[..., DL1Source]
Whole = Callable[..., Batch]

BRIGHT: Cut = ("bright", "image", Intensity(minimum=100))


def at_least_two(events: EventTable) -> NDArray[np.bool_]:
    return np.asarray(events.multiplicity >= 2)


TWO: Cut = ("two", "event", at_least_two)
TWO_TRIGGERS: Cut = ("two", "event", lambda events: np.asarray(events["multiplicity"] >= 2))


class InMemory:
    """A source that is not a file: three events with 2, 0 and 1 images of one pixel."""

    def __init__(self) -> None:
        images = EventTable({"tel_id": np.array([1, 2, 1]), "hillas_intensity": np.array([10.0, 200.0, 10.0])}, 3)
        events = {"true_energy": np.array([0.5, 1.0, 2.0])}
        self.events = EventTable(events, 3, offsets=np.array([0, 2, 2, 3]), images=images)
        self.inputs = InputSpec(level="subarray", cameras={})
        self.blocks = np.array([0, 2, 3])
        self.capacity = 3

    def read(self, rows: NDArray[np.int64]) -> Batch:
        parts = [np.arange(self.events.offsets[r], self.events.offsets[r + 1]) for r in rows]
        numbers = torch.from_numpy(np.concatenate(parts))
        telescope = torch.from_numpy(self.events.images["tel_id"].copy())[numbers]
        group = Images(
            pixels=numbers.float()[:, None, None],
            channels=("image",),
            event=torch.from_numpy(np.repeat(np.arange(len(rows)), [len(p) for p in parts])),
            telescope=telescope,
            position=torch.zeros(len(numbers), 3),
            pointing=torch.zeros(len(numbers), 2),
        )
        return Batch(images={"one": group}, events={"row": torch.from_numpy(rows)})

    def close(self) -> None:
        """Nothing is open."""


def pairs(batch: Batch) -> set[tuple[int, int]]:
    """``(event_id, tel_id)`` of all images."""
    found = set()
    for group in batch.images.values():
        found |= set(zip(batch.events["event_id"][group.event].tolist(), group.telescope.tolist(), strict=True))
    return found


def expected_pairs(images: EventTable, minimum: float) -> set[tuple[int, int]]:
    bright = images["hillas_intensity"] >= minimum
    return set(zip(images["event_id"][bright].tolist(), images["tel_id"][bright].tolist(), strict=True))


def test_without_cuts_nothing_changes(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_4lst_lasercal")
    selected = Selected(source, [])
    assert selected.counts == []
    assert torch.equal(whole(selected).mono.pixels, whole(source).mono.pixels)


def test_at_telescope_level_image_and_event_cuts_take_rows(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod4_sst1m")
    selected = Selected(source, [("tev", "event", Energy(minimum=1.0)), BRIGHT])
    keep = (source.events["hillas_intensity"] >= 100) & (source.events["true_energy"] >= 1.0)
    assert 0 < keep.sum() < min((source.events["hillas_intensity"] >= 100).sum(), len(source.events))
    assert torch.equal(whole(selected).mono.pixels, source.read(np.flatnonzero(keep)).mono.pixels)
    np.testing.assert_array_equal(selected.events["event_id"], source.events["event_id"][keep])


def test_images_that_are_cut_are_gone_from_the_batches(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_test", level="subarray")
    selected = Selected(source, [BRIGHT])
    expected = expected_pairs(source.events.images, 100)
    assert pairs(whole(selected)) == expected
    assert 0 < len(expected) < len(source.events.images)
    assert len(selected.events.images) == len(expected)


def test_images_are_cut_before_events_whatever_the_order_of_the_settings(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod4_sst1m", level="subarray")
    both = [Selected(source, cuts) for cuts in ([TWO, BRIGHT], [BRIGHT, TWO])]
    events: dict[int, int] = {}
    for event, _ in expected_pairs(source.events.images, 100):
        events[event] = events.get(event, 0) + 1
    kept = {event for event, n in events.items() if n >= 2}
    assert 0 < len(kept) < len(events) < len(source.events)
    for selected in both:
        assert [count.name for count in selected.counts] == ["bright", "two"]
        assert set(selected.events["event_id"].tolist()) == kept
        assert selected.events.multiplicity.min() >= 2
        assert {event for event, _ in pairs(whole(selected))} == kept


def test_images_of_an_event_are_still_its_own_after_the_cuts(open_dl1: Open) -> None:
    selected = Selected(open_dl1("gamma_test", level="subarray"), [BRIGHT, TWO])
    for row in range(len(selected.events)):
        here = selected.events.take(np.array([row]))
        batch = selected.read(np.array([row]))
        expected = zip(here.images["event_id"].tolist(), here.images["tel_id"].tolist(), strict=True)
        assert pairs(batch) == set(expected)


def test_two_image_cuts_both_count(open_dl1: Open, whole: Whole) -> None:
    source = open_dl1("gamma_prod4_sst1m", level="subarray")
    selected = Selected(source, [BRIGHT, ("dim", "image", Intensity(maximum=300))])
    images = source.events.images
    expected = expected_pairs(images, 100) - expected_pairs(images, 300.0001)
    assert pairs(whole(selected)) == expected
    assert len(expected) < len(expected_pairs(images, 100))


def test_a_filter_that_gives_too_few_values_is_an_error_that_names_it(open_dl1: Open) -> None:
    short: Cut = ("short", "event", lambda events: np.ones(2, dtype=bool))
    with pytest.raises(DataError, match=r"the filter short gives values of shape \(2,\), wanted one for each of 10"):
        Selected(open_dl1("gamma_4lst_lasercal"), [short])


def test_each_cut_is_counted(open_dl1: Open) -> None:
    source = open_dl1("gamma_prod4_sst1m", level="subarray")
    selected = Selected(source, [TWO, BRIGHT])
    bright, two = selected.counts
    left = len(expected_pairs(source.events.images, 100))
    assert bright == CutCount(name="bright", scope="image", before=129, after=left, by_primary={0: (129, left)})
    assert (two.name, two.scope, two.after) == ("two", "event", len(selected.events))


def test_a_cut_is_counted_by_particle(open_dl1: Open) -> None:
    source = open_dl1("gamma_diffuse_prod6_run10", "proton_prod6_run1_v7", cameras="MST")
    primary, bright = source.events["true_shower_primary_id"], source.events["hillas_intensity"] >= 100
    (count,) = Selected(source, [BRIGHT]).counts
    expected = {p: (int((primary == p).sum()), int((bright & (primary == p)).sum())) for p in (0, 101)}
    assert count.by_primary == expected
    assert sum(after for _, after in expected.values()) == count.after < count.before


def test_images_of_events_are_counted_by_the_particle_of_their_event() -> None:
    source = InMemory()
    source.events = source.events.with_columns({"true_shower_primary_id": np.array([101, 0, 0])})
    (count,) = Selected(source, [BRIGHT]).counts
    assert count.by_primary == {0: (1, 0), 101: (2, 1)}


def test_a_particle_of_which_nothing_is_left_is_counted_too(open_dl1: Open) -> None:
    source = open_dl1("gamma_diffuse_prod6_run10", "proton_prod6_run1_v7", cameras="MST")
    gammas: Cut = ("gammas", "event", lambda events: np.asarray(events["true_shower_primary_id"] == 0))
    first, second = Selected(source, [gammas, TWO_TRIGGERS]).counts
    assert first.by_primary == {0: (6, 6), 101: (9, 0)}
    assert list(second.by_primary) == [0]


def test_cuts_on_observed_data_are_counted_as_a_whole() -> None:
    assert Selected(InMemory(), [BRIGHT]).counts[0].by_primary == {}


def test_a_cut_on_truth_leaves_a_source_without_truth_alone() -> None:
    truth = {"true_shower_primary_id": np.array([0, 0, -1, -1]), "true_energy": np.array([1.0, 9.0, np.nan, np.nan])}
    events = EventTable(truth | {"domain": np.array([0, 0, 1, 1])}, 4)
    assert sparing(Energy(maximum=5), "core.energy")(events).tolist() == [True, False, True, True]
    assert Energy(maximum=5)(events).tolist() == [True, False, False, False]


def test_a_cut_on_truth_that_gives_too_few_values_is_an_error_too() -> None:
    with pytest.raises(DataError, match=r"the filter short gives values of shape \(1,\), wanted one for each of 3"):
        sparing(lambda events: np.ones(1, dtype=bool), "short")(InMemory().events)


def test_images_without_hillas_parameters_are_dark(open_dl1: Open) -> None:
    source = open_dl1("gamma_prod4_astri")
    assert np.isnan(source.events["hillas_intensity"]).any()
    selected = Selected(source, [("any", "image", Intensity())])
    assert len(selected.events) == np.isfinite(source.events["hillas_intensity"]).sum()


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_rows_are_renumbered_and_may_be_repeated(open_dl1: Open, level: str) -> None:
    selected = Selected(open_dl1("gamma_prod4_sst1m", level=level), [BRIGHT])
    rows = np.array([4, 0, 4])
    batch = selected.read(rows)
    assert batch.events["row"].tolist() == [4, 0, 4]
    assert batch.events["event_id"].tolist() == selected.events["event_id"][rows].tolist()


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_blocks_and_capacity_are_those_of_what_is_left(open_dl1: Open, level: str) -> None:
    selected = Selected(open_dl1("gamma_prod4_sst1m", level=level), [BRIGHT, TWO][: 1 if level == "telescope" else 2])
    assert (selected.blocks[0], selected.blocks[-1]) == (0, len(selected.events))
    assert (np.diff(selected.blocks) > 0).all()
    assert selected.capacity == len(selected.events)


def test_a_block_keeps_what_is_left_of_it() -> None:
    selected = Selected(InMemory(), [("high", "event", Energy(minimum=0.9))])
    assert selected.blocks.tolist() == [0, 1, 2]
    assert selected.capacity == 2


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_a_cut_may_take_everything(open_dl1: Open, whole: Whole, level: str) -> None:
    selected = Selected(open_dl1("gamma_4lst_lasercal", level=level), [("none", "image", Intensity(minimum=1e9)), TWO])
    assert len(selected.events) == 0
    assert selected.blocks.tolist() == [0]
    assert (len(whole(selected)), whole(selected).n_images) == (0, 0)


def test_events_without_images_go_with_the_first_image_cut() -> None:
    selected = Selected(InMemory(), [("all", "image", Intensity(minimum=5))])
    assert selected.events["true_energy"].tolist() == [0.5, 2.0]
    assert selected.events.offsets.tolist() == [0, 2, 3]


def test_events_without_images_stay_if_only_events_are_cut(whole: Whole) -> None:
    selected = Selected(InMemory(), [("low", "event", Energy(maximum=1.0))])
    assert selected.events["true_energy"].tolist() == [0.5, 1.0]
    assert whole(selected).images["one"].telescope.tolist() == [1, 2]


def test_a_source_that_is_not_a_file_can_be_cut(whole: Whole) -> None:
    selected = Selected(InMemory(), [BRIGHT])
    assert selected.events["true_energy"].tolist() == [0.5]
    assert whole(selected).images["one"].pixels.flatten().tolist() == [1]


def test_inputs_are_those_of_the_source_and_closing_closes_it(open_dl1: Open) -> None:
    source = open_dl1("gamma_4lst_lasercal")
    selected = Selected(source, [BRIGHT])
    assert selected.inputs.camera.geometry is source.inputs.camera.geometry
    _ = source.events["true_energy"]
    assert source._open_files._files
    selected.close()
    assert not source._open_files._files

"""Cuts by name: what each keeps, of real files too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gammalearn_core.api import EventTable
from gammalearn_core.builtin.filters.cut import Cut
from gammalearn_core.builtin.filters.energy import Energy
from gammalearn_core.builtin.filters.impact import Impact
from gammalearn_core.builtin.filters.intensity import Intensity
from gammalearn_core.builtin.filters.leakage import Leakage
from gammalearn_core.builtin.filters.max_events import MaxEvents
from gammalearn_core.builtin.filters.membership import EVENT_TYPES
from gammalearn_core.builtin.filters.membership import EventType
from gammalearn_core.builtin.filters.membership import Telescopes
from gammalearn_core.builtin.filters.morphology import Islands
from gammalearn_core.builtin.filters.morphology import Pixels
from gammalearn_core.builtin.filters.multiplicity import Multiplicity
from gammalearn_core.builtin.filters.offset import Offset
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.split import TEST
from gammalearn_core.data.split import VALIDATION
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.split import split

Open = Callable[..., DL1Source]
TESTS = Path(__file__).parents[1] / "data"


def table(**columns: list[float]) -> EventTable:
    return EventTable({name: np.array(values) for name, values in columns.items()}, len(next(iter(columns.values()))))


RANGES = {
    "true_energy": Energy,
    "hillas_intensity": Intensity,
    "camera_frame_hillas_intensity": Intensity,
    "morphology_n_pixels": Pixels,
    "morphology_n_islands": Islands,
    "true_impact_distance": Impact,
    "multiplicity": Multiplicity,
}


@pytest.mark.parametrize("column", RANGES)
def test_bounds_are_included_and_rows_without_a_value_go(column: str) -> None:
    events = table(**{column: [1, 2, 3, 4, np.nan]})
    assert RANGES[column](minimum=2, maximum=3)(events).tolist() == [False, True, True, False, False]
    assert RANGES[column]()(events).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("cut", [Energy, Intensity, Pixels, Islands, Impact, Multiplicity, Offset])
@pytest.mark.parametrize(("minimum", "maximum"), [(3, 2), (float("nan"), 2), (1, float("nan"))])
def test_bounds_that_nothing_is_between_are_refused(cut: type, minimum: float, maximum: float) -> None:
    with pytest.raises(ValueError, match=f"nothing is between minimum={minimum} and maximum={maximum}"):
        cut(minimum=minimum, maximum=maximum)


def test_images_of_which_nothing_survived_the_cleaning_go_whatever_is_counted() -> None:
    dead = table(morphology_n_pixels=[-1, 0], morphology_n_islands=[-1, 0])
    assert not Pixels(maximum=100)(dead).any()
    assert not Islands(maximum=1)(dead).any()


def test_leakage_is_that_of_the_rings_that_are_asked_for() -> None:
    events = table(leakage_intensity_width_1=[0.1, 0.1, np.nan], leakage_intensity_width_2=[0.1, 0.3, np.nan])
    assert Leakage(0.1)(events).tolist() == [True, False, False]
    assert Leakage(0.1, width=1)(events).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="width must be 1 or 2, got 3"):
        Leakage(0.1, width=3)  # type: ignore[arg-type]


def test_the_offset_is_the_angle_on_the_sphere() -> None:
    pointing = {"pointing_alt": [70.0] * 3, "pointing_az": [359.9] * 3}
    events = table(true_alt=[70.0, 70.0, 71.0], true_az=[0.1, 2.9, 359.9], **pointing)
    # 3 degrees of azimuth at 70 degrees of altitude are about 1.03 degrees.
    assert Offset(maximum=1.02)(events).tolist() == [True, False, True]
    assert Offset(minimum=0.5, maximum=1.03)(events).tolist() == [False, True, True]


def test_the_impact_distance_follows_from_positions_where_the_file_has_none(open_dl1: Open) -> None:
    """The file of lstchain and that of ctapipe were made from the same simulation."""
    computed = open_dl1(TESTS / "lstchain-0.12.3_dl1_gamma_4LST.h5").events
    told = open_dl1("gamma_4lst_lasercal").events
    assert "true_impact_distance" not in computed
    distances = {}
    for events in (computed, told):
        keys = zip(events["event_id"].tolist(), events["tel_id"].tolist(), strict=True)
        distances[events is told] = dict(zip(keys, Impact().quantity(events).tolist(), strict=True))
    assert len(distances[True]) == 10
    assert distances[False] == pytest.approx(distances[True], abs=0.01)
    assert distances[True][100, 2] == pytest.approx(305.711, abs=0.001)


def test_telescopes_are_kept_by_number() -> None:
    assert Telescopes([2, 9])(table(tel_id=[1, 2, 9, 2])).tolist() == [False, True, True, True]
    with pytest.raises(ValueError, match="tel_ids is empty"):
        Telescopes([])


def test_types_of_events_are_kept_by_name_or_number() -> None:
    events = table(event_type=[32, 0, 5, -1])
    assert EventType()(events).tolist() == [True, False, False, False]
    assert EventType(["flatfield", 5])(events).tolist() == [False, True, True, False]
    with pytest.raises(ValueError, match="types is empty"):
        EventType([])


def test_a_type_of_events_that_is_misspelt_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="no type of events is called 'flat_field', did you mean 'flatfield'"):
        EventType(["flat_field"])
    assert EVENT_TYPES["subarray"] == 32


def test_at_telescope_level_the_multiplicity_is_of_telescopes_that_triggered(open_dl1: Open) -> None:
    events = open_dl1("gamma_prod4_sst1m").events
    keep = Multiplicity(minimum=5)(events)
    assert 0 < keep.sum() < len(events)
    np.testing.assert_array_equal(keep, events["multiplicity"] >= 5)


def test_at_subarray_level_the_multiplicity_is_of_images_that_are_left(open_dl1: Open) -> None:
    source = open_dl1("gamma_prod4_sst1m", level="subarray")
    cuts = [("bright", "image", Intensity(minimum=100)), ("two", "event", Multiplicity(minimum=2))]
    left = Selected(source, cuts).events
    images = source.events.images
    bright = images["event_id"][images["hillas_intensity"] >= 100]
    events, counts = np.unique(bright, return_counts=True)
    assert sorted(left["event_id"].tolist()) == sorted(events[counts >= 2].tolist())
    assert 0 < len(left) < len(events) < len(source.events)


def test_a_condition_keeps_what_the_cuts_by_name_keep(open_dl1: Open) -> None:
    source = open_dl1("gamma_mono_trigger", cameras="NectarCam")
    named = [("a", "image", Intensity(minimum=50)), ("b", "image", Leakage(0.2)), ("c", "image", Pixels(minimum=5))]
    text = "hillas_intensity >= 50 & leakage_intensity_width_2 <= 0.2 & morphology_n_pixels >= 5"
    one, other = Selected(source, named), Selected(source, [("cut", "image", Cut(text))])
    assert 0 < len(one.events) < len(source.events)
    np.testing.assert_array_equal(one.events["table_row"], other.events["table_row"])


def test_columns_of_all_cuts_are_in_files_of_ctapipe(open_dl1: Open) -> None:
    images = open_dl1("gamma_mono_trigger", cameras="NectarCam", level="subarray").events.images
    for cut in (Intensity(), Leakage(), Leakage(width=1), Pixels(), Islands(), Telescopes([1])):
        for names in cut.columns:
            assert any(name in images for name in ([names] if isinstance(names, str) else names)), names


# At most so many events.


def showers(sizes: dict[int, int], *, reuse: int = 1) -> EventTable:
    """Showers of each primary, each of which is seen so many times."""
    rng = np.random.default_rng(3)
    primary = np.repeat(list(sizes), [n * reuse for n in sizes.values()])
    truth = {
        name: np.repeat(rng.uniform(1, 80, len(primary) // reuse), reuse)
        for name in ("true_energy", "true_alt", "true_az")
    }
    ids = {"obs_id": np.ones(len(primary), dtype=int), "event_id": np.arange(len(primary))}
    return EventTable({"true_shower_primary_id": primary, **ids, **truth}, len(primary))


def test_each_particle_has_its_own_limit() -> None:
    events = showers({0: 500, 101: 500, 1: 500})
    keep = MaxEvents({"gamma": 100, 101: 30})(events)
    assert [int(keep[events["true_shower_primary_id"] == p].sum()) for p in (0, 101, 1)] == [100, 30, 500]


def test_one_number_is_for_every_particle() -> None:
    events = showers({0: 500, 101: 20})
    keep = MaxEvents(100)(events)
    assert [int(keep[events["true_shower_primary_id"] == p].sum()) for p in (0, 101)] == [100, 20]


def test_showers_are_kept_whole() -> None:
    events = showers({0: 100}, reuse=7)
    keep = MaxEvents(100)(events)
    assert keep.sum() == 98
    hashes = shower_hash(events)
    assert not set(hashes[keep]) & set(hashes[~keep])


def test_neither_the_order_of_files_nor_other_particles_change_the_choice() -> None:
    events = showers({0: 300, 101: 300}, reuse=2)
    order = np.random.default_rng(1).permutation(len(events))
    expected = set(events["event_id"][MaxEvents({0: 100, 101: 50})(events)].tolist())
    shuffled = events.take(order)
    assert set(shuffled["event_id"][MaxEvents({0: 100, 101: 50})(shuffled)].tolist()) == expected
    gammas = events.take(events["true_shower_primary_id"] == 0)
    alone = gammas["event_id"][MaxEvents({0: 100})(gammas)].tolist()
    assert set(alone) == {e for e in expected if e in set(gammas["event_id"].tolist())}


def test_fewer_events_are_some_of_more() -> None:
    events = showers({0: 500}, reuse=3)
    few, many = MaxEvents(100)(events), MaxEvents(400)(events)
    assert few.sum() < many.sum()
    assert (many | ~few).all()


def test_the_choice_leaves_the_shares_of_the_splits() -> None:
    events = showers({0: 40_000})
    left = events.take(MaxEvents(20_000)(events))
    sides = split(left, validation=0.2, test=0.1)
    assert np.mean(sides == VALIDATION) == pytest.approx(0.2, abs=0.01)
    assert np.mean(sides == TEST) == pytest.approx(0.1, abs=0.01)


def test_a_limit_of_nothing_takes_all() -> None:
    assert not MaxEvents(0)(showers({0: 10})).any()
    assert MaxEvents(5)(showers({})).tolist() == []


def test_events_without_truth_are_kept() -> None:
    assert MaxEvents(2)(showers({-1: 10, 0: 10})).sum() == 12


@pytest.mark.parametrize("events", [-1, True, 1.5, {}, {"gamma": -1}, {"gamma": "all"}])
def test_a_limit_that_is_no_number_of_events_is_refused(events: object) -> None:
    with pytest.raises(ValueError, match="events must be whole numbers, 0 or more, got"):
        MaxEvents(events)  # type: ignore[arg-type]


def test_a_particle_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no primary is called 'gama'; known are gamma, electron"):
        MaxEvents({"gama": 10})


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_images_or_events_of_real_showers_are_limited(open_dl1: Open, level: str) -> None:
    events = open_dl1("gamma_prod4_sst1m", "proton_prod6_run1_v7", level=level, cameras=["SST"]).events
    keep = MaxEvents(20)(events)
    hashes = shower_hash(events)
    assert 0 < keep.sum() <= 20
    assert not set(hashes[keep]) & set(hashes[~keep])

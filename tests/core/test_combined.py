"""Several sources as one: domains, hidden truth, cameras with several names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.api import Batch
from gammalearn_core.api import EventSource
from gammalearn_core.api import EventTable
from gammalearn_core.api import InputSpec
from gammalearn_core.builtin.filters.intensity import Intensity
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.source import Combined
from gammalearn_core.data.split import shower_hash
from gammalearn_core.data.split import split

Open = Callable[..., DL1Source]
Whole = Callable[..., Batch]


@pytest.fixture
def pair(open_dl1: Open) -> Callable[..., Combined]:
    """``pair(…)``: 6 gamma images and 9 proton images, the latter without truth."""

    def create(**params: object) -> Combined:
        params = {"cameras": "MST", **params}
        gamma, proton = (open_dl1(n, **params) for n in ("gamma_diffuse_prod6_run10", "proton_prod6_run1_v7"))
        return Combined({"labelled": gamma, "unlabelled": proton}, {"labelled": 1, "unlabelled": 1})

    return create


def test_combined_sources_are_a_source(pair: Callable[..., Combined]) -> None:
    assert isinstance(pair(), EventSource)


def test_the_domain_tells_the_sources_apart(pair: Callable[..., Combined], whole: Whole) -> None:
    source = pair()
    assert source.events["domain"].tolist() == [0] * 6 + [1] * 9
    assert whole(source).events["domain"].tolist() == [0] * 6 + [1] * 9


def test_files_are_counted_on_from_source_to_source(open_dl1: Open) -> None:
    names = ("gamma_diffuse_prod6_run10", "proton_prod6_run1_v7")
    source = Combined(
        {"a": open_dl1(*names, cameras="MST"), "b": open_dl1("proton_prod6_run201", cameras="MST")}, {"a": 2, "b": 1}
    )
    assert source.events["file"].tolist() == [0] * 6 + [1] * 9 + [2] * 9


def test_the_truth_of_the_unlabelled_source_is_hidden(pair: Callable[..., Combined]) -> None:
    events = pair().events
    assert events["true_shower_primary_id"].tolist() == [0] * 6 + [-1] * 9
    for name in ("true_energy", "true_alt", "true_core_x"):
        assert np.isnan(events[name]).tolist() == [False] * 6 + [True] * 9


def test_the_truth_of_images_is_hidden_too(pair: Callable[..., Combined]) -> None:
    images = pair(level="subarray").events.images
    assert images["true_shower_primary_id"].tolist() == [0] * 6 + [-1] * 9
    assert images["domain"].tolist() == [0] * 6 + [1] * 9


def test_truth_is_hidden_by_the_name_of_the_source_only(open_dl1: Open) -> None:
    sources = {n: open_dl1("gamma_4lst_lasercal") for n in ("labelled", "other")}
    assert set(Combined(sources, {"labelled": 1, "other": 1}).events["true_shower_primary_id"].tolist()) == {0}


def test_hidden_truth_still_keeps_a_shower_on_one_side(open_dl1: Open) -> None:
    names = {"labelled": "gamma_4lst_lasercal", "unlabelled": "gamma_4lst_lasercal"}
    source = Combined({key: open_dl1(name) for key, name in names.items()}, dict.fromkeys(names, 1))
    sides = split(source.events, validation=0.3, test=0.3)
    np.testing.assert_array_equal(sides[:10], sides[10:])
    np.testing.assert_array_equal(shower_hash(source.events)[:10], shower_hash(open_dl1("gamma_4lst_lasercal").events))


def test_columns_that_a_source_lacks_have_no_value_there(open_dl1: Open) -> None:
    sources = {"old": open_dl1("gamma_diffuse_prod6_ctapipe_0.17.0", cameras="MST")}
    sources["new"] = open_dl1("gamma_diffuse_prod6_run10", cameras="MST")
    assert "true_starting_grammage" not in sources["old"].events
    values = Combined(sources, {"old": 1, "new": 1}).events["true_starting_grammage"]
    assert np.isnan(values).tolist() == [True] * 6 + [False] * 6


def test_whole_numbers_that_a_source_lacks_are_minus_one() -> None:
    class Bare:
        """A source with few columns."""

        def __init__(self, inputs: InputSpec, events: EventTable) -> None:
            self.inputs, self.events, self.blocks, self.capacity = inputs, events, np.array([0, 2]), 2

        def read(self, rows: NDArray[np.int64]) -> Batch:
            raise NotImplementedError

        def close(self) -> None:
            """Nothing is open."""

    inputs = InputSpec(level="telescope", cameras={})
    ids = {"obs_id": np.arange(2), "event_id": np.arange(2)}
    first = Bare(inputs, EventTable({**ids, "file": np.zeros(2, int), "event_type": np.full(2, 32)}, 2))
    second = Bare(inputs, EventTable(ids, 2))
    events = Combined({"a": first, "b": second}, {"a": 1, "b": 0}).events
    assert events["event_type"].tolist() == [32, 32, -1, -1]
    assert events["file"].tolist() == [0, 0, -1, -1]


def test_rows_of_all_sources_come_as_they_are_asked_for(pair: Callable[..., Combined], whole: Whole) -> None:
    source = pair()
    every, rows = whole(source), np.array([14, 0, 7, 5, 14, 0])
    batch = source.read(rows)
    assert batch.events["row"].tolist() == rows.tolist()
    assert batch.events["domain"].tolist() == [1, 0, 1, 0, 1, 0]
    assert batch.events["event_id"].tolist() == source.events["event_id"][rows].tolist()
    assert torch.equal(batch.mono.pixels, every.mono.pixels[rows])


def test_images_follow_their_events_at_subarray_level(pair: Callable[..., Combined]) -> None:
    source = pair(level="subarray", cameras=None)
    rows = np.array([4, 1, 0, 2])
    batch = source.read(rows)
    for place, row in enumerate(rows):
        alone = source.read(np.array([row]))
        for key, group in batch.images.items():
            mine = group.pixels[group.event == place]
            assert torch.equal(mine, alone.images[key].pixels if key in alone.images else mine[:0])


@pytest.mark.parametrize("level", ["telescope", "subarray"])
def test_no_rows_give_an_empty_batch(pair: Callable[..., Combined], level: str) -> None:
    batch = pair(level=level).read(np.array([], dtype=np.int64))
    assert (len(batch), batch.n_images, batch.events["domain"].tolist()) == (0, 0, [])


def test_blocks_and_capacity_are_those_of_all_sources(pair: Callable[..., Combined]) -> None:
    source = pair(level="subarray")
    assert (source.blocks[0], source.blocks[-1]) == (0, len(source.events))
    assert (np.diff(source.blocks) > 0).all()
    assert source.capacity == len(source.events)


def test_a_camera_that_two_sources_name_differently_is_one_camera(open_dl1: Open, whole: Whole) -> None:
    first, second = (open_dl1(n, cameras="LST") for n in ("gamma_diffuse_prod6_run10", "proton_prod6_run201"))
    assert list(first.inputs.cameras) != list(second.inputs.cameras)
    source = Combined({"a": first, "b": second}, {"a": 1, "b": 1})
    assert list(source.inputs.cameras) == ["LSTN-design"]
    expected = torch.cat([whole(first).mono.pixels, whole(second).mono.pixels])
    assert torch.equal(whole(source).mono.pixels, expected)


def test_the_columns_of_the_inputs_are_those_of_the_events(pair: Callable[..., Combined]) -> None:
    source = pair()
    assert source.inputs.columns == source.events.names
    assert {"domain", "shower"} <= set(source.inputs.columns)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"level": "subarray"}, "data: 'b' is of subarray level, 'a' of telescope level"),
        ({"channels": ["image"]}, "the images of LSTCam in 'b' and 'a' differ in channels or pixels"),
    ],
)
def test_sources_that_do_not_go_together_are_an_error(open_dl1: Open, params: dict[str, object], message: str) -> None:
    first, second = open_dl1("gamma_4lst_lasercal"), open_dl1("gamma_4lst_lasercal", **params)
    with pytest.raises(DataError, match=message):
        Combined({"a": first, "b": second}, {"a": 1, "b": 1})


def test_one_name_for_two_geometries_is_an_error(open_dl1: Open) -> None:
    first, second = open_dl1("gamma_test", cameras="LSTCam"), open_dl1("gamma_4lst_lasercal")
    with pytest.raises(DataError, match="the images of LSTCam in 'b' and 'a' differ in channels or pixels"):
        Combined({"a": first, "b": second}, {"a": 1, "b": 1})


def test_several_geometries_at_telescope_level_are_an_error(open_dl1: Open) -> None:
    first, second = open_dl1("gamma_prod4_astri"), open_dl1("gamma_4lst_lasercal")
    with pytest.raises(DataError, match="images of several cameras, ASTRICam, LSTCam: choose with cameras="):
        Combined({"a": first, "b": second}, {"a": 1, "b": 1})


def test_cuts_on_images_reach_every_source(pair: Callable[..., Combined], whole: Whole) -> None:
    source = pair(level="subarray", cameras=None)
    selected = Selected(source, [("bright", "image", Intensity(minimum=200))])
    batch, images = whole(selected), source.events.images
    bright = images["hillas_intensity"] >= 200
    expected = set(zip(images["file"][bright].tolist(), images["event_id"][bright].tolist(), strict=True))
    assert {file for file, _ in expected} == {0, 1}
    assert batch.n_images == bright.sum() < len(images)
    found = zip(batch.events["domain"].tolist(), batch.events["event_id"].tolist(), strict=True)
    assert set(found) == expected


def test_closing_closes_all_sources(open_dl1: Open) -> None:
    sources = {n: open_dl1("gamma_4lst_lasercal") for n in ("a", "b")}
    combined = Combined(sources, {"a": 1, "b": 1})
    assert all(source._open_files._files for source in sources.values())
    combined.close()
    assert not any(source._open_files._files for source in sources.values())

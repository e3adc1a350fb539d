"""Truth of samples: encoded, weighted, and refused where it is missing."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from gammalearn_core import DataError
from gammalearn_core.api import Batch
from gammalearn_core.api import EventTable
from gammalearn_core.api import TargetCodec
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.builtin.plugin import gammalearn_targets
from gammalearn_core.builtin.targets.direction import Direction
from gammalearn_core.builtin.targets.energy import Energy
from gammalearn_core.builtin.targets.particle import Particle
from gammalearn_core.data.source import Combined
from gammalearn_core.data.truth import Task
from gammalearn_core.data.truth import Truth
from gammalearn_core.data.truth import check_classes
from gammalearn_core.data.truth import check_columns

Open = Callable[..., DL1Source]

RECORDS = {record.name: record for record in gammalearn_targets()}


def tasks(classes: Sequence[str | int] = ("gamma", "proton")) -> dict[str, Task]:
    codecs: dict[str, TargetCodec] = {"particle": Particle(classes), "energy": Energy(), "direction": Direction()}
    return {n: Task(name=n, id=f"core.{n}", record=RECORDS[n], codec=c) for n, c in codecs.items()}


def events(**change: list[float]) -> EventTable:
    """A gamma, a proton and a gamma."""
    columns: dict[str, list[float]] = {
        "obs_id": [1, 1, 1],
        "event_id": [7, 8, 9],
        "true_shower_primary_id": [0, 101, 0],
        "true_energy": [0.1, 1.0, 10.0],
        "true_alt": [71.0, 70.0, 70.0],
        "true_az": [0.0, 0.0, 0.0],
        "pointing_alt": [70.0, 70.0, 70.0],
        "pointing_az": [0.0, 0.0, 0.0],
        **change,
    }
    return EventTable({name: np.array(values) for name, values in columns.items()}, 3)


def attached(table: EventTable, rows: list[int], *, classes: Sequence[str | int] = ("gamma", "proton")) -> Batch:
    return Truth(table, tasks(classes)).attach(Batch(images={}, events={"row": torch.tensor(rows)}))


def test_each_row_gets_its_own_truth() -> None:
    batch = attached(events(), [2, 0, 2])
    assert batch.truth["particle"].tolist() == [0, 0, 0]
    torch.testing.assert_close(batch.truth["energy"], torch.tensor([[1.0], [-1.0], [1.0]]))
    torch.testing.assert_close(batch.truth["direction"], torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))


def test_numbers_are_single_precision_and_classes_whole() -> None:
    batch = attached(events(), [0, 1])
    assert batch.truth["energy"].dtype == batch.truth["direction"].dtype == torch.float32
    assert batch.truth["particle"].dtype == torch.int64
    assert {w.dtype for w in batch.weight.values()} == {torch.float32}


def test_protons_have_a_class_but_no_energy_and_direction_to_learn() -> None:
    batch = attached(events(), [0, 1, 2])
    assert batch.weight["particle"].tolist() == [1, 1, 1]
    assert batch.weight["energy"].tolist() == batch.weight["direction"].tolist() == [1, 0, 1]
    assert batch.truth["energy"][1].tolist() == [0]


def test_the_samples_of_a_task_can_be_counted() -> None:
    truth = Truth(events(), tasks())
    assert truth.count("particle", np.array([0, 1])) == 2
    assert truth.count("energy", np.array([0, 1])) == 1
    assert truth.count("energy", np.array([], dtype=np.int64)) == 0


@pytest.mark.parametrize("energy", [np.nan, np.inf, 0.0, -1.0])
def test_a_gamma_without_an_energy_is_an_error_that_names_the_event(energy: float) -> None:
    with pytest.raises(DataError) as caught:
        Truth(events(true_energy=[0.1, 1.0, energy]), tasks())
    assert str(caught.value) == (
        "1 samples have no finite true_energy, which task 'energy' needs; the first is obs_id 1, event_id 9"
    )


def test_a_proton_without_an_energy_is_no_error() -> None:
    batch = attached(events(true_energy=[0.1, np.nan, 1.0]), [0, 1, 2])
    assert batch.truth["energy"].isfinite().all()


def test_a_direction_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(DataError, match="2 samples have no finite true_alt, true_az, which task 'direction' needs"):
        Truth(events(true_alt=[np.nan, np.nan, np.nan]), tasks())


def test_a_primary_without_a_class_is_an_error() -> None:
    with pytest.raises(DataError, match="1 samples have no finite true_shower_primary_id, which task 'particle' needs"):
        Truth(events(true_shower_primary_id=[0, 1, 0]), tasks())


def test_the_check_names_the_setting_that_gives_every_primary_a_class() -> None:
    table = events(true_shower_primary_id=[0, 1, 101])
    (problem,) = check_classes(table, tasks()["particle"])
    assert problem.where == "targets['particle']"
    assert problem.what == "the data have primaries without a class: 1"
    assert problem.hint == "targets={'particle': ref('core.particle', classes=[0, 1, 101])}"
    assert check_classes(table, tasks([0, 1, 101])["particle"]) == []
    assert attached(table, [0, 1, 2], classes=[0, 1, 101]).truth["particle"].tolist() == [0, 1, 2]


def test_the_setting_that_is_advised_always_has_the_gamma() -> None:
    (problem,) = check_classes(events(true_shower_primary_id=[1, 1, 1]), tasks()["particle"])
    assert problem.hint == "targets={'particle': ref('core.particle', classes=[0, 1])}"


def test_the_check_finds_nothing_wrong_with_sound_truth() -> None:
    assert [check_columns(events(), task) + check_classes(events(), task) for task in tasks().values()] == [[], [], []]


def test_the_check_tells_of_data_without_truth() -> None:
    table = EventTable({"obs_id": np.arange(3), "event_id": np.arange(3)}, 3)
    (problem,) = check_columns(table, tasks()["energy"])
    assert problem.what == "the data have no true_energy, so there is nothing to learn 'energy' from"
    assert problem.kind == "data"


def labelled(domain: list[int], primary: list[int]) -> EventTable:
    known = np.array(primary) >= 0
    truth = {n: np.where(known, v, np.nan) for n, v in (("true_energy", 1.0), ("true_alt", 70.0), ("true_az", 0.0))}
    return events().with_columns({"domain": np.array(domain), "true_shower_primary_id": np.array(primary), **truth})


def test_samples_of_a_source_without_truth_have_no_weight() -> None:
    batch = attached(labelled([0, 1, 0], [0, -1, 101]), [0, 1, 2])
    assert batch.weight["particle"].tolist() == [1, 0, 1]
    assert batch.weight["energy"].tolist() == [1, 0, 0]
    assert all(t.isfinite().all() for t in batch.truth.values())


def test_a_hole_in_the_truth_of_a_labelled_source_is_an_error() -> None:
    with pytest.raises(DataError, match="1 samples have no finite true_shower_primary_id"):
        Truth(labelled([0, 1, 1], [0, -1, 101]), tasks())


def test_an_unlabelled_source_does_not_need_classes() -> None:
    assert check_classes(labelled([0, 1, 0], [0, -1, 101]), tasks()["particle"]) == []


def test_real_gammas_and_unlabelled_protons_are_learned_together(open_dl1: Open) -> None:
    gamma, proton = (open_dl1(n, cameras="MST") for n in ("gamma_diffuse_prod6_run10", "proton_prod6_run1_v7"))
    source = Combined({"labelled": gamma, "unlabelled": proton}, {"labelled": 1, "unlabelled": 1})
    assert all(
        check_columns(source.events, task) + check_classes(source.events, task) == [] for task in tasks().values()
    )
    batch = Truth(source.events, tasks()).attach(source.read(np.arange(15)))
    for weight in batch.weight.values():
        assert weight.tolist() == [1] * 6 + [0] * 9
    torch.testing.assert_close(
        batch.truth["energy"][:6, 0].double(), torch.from_numpy(np.log10(gamma.events["true_energy"])).double()
    )

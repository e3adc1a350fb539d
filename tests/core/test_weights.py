"""Weights of events: what the components give, what is refused, and what they do to losses and metrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gammalearn_core import DataError
from gammalearn_core.api import Batch
from gammalearn_core.api import EventTable
from gammalearn_core.builtin.filters.balance_particles import BalanceParticles
from gammalearn_core.builtin.filters.energy_spectrum import EnergySpectrum
from gammalearn_core.builtin.plugin import gammalearn_targets
from gammalearn_core.builtin.targets.energy import Energy
from gammalearn_core.builtin.targets.particle import Particle
from gammalearn_core.data.truth import Task
from gammalearn_core.data.truth import Truth
from gammalearn_core.data.weights import event_weights

RECORDS = {record.name: record for record in gammalearn_targets()}
TASKS = {
    "particle": Task(name="particle", id="core.particle", record=RECORDS["particle"], codec=Particle()),
    "energy": Task(name="energy", id="core.energy", record=RECORDS["energy"], codec=Energy()),
}


def table(primary: list[int], **columns: list[float]) -> EventTable:
    n = len(primary)
    ids = {"obs_id": np.full(n, 3), "event_id": np.arange(10, 10 + n)}
    others = {name: np.array(values) for name, values in columns.items()}
    return EventTable({"true_shower_primary_id": np.array(primary), "true_energy": np.ones(n), **ids, **others}, n)


def totals(events: EventTable, weights: NDArray[np.float64]) -> list[float]:
    primary = events["true_shower_primary_id"]
    return [float(weights[primary == p].sum()) for p in np.unique(primary)]


# Components.


def test_every_particle_has_the_same_total_weight_and_the_mean_is_one() -> None:
    events = table([0] * 90 + [101] * 9 + [1])
    weights = BalanceParticles()(events)
    assert totals(events, weights) == pytest.approx([100 / 3] * 3)
    assert weights.mean() == pytest.approx(1)


def test_events_without_truth_neither_count_as_a_particle_nor_are_weighed() -> None:
    events = table([0] * 3 + [101] + [-1] * 6)
    assert BalanceParticles()(events).tolist() == pytest.approx([2 / 3] * 3 + [2] + [1] * 6)
    weighed = EnergySpectrum(-3, -2)(events.with_columns({"true_energy": np.array([1.0] * 4 + [np.nan] * 6)}))
    assert weighed.tolist() == [1] * 10


def test_weights_are_the_ratio_of_two_power_laws() -> None:
    energy = [0.1, 1.0, 10.0, 100.0]
    weights = EnergySpectrum(index=-2.7, simulated_index=-2.0)(table([0] * 4, true_energy=energy))
    np.testing.assert_allclose(weights[1:] / weights[:-1], 10**-0.7)
    assert weights.mean() == pytest.approx(1)


def test_the_spectrum_of_each_particle_keeps_its_mean() -> None:
    rng = np.random.default_rng(1)
    events = table([0] * 50 + [101] * 10, true_energy=[*rng.uniform(1, 10, 50), *rng.uniform(1, 10, 10)])
    assert totals(events, EnergySpectrum(-2.7, -2.0)(events)) == pytest.approx([50, 10])


def test_weighed_events_follow_the_spectrum_that_is_asked_for() -> None:
    rng = np.random.default_rng(2)
    # dN/dE = E**-2 from 1 to 100, by inversion; the mean of log E under E**-3 is analytic.
    energy = 1 / (1 - rng.uniform(size=200_000) * (1 - 1 / 100))
    weights = EnergySpectrum(-3.0, -2.0)(table([0] * len(energy), true_energy=energy.tolist()))
    low, high = 1.0, 100.0
    norm = (low**-2 - high**-2) / 2
    expected = ((0.25 + 0) - high**-2 * (np.log(high) / 2 + 0.25)) / norm
    assert np.average(np.log(energy), weights=weights) == pytest.approx(expected, rel=0.02)


def test_the_simulated_spectrum_is_that_of_the_file_unless_it_is_given() -> None:
    events = table([0] * 3, true_energy=[1.0, 10.0, 10.0], simulated_spectral_index=[-2.0, -2.0, -1.5])
    weights = EnergySpectrum(-2.5)(events)
    np.testing.assert_allclose(weights / weights[0], [1, 10**-0.5, 10**-1])
    given = EnergySpectrum(-2.5, simulated_index=-2.0)(events)
    np.testing.assert_allclose(given / given[0], [1, 10**-0.5, 10**-0.5])


def test_extreme_energies_do_not_overflow() -> None:
    weights = EnergySpectrum(-10, 0)(table([0] * 2, true_energy=[1e-40, 1e40]))
    assert weights.tolist() == [2, 0]


@pytest.mark.parametrize("energy", [0.0, -1.0, np.nan, np.inf])
def test_an_energy_that_has_no_place_in_a_spectrum_is_an_error(energy: float) -> None:
    with pytest.raises(DataError, match="1 events have no true_energy above 0"):
        EnergySpectrum(-2.7, -2.0)(table([0] * 2, true_energy=[1.0, energy]))


def test_a_run_that_does_not_say_its_spectrum_is_an_error() -> None:
    with pytest.raises(DataError, match="no simulated spectral index"):
        EnergySpectrum(-2.7)(table([0] * 2, simulated_spectral_index=[-2.0, np.nan]))


@pytest.mark.parametrize(("index", "simulated"), [(2.7, None), (np.nan, None), (-np.inf, None), (-2.7, 2.0)])
def test_an_exponent_of_the_wrong_sign_is_refused(index: float, simulated: float | None) -> None:
    with pytest.raises(ValueError, match=r"must be an exponent such as -2\.7, 0 or below"):
        EnergySpectrum(index, simulated)


# The product.


ALL = [np.arange(4)]


def test_weights_are_multiplied() -> None:
    events = table([0, 0, 0, 101], true_energy=[1.0, 2.0, 3.0, 4.0])
    one, other = BalanceParticles(), EnergySpectrum(-3, -2)
    product = event_weights(events, ALL, [("one", one), ("other", other)])
    np.testing.assert_allclose(product, one(events) * other(events))
    assert event_weights(events, ALL, []).tolist() == [1, 1, 1, 1]


def test_each_split_is_weighed_by_itself() -> None:
    events = table([0, 0, 0, 101, 0, 101, 101])
    splits = [np.array([0, 1, 2, 3]), np.array([4, 5, 6]), np.array([], dtype=np.int64)]
    product = event_weights(events, splits, [("balance", BalanceParticles())])
    for rows in splits[:2]:
        np.testing.assert_allclose(product[rows], BalanceParticles()(events.take(rows)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, -0.5, 1.0, 1.0], "the weight mine gives -0.5 to obs_id 3, event_id 11; 1 events have no weight"),
        ([1.0, 1.0, np.nan, np.nan], "the weight mine gives nan to obs_id 3, event_id 12; 2 events have no weight"),
        ([1.0, 1.0, 1.0, np.inf], "the weight mine gives inf to obs_id 3, event_id 13; 1 events have no weight"),
        ([1.0, 1.0], r"the weight mine gives values of shape \(2,\), wanted one for each of 4 events"),
        (1.0, r"the weight mine gives values of shape \(\), wanted one for each of 4 events"),
        ([[1.0]] * 4, r"the weight mine gives values of shape \(4, 1\), wanted one for each of 4 events"),
        (["a"] * 4, "the weight mine gives values of type <U1, wanted numbers"),
        (None, r"the weight mine gives values of shape \(\)"),
    ],
)
def test_weights_that_are_none_are_an_error_that_names_the_component(values: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        event_weights(table([0] * 4), ALL, [("core.balance_particles", BalanceParticles()), ("mine", lambda _: values)])  # type: ignore[list-item]


def test_an_error_of_a_component_names_it() -> None:
    events = table([0] * 4, true_energy=[0.0] * 4)
    with pytest.raises(DataError, match=r"the weight core\.energy_spectrum: 4 events have no true_energy above 0"):
        event_weights(events, ALL, [("core.energy_spectrum", EnergySpectrum(-2.7, -2.0))])


def test_a_product_that_no_float32_holds_is_an_error() -> None:
    huge = ("huge", lambda events: np.full(len(events), 1e200))
    with pytest.raises(DataError, match="the weights huge, huge multiply to inf, which is too large"):
        event_weights(table([0] * 4), ALL, [huge, huge])


# In the truth.


def attached(events: EventTable, weights: list[float]) -> tuple[Truth, Batch]:
    truth = Truth(events, TASKS, weights=np.array(weights))
    return truth, truth.attach(Batch(images={}, events={"row": torch.arange(len(events))}))


def test_weights_multiply_those_of_all_tasks() -> None:
    _, batch = attached(table([0, 101, 0]), [0.5, 3.0, 2.0])
    assert batch.weight["particle"].tolist() == [0.5, 3.0, 2.0]
    assert batch.weight["energy"].tolist() == [0.5, 0.0, 2.0]
    assert batch.weight["energy"].dtype == torch.float32


def test_a_weight_of_zero_does_not_take_the_truth_away() -> None:
    truth, batch = attached(table([0, 101, 0]), [0.0, 1.0, 2.0])
    rows = np.arange(3)
    assert batch.weight["energy"].tolist() == [0, 0, 2]
    assert truth.known("energy", torch.arange(3)).tolist() == [True, False, True]
    assert (truth.count("energy", rows), truth.count_class("particle", rows, 0)) == (2, 2)
    assert truth.total_weight("energy", rows) == 2

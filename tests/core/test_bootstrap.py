"""The paired bootstrap by shower, and the statistics that it takes of many draws at once."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from gammalearn_core.results.bootstrap import auc_of_draws
from gammalearn_core.results.bootstrap import drawn
from gammalearn_core.results.bootstrap import quantile_of_draws
from gammalearn_core.results.comparing import FEWEST
from gammalearn_core.results.comparing import Comparison
from gammalearn_core.results.comparing import paired_bootstrap
from gammalearn_core.results.comparing import paired_bootstrap_by_telescopes
from gammalearn_core.results.comparing import plain
from gammalearn_core.results.performance import EventResults
from gammalearn_core.results.performance import auc
from gammalearn_core.results.performance import performance

RNG = np.random.default_rng(5)


def results(n: int = 400, *, resolution: float = 0.2, separation: float = 1.5, seed: int = 1) -> EventResults:
    """Half of them gammas, with log-normal energies and directions on a circle."""
    rng = np.random.default_rng(seed)
    gamma = np.arange(n) % 2 == 0
    energy = 10 ** rng.uniform(-0.9, 0.9, n)
    return EventResults(
        primary=np.where(gamma, 0, 101),
        shower=np.arange(n),
        true_energy=energy,
        reco_energy=energy * np.exp(resolution * rng.normal(size=n)),
        true_alt=np.full(n, 70.0),
        true_az=np.zeros(n),
        reco_alt=70 + resolution * rng.normal(size=n),
        reco_az=resolution * rng.normal(size=n) / np.cos(np.radians(70)),
        gammaness=rng.normal(size=n) + separation * gamma,
    )


def by_name(found: list[Comparison]) -> dict[str, Comparison]:
    return {comparison.name: comparison for comparison in found}


def test_quantiles_of_draws_are_those_of_the_repeated_samples() -> None:
    values, counts = RNG.normal(size=50), RNG.integers(0, 4, (20, 50))
    for share in (0.0, 0.1586, 0.5, 0.6827, 1.0):
        expected = [np.quantile(np.repeat(values, row), share) for row in counts]
        np.testing.assert_allclose(quantile_of_draws(values, share, counts), expected)


def test_areas_of_draws_are_those_of_the_repeated_samples() -> None:
    score, positive, counts = RNG.integers(0, 9, 60) / 8, RNG.random(60) < 0.4, RNG.integers(0, 4, (20, 60))
    expected = [auc(np.repeat(score, row), np.repeat(positive, row)).value for row in counts]
    np.testing.assert_allclose(auc_of_draws(score, positive, counts), expected)


def test_an_empty_draw_has_no_number() -> None:
    nothing = np.zeros((1, 3), dtype=np.int64)
    assert np.isnan(quantile_of_draws(np.arange(3.0), 0.5, nothing)).all()
    assert np.isnan(auc_of_draws(np.arange(3.0), np.array([True, False, True]), nothing)).all()


def test_samples_of_a_shower_are_drawn_together_and_as_many_showers_as_there_are() -> None:
    groups = np.array([0, 1, 1, 2, 2, 2])
    counts = np.concatenate(list(drawn(groups, 50, 3)))
    assert counts.shape == (50, 6)
    assert (counts[:, 1] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(counts, axis=0)) > 5


def test_the_numbers_are_those_of_the_performance() -> None:
    one = results()
    found = by_name(paired_bootstrap(one, results(resolution=0.3), draws=10)["all"])
    known = performance(one)["numbers"]
    assert set(found) <= set(known)
    for name, comparison in found.items():
        assert comparison.one == pytest.approx(known[name]["value"], rel=1e-12)


def test_the_better_one_wins_and_the_worse_one_does_not() -> None:
    good, bad = results(), results(resolution=0.4, separation=0.3)
    for pair, winner in (((good, bad), "one"), ((bad, good), "other")):
        found = by_name(paired_bootstrap(*pair, draws=200)["all"])
        for name in ("auc", "energy_resolution_cta", "energy_resolution_pyirf", "angular_resolution_68"):
            assert found[name].winner == winner
            assert found[name].low < found[name].difference < found[name].high


def test_nobody_wins_against_himself() -> None:
    one = results()
    for comparison in paired_bootstrap(one, one, draws=50)["all"]:
        assert (comparison.difference, comparison.low, comparison.high) == (0, 0, 0)
        assert comparison.winner == "neither"


def test_of_biases_the_smaller_one_wins_whatever_its_sign() -> None:
    one = results(2000, resolution=0.05)
    low, high = (attrs.evolve(one, reco_energy=one.reco_energy * f) for f in (0.95, 1.2))  # type: ignore[operator]
    bias = by_name(paired_bootstrap(low, high, draws=200)["all"])["energy_bias"]
    assert bias.one == pytest.approx(-0.05, abs=0.01)
    assert bias.difference == pytest.approx(-0.15, abs=0.01)
    assert bias.winner == "one"


def test_copies_of_a_shower_make_nothing_more_certain() -> None:
    one, other = results(), results(seed=2)
    other = attrs.evolve(one, gammaness=other.gammaness, reco_energy=other.reco_energy)
    copies = np.repeat(np.arange(len(one)), 9)
    single = by_name(paired_bootstrap(one, other, draws=300)["all"])["auc"]
    many = by_name(paired_bootstrap(one.take(copies), other.take(copies), draws=300)["all"])["auc"]
    assert (many.n, many.showers) == (9 * single.n, single.showers)
    assert many.high - many.low == pytest.approx(single.high - single.low, rel=1e-9)


def test_only_what_both_have_predicted_is_compared() -> None:
    one, other = results(), results()
    one = attrs.evolve(one, reco_energy=np.where(np.arange(400) < 100, np.nan, one.reco_energy))
    other = attrs.evolve(other, reco_energy=np.where(np.arange(400) >= 300, np.nan, other.reco_energy))
    found = by_name(paired_bootstrap(one, other, draws=10)["all"])
    assert found["energy_bias"].n == 100
    assert found["angular_resolution_68"].n == 200
    assert found["auc"].n == 400


def test_bins_are_those_of_true_energy() -> None:
    one = results()
    found = paired_bootstrap(one, one, edges=[0.1, 1, 10, 100], draws=10)
    assert list(found) == ["all", "0.1-1", "1-10"]
    assert sum(by_name(found[name])["auc"].n for name in ("0.1-1", "1-10")) == 400


def test_few_showers_give_no_interval() -> None:
    few, enough = (results(2 * n) for n in (FEWEST - 1, FEWEST))
    assert np.isnan([c.low for c in paired_bootstrap(few.gammas, few.gammas)["all"]]).all()
    assert np.isfinite([c.low for c in paired_bootstrap(enough, enough, draws=50)["all"]]).all()


def test_a_bin_of_one_class_has_no_area() -> None:
    gammas = results().gammas
    area = by_name(paired_bootstrap(gammas, gammas, draws=10)["all"])["auc"]
    assert np.isnan([area.one, area.difference, area.low]).all()
    assert area.winner == "neither"


def test_other_samples_are_refused() -> None:
    one = results()
    with pytest.raises(ValueError, match="not of the same samples"):
        paired_bootstrap(one, one.take(np.arange(399)))
    with pytest.raises(ValueError, match="not of the same samples"):
        paired_bootstrap(one, one.take(np.arange(400)[::-1]))


def test_for_json_both_have_names() -> None:
    found = paired_bootstrap(results(), results(resolution=0.5), draws=50)["all"]
    told = plain(found[-1], one="network", other="baseline")
    assert told["winner"] == "network"
    assert told["network"] < told["baseline"]


def test_reconstructions_are_compared_by_telescopes() -> None:
    telescopes = np.where(np.arange(400) % 8 < 4, 2, 4)
    better, worse = (attrs.evolve(results(resolution=r), telescopes=telescopes) for r in (0.1, 0.3))
    found = paired_bootstrap_by_telescopes(better, worse, draws=100)
    assert list(found) == ["2", "4"]
    for name, count in (("2", 2), ("4", 4)):
        here = telescopes == count
        alone = paired_bootstrap(better.take(here), worse.take(here), edges=[1e6, 1e7], draws=100)["all"]
        assert found[name] == alone
        assert by_name(found[name])["angular_resolution_68"].winner == "one"


def test_images_are_not_compared_by_telescopes() -> None:
    assert paired_bootstrap_by_telescopes(results(), results(resolution=0.3)) == {}

from __future__ import annotations

import math
from importlib import resources

import astropy.units as u
import pytest
from pyirf.spectral import CRAB_MAGIC_JHEAP2015

from gammalearn_irf.reference import QUANTITIES
from gammalearn_irf.reference import ReferenceCurve
from gammalearn_irf.reference import curves
from gammalearn_irf.reference import names

UNITS = dict.fromkeys(QUANTITIES, "") | {"angular_resolution": "deg", "effective_area": "m2"}
UNITS |= {"sensitivity": "erg / (cm2 s)"}
NORTH, SOUTH, LST = "CTA performance North", "CTA performance South", "LST-1 Hillas+RF"
TABLE = [
    ("CTA requirement North", "angular_resolution", {0.1: 0.129, 1: 0.0621, 10: 0.040}),
    ("CTA requirement North", "energy_resolution", {0.1: 0.216, 1: 0.10, 10: 0.10}),
    ("CTA requirement North", "sensitivity", {0.1: 2.3e-12, 1: 2.40e-13, 10: 3.7e-13}),
    ("CTA requirement North", "effective_area", {1: 3.0e5}),
    ("CTA requirement South", "angular_resolution", {0.1: 0.129, 1: 0.0621, 10: 0.0371}),
    ("CTA requirement South", "sensitivity", {0.1: 2.0e-12, 1: 2.01e-13, 10: 1.3e-13}),
    ("CTA requirement South", "effective_area", {1: 7.8e5}),
    (NORTH, "angular_resolution", {0.1: 0.14, 1: 0.054, 10: 0.038}),
    (NORTH, "energy_resolution", {0.1: 0.14, 1: 0.073, 10: 0.082}),
    (NORTH, "sensitivity", {0.1: 9.4e-13, 1: 1.35e-13, 10: 2.1e-13}),
    (NORTH, "effective_area", {1: 3.9e5}),
    (SOUTH, "angular_resolution", {0.1: 0.13, 1: 0.049, 10: 0.033}),
    (SOUTH, "energy_resolution", {0.1: 0.14, 1: 0.066, 10: 0.060}),
    (SOUTH, "sensitivity", {0.1: 8.0e-13, 1: 9.7e-14, 10: 6.3e-14}),
    (SOUTH, "effective_area", {1: 6.3e5}),
    (LST, "angular_resolution", {0.1: 0.27, 1: 0.171, 10: 0.19}),
    (LST, "energy_bias", {0.1: -0.09, 1: -0.06}),
    (LST, "effective_area", {1: 2.0e5}),
]
"""Values that were read off the sources by other means, at energies in TeV."""


def of(name: str, quantity: str, cuts: str = "") -> ReferenceCurve:
    (found,) = (c for c in curves() if (c.name, c.quantity) == (name, quantity) and c.cuts.startswith(cuts))
    return found


@pytest.mark.parametrize("curve", curves(), ids=lambda curve: f"{curve.name}, {curve.quantity}, {curve.cuts[:4]}")
def test_every_curve_says_whose_it_is_and_what(curve: ReferenceCurve) -> None:
    for field in ("name", "version", "citation", "licence", "source", "conditions", "definition"):
        assert getattr(curve, field).strip(), field
    assert curve.unit == UNITS[curve.quantity]
    assert curve.energy_unit == "TeV"
    u.Unit(curve.unit)
    assert len(curve.energy) >= 10
    assert curve.name in curve.label
    assert all(math.isfinite(value) for value in curve.value)
    assert all(value > 0 for value in curve.value) or curve.quantity == "energy_bias"


@pytest.mark.parametrize(("name", "quantity", "values"), TABLE)
def test_curves_have_the_values_of_their_sources(name: str, quantity: str, values: dict[float, float]) -> None:
    curve = of(name, quantity)
    for energy, value in values.items():
        assert curve.at(energy) == pytest.approx(value, rel=0.035, abs=0.003), energy


def test_the_resolution_of_lst_1_is_that_of_its_tables() -> None:
    width, bias = of(LST, "energy_resolution_median"), of(LST, "energy_bias")
    # Relative to the median energy 0.34 and 0.19 were read off.
    assert width.at(0.1) / (1 + bias.at(0.1)) == pytest.approx(0.34, abs=0.006)
    assert width.at(1.0) / (1 + bias.at(1.0)) == pytest.approx(0.19, abs=0.006)
    assert width.at(5.0) == pytest.approx(0.18, abs=0.006)


@pytest.mark.parametrize(
    ("cuts", "percent"),
    [
        ("70", {1: 3.4}),
        ("40", {0.1: 16, 0.16: 3.9, 0.25: 2.5, 0.4: 2.0, 0.63: 1.8, 1: 1.8, 1.6: 2.1, 2.5: 2.9, 4: 4.4}),
    ],
)
def test_the_sensitivity_of_lst_1_is_that_of_its_tables(cuts: str, percent: dict[float, float]) -> None:
    curve = of(LST, "sensitivity", cuts)
    for near, value in percent.items():
        index = min(range(len(curve.energy)), key=lambda n: abs(math.log(curve.energy[n] / near)))
        energy = curve.energy[index] * u.TeV
        crab = (CRAB_MAGIC_JHEAP2015(energy) * energy**2).to_value("erg / (cm2 s)")
        assert 100 * curve.value[index] / crab == pytest.approx(value, rel=0.035), near


def test_a_curve_says_nothing_outside_its_energies() -> None:
    assert math.isnan(of(NORTH, "sensitivity").at(1e-3))
    assert math.isnan(of(NORTH, "sensitivity").at(1e3))


def test_the_performance_of_cta_asks_for_its_acknowledgement() -> None:
    assert "prod3b-v2" in of(NORTH, "sensitivity").acknowledgement
    assert "CC-BY-4.0" in of(SOUTH, "sensitivity").licence


def test_the_licence_of_lstchain_comes_with_its_numbers() -> None:
    text = (resources.files("gammalearn_irf.reference") / "curves" / "LICENSE-lstchain.md").read_text(encoding="utf-8")
    assert "Copyright (c) 2018, the cta-lstchain developers" in text
    assert "THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS" in text


def test_sets_have_names() -> None:
    assert len(names()) == 5
    assert {NORTH, SOUTH, LST} < {*names()}


@pytest.mark.parametrize("kind", ["requirement", "performance"])
def test_defect_4_of_ctaplot_north_and_south_are_two_sites(kind: str) -> None:
    north, south = (of(f"CTA {kind} {site}", "effective_area") for site in ("North", "South"))
    assert north.value != south.value
    assert north.conditions != south.conditions


@pytest.mark.parametrize("curve", curves(), ids=lambda curve: f"{curve.name}, {curve.quantity}, {curve.cuts[:4]}")
def test_defects_5_and_6_of_ctaplot_a_curve_says_what_time_of_observation_it_is_for(curve: ReferenceCurve) -> None:
    time = "30 min" if "requirement" in curve.name else "50 h"
    if curve.quantity == "sensitivity":
        assert "50 h" in curve.definition
    elif curve.quantity == "effective_area" and curve.name != LST:
        assert time in f"{curve.definition} {curve.conditions}"


def test_defect_13_of_ctaplot_curves_are_found_wherever_the_package_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/nowhere")
    curves.cache_clear()
    assert len(curves()) > 20

"""The measures of the core beside those of pyirf, the reference where both define the same thing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gammalearn_core.results.performance import ANGULAR_RESOLUTION
from gammalearn_core.results.performance import ENERGY_BIAS
from gammalearn_core.results.performance import ENERGY_EDGES
from gammalearn_core.results.performance import ENERGY_RESOLUTION_CTA
from gammalearn_core.results.performance import ENERGY_RESOLUTION_PYIRF
from gammalearn_core.results.performance import SimulatedShowers
from gammalearn_core.results.performance import angular_separation
from gammalearn_core.results.performance import effective_area
from gammalearn_core.results.performance import migration_matrix

pytest.importorskip("pyirf")

from astropy import units as u
from astropy.coordinates import angular_separation as astropy_separation
from astropy.table import QTable
from pyirf import benchmarks
from pyirf.benchmarks.energy_bias_resolution import energy_resolution_absolute_68
from pyirf.irf import effective_area_per_energy
from pyirf.irf.energy_dispersion import energy_migration_matrix
from pyirf.simulations import SimulatedEventsInfo

N = 20_000
RNG = np.random.default_rng(1)
TRUE: NDArray[np.float64] = 10 ** RNG.uniform(-2.2, 2.0, N)
RECO: NDArray[np.float64] = TRUE * RNG.lognormal(0.1, 0.3, N)
THETA: NDArray[np.float64] = RNG.rayleigh(0.1, N)
EVENTS = QTable({"true_energy": TRUE * u.TeV, "reco_energy": RECO * u.TeV, "theta": THETA * u.deg})
EDGES = ENERGY_EDGES * u.TeV


@pytest.mark.parametrize("energy", ["true", "reco"])
def test_bias_and_resolution_of_energies_are_those_of_pyirf(energy: str) -> None:
    by = {"true": TRUE, "reco": RECO}[energy]
    expected = benchmarks.energy_bias_resolution(EVENTS, EDGES, energy_type=energy)
    bias = ENERGY_BIAS.per_bin(TRUE, RECO, by=by, x=f"{energy}_energy")
    width = ENERGY_RESOLUTION_PYIRF.per_bin(TRUE, RECO, by=by, x=f"{energy}_energy")
    assert bias.n.tolist() == expected["n_events"].tolist()
    np.testing.assert_allclose(bias.value, expected["bias"], rtol=1e-12)
    np.testing.assert_allclose(width.value, expected["resolution"], rtol=1e-12)
    assert np.isnan(width.value).any() == (energy == "true")


def test_the_resolution_of_cta_is_that_of_pyirf_about_the_truth() -> None:
    expected = benchmarks.energy_bias_resolution(EVENTS, EDGES, resolution_function=energy_resolution_absolute_68)
    found = ENERGY_RESOLUTION_CTA.per_bin(TRUE, RECO, by=TRUE, x="true_energy")
    np.testing.assert_allclose(found.value, expected["resolution"], rtol=1e-12)


def test_the_angular_resolution_is_that_of_pyirf() -> None:
    expected = benchmarks.angular_resolution(EVENTS, EDGES)
    found = ANGULAR_RESOLUTION.per_bin(THETA, by=TRUE, x="true_energy")
    np.testing.assert_allclose(found.value, expected["angular_resolution_68"].to_value(u.deg), rtol=1e-12)
    assert found.n.tolist() == expected["n_events"].tolist()


@pytest.mark.parametrize("index", [-2.0, -2.7, -1.5])
def test_the_effective_area_is_that_of_pyirf(index: float) -> None:
    thrown = SimulatedEventsInfo(
        n_showers=1_000_000,
        energy_min=0.02 * u.TeV,
        energy_max=50 * u.TeV,
        max_impact=700 * u.m,
        spectral_index=index,
        viewcone_min=0 * u.deg,
        viewcone_max=0 * u.deg,
    )
    showers = SimulatedShowers(
        n_showers=1_000_000, energy_min=0.02, energy_max=50, spectral_index=index, scatter_radius=700
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = effective_area_per_energy(EVENTS, thrown, EDGES).to_value(u.m**2)
    found = effective_area(TRUE, showers)
    measured = showers.expected(ENERGY_EDGES) > 0
    assert measured.sum() == 17
    np.testing.assert_allclose(found.value[measured], expected[measured], rtol=1e-9)
    assert np.isnan(found.value[~measured]).all()


def test_the_migration_matrix_is_that_of_pyirf_where_it_has_events() -> None:
    wide = np.geomspace(1e-5, 1e5, 40)
    offsets = QTable({**EVENTS, "true_source_fov_offset": np.zeros(N) * u.deg})
    expected = energy_migration_matrix(offsets, EDGES, wide * u.TeV, [0, 1] * u.deg)[:, :, 0]
    found = migration_matrix(TRUE, RECO, reco_edges=wide)
    there = found.n > 0
    np.testing.assert_allclose(found.value.T[there], expected[there], rtol=1e-12)
    assert (expected[~there] == 0).all()
    assert np.isnan(found.value.T[~there]).all()


def test_separations_are_those_of_astropy() -> None:
    lon1, lon2 = RNG.uniform(-720, 720, (2, 1000))
    lat1, lat2 = RNG.uniform(-90, 90, (2, 1000))
    expected = np.degrees(astropy_separation(*np.radians([lon1, lat1, lon2, lat2])))
    np.testing.assert_allclose(angular_separation(lon1, lat1, lon2, lat2), expected, rtol=1e-12)

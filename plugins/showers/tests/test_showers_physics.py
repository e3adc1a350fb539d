"""The parts of the simulation, each by what must hold of it."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from scipy import stats

from gammalearn_showers.block import Block
from gammalearn_showers.instrument import subarray
from gammalearn_showers.parameters import Parameters
from gammalearn_showers.physics.atmosphere import at_height
from gammalearn_showers.physics.atmosphere import atmosphere
from gammalearn_showers.physics.atmosphere import height_of
from gammalearn_showers.physics.detector import Electronics
from gammalearn_showers.physics.detector import read_out
from gammalearn_showers.physics.electromagnetic import CRITICAL_ENERGY
from gammalearn_showers.physics.electromagnetic import RADIATION_LENGTH
from gammalearn_showers.physics.electromagnetic import greisen
from gammalearn_showers.physics.hadronic import cascade
from gammalearn_showers.physics.imaging import View
from gammalearn_showers.physics.model import Model
from gammalearn_showers.physics.muons import muons
from gammalearn_showers.simulator import Simulator
from gammalearn_showers.simulator import develop
from gammalearn_showers.simulator import directions
from gammalearn_showers.simulator import power_law

GROUND = 2156.0
COSZ = 0.94


@pytest.fixture(scope="module")
def gammas() -> Simulator:
    return Simulator(Parameters(particle="gamma", array="4mst", energy_range=(1.0, 10.0)).production())


@pytest.fixture(scope="module")
def protons() -> Simulator:
    return Simulator(Parameters(particle="proton", array="4lst").production())


def same(a: Block, b: Block) -> bool:
    pairs = [(a.showers, b.showers), *zip(a.images, b.images, strict=True)]
    return all(np.array_equal(getattr(x, f.name), getattr(y, f.name)) for x, y in pairs for f in attrs.fields(type(x)))


def test_the_atmosphere_is_the_table_and_weighs_what_it_should() -> None:
    atm = atmosphere()
    assert at_height(atm.depth, 10e3) == pytest.approx(283.6, rel=1e-3)
    assert at_height(atm.density, 10e3) == pytest.approx(4.2515e-4, rel=1e-3)
    # What lies above a height is the integral of the density, g/cm3 over m.
    weight = np.sum(atm.density[40:] * 50.0 * 100.0)
    assert weight == pytest.approx(at_height(atm.depth, 2000.0), rel=0.02)
    assert np.all(np.diff(atm.depth) < 0)
    assert np.all(np.diff(atm.optical_depth) > 0)


@pytest.mark.parametrize("height", [2200.0, 8000.0, 15e3, 30e3, 60e3])
def test_height_and_depth_are_inverse(height: float) -> None:
    assert height_of(atmosphere(), at_height(atmosphere().depth, height)) == pytest.approx(height, abs=30.0)


def test_a_shower_has_most_particles_where_its_age_is_one() -> None:
    depths = np.linspace(1.0, 20.0, 400)
    counts, ages = zip(*(greisen(1000.0, t) for t in depths), strict=True)
    at = int(np.argmax(counts))
    assert depths[at] == pytest.approx(np.log(1000.0 / CRITICAL_ENERGY), abs=0.1)
    assert ages[at] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("energy", [30.0, 300.0, 3000.0])
def test_branches_keep_the_energy_and_the_track_length_of_a_gamma(gammas: Simulator, energy: float) -> None:
    kernel, atm, model = gammas.physics
    clear = atm._replace(optical_depth=np.zeros_like(atm.optical_depth))
    rng = np.random.default_rng(1)
    lengths = []
    for _ in range(50):
        sources, tracks, *_ = develop(rng, 0, energy, COSZ, kernel, clear, model._replace(late_decay=0.0))
        assert sources[:, 0].sum() == pytest.approx(energy)
        density = [at_height(atm.density, h) for h in kernel.height]
        lengths.append((tracks * density).sum() * 100.0 / RADIATION_LENGTH)
    # Radiation lengths of all tracks; a part is above 22 km or in the ground.
    assert np.mean(lengths) == pytest.approx(energy / CRITICAL_ENERGY, rel=0.12)


def test_a_proton_gives_less_than_its_energy_to_photons_and_more_of_it_at_higher_energy() -> None:
    rng = np.random.default_rng(1)
    parts = {}
    for energy in (100.0, 10_000.0):
        sums = []
        for _ in range(200):
            sources, n, mu, n_mu, first = cascade(rng, energy, COSZ, GROUND, atmosphere(), Model())
            sums.append(sources[:n, 0].sum() / energy)
            assert sums[-1] < 1.0
            assert mu[:n_mu, 0].sum() / energy + sums[-1] < 1.0
            assert np.all(mu[:n_mu, 1] <= first)
        parts[energy] = np.mean(sums)
    assert 0.25 < parts[100.0] < parts[10_000.0] < 0.75


def test_a_muon_through_the_mirror_makes_a_ring_of_its_cherenkov_angle(protons: Simulator) -> None:
    charge, times = one_muon(protons, 0.0)
    optics = protons._types[0][1]
    camera = protons.production.subarray.types[0].camera
    angle = np.hypot(camera.x, camera.y) / optics.focal_length
    eta = at_height(atmosphere().refractivity, GROUND + 0.5 * optics.radius / 0.022)
    cone = np.sqrt(2 * eta - (0.10566 / 20.0) ** 2)
    assert np.average(angle, weights=charge) == pytest.approx(cone, rel=0.05)
    # 370 photons per eV and cm, 2.07 eV, over the radius of the mirror seen at this angle.
    expected = 370e2 * 2.07 * cone * optics.radius * optics.efficiency
    assert charge.sum() == pytest.approx(expected, rel=0.15)
    # Its scattering turns the whole ring by some hundredths of a degree.
    assert abs(np.average(camera.x, weights=charge)) < 0.1 * cone * optics.focal_length
    assert times[:, 0].sum() / charge.sum() < 5.0


def test_a_muon_that_passes_by_makes_a_small_arc_on_the_side_it_is_at(protons: Simulator) -> None:
    charge, _ = one_muon(protons, 60.0)
    camera = protons.production.subarray.types[0].camera
    lit = charge > 3
    assert 3 <= lit.sum() <= 20
    # Along x is along increasing altitude: light comes from where the muon came down, from 3 km above the ground.
    cone = np.sqrt(2 * at_height(atmosphere().refractivity, GROUND + 3000.0))
    assert np.average(camera.x, weights=charge) / protons._types[0][1].focal_length == pytest.approx(cone, rel=0.15)


def one_muon(simulator: Simulator, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """Photo-electrons and times in a telescope of a vertical 20 GeV muon that passes by at a distance."""
    optics = simulator._types[0][1]
    n = simulator.production.subarray.types[0].camera.n_pixels
    charge, times = np.zeros(n, dtype=np.int32), np.zeros((n, 2))
    track = np.array([[20.0, 9000.0, offset, 0.0, 0.0, 0.0]])
    view = View(0.0, 0.0, 0.0, np.eye(3))
    muons(np.random.default_rng(1), track, 1.0, GROUND, atmosphere(), view, optics, charge, times)
    return charge, times


def test_muons_and_showers_arrive_together(protons: Simulator) -> None:
    """They would not if either had another clock: images would leave the window."""
    images = protons.block(1, 0, 1500).images[0]
    times = images.peak_time[images.true_image > 20]
    window = protons.production.subarray.types[0].window
    assert len(times) > 1000
    assert np.mean((times <= 0) | (times >= window)) < 0.02


def test_empty_pixels_have_the_night_sky_and_nothing_else() -> None:
    kind = subarray("mst-mono").types[0]
    n = kind.camera.n_pixels
    true, times = np.zeros(n, dtype=np.int32), np.zeros((n, 2))
    lit = [900, *(p for p in kind.camera.neighbours[900] if p >= 0)]
    true[lit] = 40
    charge, peak_time = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    electronics = Electronics(kind.camera.neighbours, 1.5, 0.5, 0.4, 32.0, 60.0, 4.5)
    rng = np.random.default_rng(1)
    charges, lit_charges, lit_times = [], [], []
    for _ in range(40):
        assert read_out(rng, true, times, electronics, charge, peak_time)
        charges.append(np.delete(charge, lit))
        lit_charges.append(charge[lit])
        lit_times.append(peak_time[lit])
    assert np.mean(charges) == pytest.approx(0.0, abs=0.02)
    assert np.std(charges) == pytest.approx(np.sqrt(1.5 * (1 + 0.4**2) + 0.5**2), rel=0.02)
    assert np.mean(lit_charges) == pytest.approx(40.0, rel=0.03)
    # All light came at once, at the trigger's place in the window.
    assert np.mean(lit_times) == pytest.approx(0.4 * 60.0, abs=0.2)
    true[lit] = 4
    assert not read_out(rng, true, times, electronics, charge, peak_time)


def test_light_that_is_spread_in_time_is_lost_in_part() -> None:
    kind = subarray("mst-mono").types[0]
    n = kind.camera.n_pixels
    true, times = np.zeros(n, dtype=np.int32), np.zeros((n, 2))
    lit = [900, *(p for p in kind.camera.neighbours[900] if p >= 0)]
    true[lit] = 1000
    electronics = Electronics(kind.camera.neighbours, 1.5, 0.5, 0.4, 32.0, 60.0, 4.5)
    charge, peak_time = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    means = []
    for spread in (0.0, 2.0, 5.0):
        times[lit, 1] = 1000 * spread**2
        read_out(np.random.default_rng(1), true, times, electronics, charge, peak_time)
        means.append(charge[lit].mean())
    assert means[0] == pytest.approx(1000, rel=0.03)
    assert means[0] > 1.2 * means[1] > 1.5 * means[2]


def test_a_shower_does_not_depend_on_the_block_it_is_made_in(protons: Simulator) -> None:
    whole = protons.block(2, 0, 40)
    parts = [protons.block(2, n, n + 8) for n in range(0, 40, 8)]
    for field in attrs.fields(type(whole.showers)):
        joined = np.concatenate([getattr(p.showers, field.name) for p in parts])
        assert np.array_equal(joined, getattr(whole.showers, field.name))
    assert np.array_equal(np.concatenate([p.images[0].charge for p in parts]), whole.images[0].charge)
    assert same(whole, protons.block(2, 0, 40))


def test_seeds_runs_and_particles_give_other_showers(protons: Simulator) -> None:
    given = protons.production
    blocks = [protons.block(1, 0, 20), protons.block(2, 0, 20)]
    for other in (attrs.evolve(given, seed=1), attrs.evolve(given, primary="gamma")):
        blocks.append(Simulator(other).block(1, 0, 20))
    energies = np.array([b.showers.energy for b in blocks])
    assert len(np.unique(energies)) == energies.size


def test_showers_are_thrown_as_asked() -> None:
    parameters = Parameters(particle="gamma", array="mst-mono", viewcone=4.0, scatter_radius=300.0, azimuth=90.0)
    simulator = Simulator(parameters.production())
    drawn = np.array([simulator._throw(np.random.default_rng(n)) for n in range(4000)])
    energy, alt, az, x, y = drawn.T
    least, most = simulator.production.energy_range
    assert stats.kstest((1 / least - 1 / energy) / (1 / least - 1 / most), "uniform").pvalue > 1e-3
    source = np.array([directions(a, z)[2] for a, z in zip(alt, az, strict=True)])
    pointing = directions(np.radians(70.0), np.radians(90.0))
    cos = source @ pointing[2]
    assert stats.kstest((1 - cos) / (1 - np.cos(np.radians(4.0))), "uniform").pvalue > 1e-3
    core = np.column_stack([x, y, np.zeros_like(x)]) @ pointing.T
    assert stats.kstest((core[:, 0] ** 2 + core[:, 1] ** 2) / 300.0**2, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("index", [-1.0, -2.0, -2.7, 0.0])
def test_a_power_law_keeps_its_limits_and_median(index: float) -> None:
    assert power_law(0.0, 0.1, 10.0, index) == pytest.approx(0.1)
    assert power_law(1.0, 0.1, 10.0, index) == pytest.approx(10.0)
    median = power_law(0.5, 0.1, 10.0, index)
    energies = np.geomspace(0.1, 10.0, 20001)
    weights = energies ** (index + 1)
    below = weights[energies < median].sum() / weights.sum()
    assert below == pytest.approx(0.5, abs=2e-3)


def test_axes_of_stereo_images_meet_at_the_source(gammas: Simulator) -> None:
    from gammalearn_showers.dl1.parameters import image_parameters
    from gammalearn_showers.dl1.pixels import SkyPixels

    block = gammas.block(1, 0, 200)
    images, (kind,) = block.images[0], gammas.production.subarray.types
    pixels = SkyPixels.of(kind.camera, kind.effective_focal_length)
    found = image_parameters(pixels, images.charge, images.peak_time, picture=10.0, boundary=5.0).columns
    bright = found["hillas_intensity"] > 300
    errors = []
    for shower in np.unique(images.shower):
        rows = np.flatnonzero((images.shower == shower) & bright)
        if len(rows) < 3:
            continue
        psi = np.radians(found["hillas_psi"][rows])
        normal = np.column_stack([-np.sin(psi), np.cos(psi)])
        cog = np.column_stack([found["hillas_fov_lon"][rows], found["hillas_fov_lat"][rows]])
        meeting, *_ = np.linalg.lstsq(normal, (normal * cog).sum(axis=1), rcond=None)
        source = directions(block.showers.alt[shower], block.showers.az[shower])[2]
        along = source @ directions(np.radians(70.0), np.radians(180.0)).T
        lon, lat = np.degrees(np.arctan2(along[1], along[2])), np.degrees(np.arcsin(along[0]))
        errors.append(np.hypot(meeting[0] - lon, meeting[1] - lat))
    assert len(errors) > 30
    assert np.median(errors) < 0.1

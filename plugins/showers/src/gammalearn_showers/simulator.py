"""`Simulator`: showers of a production, in blocks, each shower from a stream of random numbers of its own."""

from __future__ import annotations

from typing import Any
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.block import Block
from gammalearn_showers.block import Images
from gammalearn_showers.block import Showers
from gammalearn_showers.compiled import compiled
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.physics.atmosphere import Atmosphere
from gammalearn_showers.physics.atmosphere import atmosphere
from gammalearn_showers.physics.atmosphere import height_of
from gammalearn_showers.physics.cherenkov import Kernel
from gammalearn_showers.physics.cherenkov import kernel
from gammalearn_showers.physics.detector import Electronics
from gammalearn_showers.physics.detector import read_out
from gammalearn_showers.physics.electromagnetic import N_COLUMNS
from gammalearn_showers.physics.electromagnetic import RADIATION_LENGTH
from gammalearn_showers.physics.electromagnetic import add_electron
from gammalearn_showers.physics.hadronic import cascade
from gammalearn_showers.physics.imaging import Optics
from gammalearn_showers.physics.imaging import View
from gammalearn_showers.physics.imaging import electrons
from gammalearn_showers.physics.light import longitudinal
from gammalearn_showers.physics.model import Model
from gammalearn_showers.physics.muons import muons
from gammalearn_showers.production import Production

_Array: TypeAlias = NDArray[Any]
_Row: TypeAlias = tuple[_Array, _Array, _Array, _Array, _Array, _Array]


class Simulator:
    """Simulates showers of a production; a shower depends on the seed, the run and its number alone.

    Parameters
    ----------
    production : Production
        What to throw, and at what.
    model : Model, optional
        Free numbers of the physics.
    """

    def __init__(self, production: Production, model: Model | None = None) -> None:
        self.production = production
        zenith = np.radians(production.zenith)
        model = model or Model()
        self.physics = kernel(zenith, production.subarray.altitude, model), atmosphere(), model
        self._pointing = directions(np.pi / 2 - zenith, np.radians(production.azimuth))
        array = production.subarray
        self._types = [
            (np.flatnonzero(array.tel_type == i), _optics(kind), _electronics(kind))
            for i, kind in enumerate(array.types)
        ]

    def block(self, run: int, start: int, stop: int) -> Block:
        """Showers `start` to `stop` of a run.

        Parameters
        ----------
        run : int
            Runs have showers of their own.
        start, stop : int
            Numbers of the first shower, and of that after the last.

        Returns
        -------
        Block
            Truth of all of them, and images of those the array triggered on.
        """
        production = self.production
        numbers = np.arange(start, stop)
        truth = np.empty((len(numbers), len(_TRUTH)))
        rows: list[list[_Row]] = [[] for _ in self._types]
        triggered = np.zeros(len(numbers), dtype=bool)
        for row, number in enumerate(numbers):
            sequence = np.random.SeedSequence(production.seed, spawn_key=(production.primary_id, run, int(number)))
            rng = np.random.Generator(np.random.SFC64(sequence))
            truth[row, :5] = self._throw(rng)
            seen, truth[row, 5:] = self._shower(rng, row, truth[row, :5])
            triggered[row] = sum(len(part[1]) for part in seen) >= production.min_telescopes
            if triggered[row]:
                for part, kept in zip(seen, rows, strict=True):
                    kept.append(part)
        images = tuple(_gathered(part, kind) for part, kind in zip(rows, production.subarray.types, strict=True))
        columns = {name: truth[:, i].copy() for i, name in enumerate(_TRUTH)}
        return Block(Showers(number=numbers, triggered=triggered, **columns), images)

    def resimulate(
        self, energy: float, alt: float, az: float, core_x: float, core_y: float, seed: int
    ) -> tuple[list[_Row], NDArray[np.float64]]:
        """Images of one given shower: what triggered of each telescope type, and height and depth of the shower."""
        rng = np.random.Generator(np.random.SFC64(seed))
        return self._shower(rng, 0, np.array([energy, alt, az, core_x, core_y]))

    def _throw(self, rng: np.random.Generator) -> tuple[float, float, float, float, float]:
        """Energy, direction and core of a shower."""
        production = self.production
        least, most = production.energy_range
        energy = power_law(rng.random(), least, most, production.index)
        radius = production.scatter_radius * np.sqrt(rng.random())
        azimuth = 2.0 * np.pi * rng.random()
        u, v = radius * np.cos(azimuth), radius * np.sin(azimuth)
        cos = 1.0 - rng.random() * (1.0 - np.cos(np.radians(production.viewcone)))
        azimuth = 2.0 * np.pi * rng.random()
        sin = np.sqrt(1.0 - cos * cos)
        d = np.array([sin * np.cos(azimuth), sin * np.sin(azimuth), cos]) @ self._pointing
        up = self._pointing[2]
        # The circle of cores is perpendicular to the pointing: along the pointing down to the ground.
        core = u * self._pointing[0] + v * self._pointing[1]
        core -= core[2] / up[2] * up
        return energy, float(np.arcsin(d[2])), float(np.arctan2(-d[1], d[0]) % (2.0 * np.pi)), core[0], core[1]

    def _shower(
        self, rng: np.random.Generator, row: int, truth: NDArray[np.float64]
    ) -> tuple[list[_Row], NDArray[np.float64]]:
        """Develop a shower, and look at it with every telescope."""
        energy, alt, az, core_x, core_y = truth
        frame = directions(alt, az)
        cosz = float(np.sin(alt))
        sources, tracks, age, start, span, mu, first, x_max = develop(
            rng, self.production.primary_id, energy * 1e3, cosz, *self.physics
        )
        relative = self.production.subarray.position - np.array([core_x, core_y, 0.0])
        places = relative @ frame.T
        axes = frame @ self._pointing.T
        seen = []
        for tels, optics, electronics in self._types:
            hit, charge, peak_time, true = look(
                rng,
                sources,
                tracks,
                age,
                start,
                span,
                mu,
                cosz,
                *self.physics[:2],
                places[tels],
                axes,
                optics,
                electronics,
            )
            impact = np.hypot(places[tels[hit], 0], places[tels[hit], 1])
            seen.append((np.full(len(hit), row), tels[hit], charge, peak_time, true, impact))
        return seen, np.array([first, x_max])


_TRUTH = ("energy", "alt", "az", "core_x", "core_y", "h_first_int", "x_max")


def power_law(u: float, least: float, most: float, index: float) -> float:
    """A draw from a power law between two energies, from a uniform number."""
    if index == -1.0:
        return float(least * (most / least) ** u)
    g = index + 1.0
    return float((least**g + u * (most**g - least**g)) ** (1.0 / g))


def directions(alt: float, az: float) -> NDArray[np.float64]:
    """Unit vectors of increasing altitude, increasing azimuth, and of a direction itself, in (north, west, up)."""
    ca, sa, cz, sz = np.cos(alt), np.sin(alt), np.cos(az), np.sin(az)
    return np.array([[-sa * cz, sa * sz, ca], [-sz, -cz, 0.0], [ca * cz, -ca * sz, sa]])


def _optics(kind: TelescopeType) -> Optics:
    lookup = kind.camera.lookup
    return Optics(
        area=kind.mirror_area * kind.efficiency,
        radius=float(np.sqrt(kind.mirror_area / np.pi)),
        efficiency=kind.efficiency,
        focal_length=kind.effective_focal_length,
        psf=float(np.radians(kind.psf)),
        psf_off_axis=kind.psf_off_axis,
        lookup=lookup.table,
        pitch=lookup.pitch,
        half_width=lookup.half_width,
    )


def _electronics(kind: TelescopeType) -> Electronics:
    return Electronics(
        neighbours=kind.camera.neighbours,
        nsb=kind.nsb,
        noise=kind.electronic_noise,
        resolution=kind.charge_resolution,
        threshold=kind.trigger_threshold,
        window=kind.window,
        integration=kind.integration,
    )


def _gathered(parts: list[_Row], kind: TelescopeType) -> Images:
    """Images of all showers of a block."""
    if parts:
        return Images(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    pixels = (0, kind.camera.n_pixels)
    none = np.empty(0, dtype=np.int64)
    charge = np.empty(pixels, dtype=np.float32)
    return Images(none, none, charge, charge, np.empty(pixels, dtype=np.int32), np.empty(0))


@compiled
def develop(
    rng: np.random.Generator, primary: int, energy: float, cosz: float, kernel: Kernel, atm: Atmosphere, model: Model
) -> tuple[_Array, _Array, _Array, _Array, _Array, _Array, float, float]:
    """A shower of an energy in GeV: its sources and what `longitudinal` gives for them, its muons, height and depth."""
    mu = np.empty((0, 6))
    if primary == 101:
        sources, n, mu, n_mu, first = cascade(rng, energy, cosz, kernel.ground, atm, model)
        mu = mu[:n_mu]
    else:
        free_path = (9.0 / 7.0 if primary == 0 else 0.75) * RADIATION_LENGTH
        depth = rng.exponential() * free_path
        first = height_of(atm, depth * cosz)
        sources, n = add_electron(rng, np.empty((8, N_COLUMNS)), 0, energy, depth, 0.0, 0.0, 0.0, 0.0, cosz, atm, model)
    sources = sources[:n]
    tracks, age, start, span, x_max = longitudinal(sources, cosz, kernel, atm, model)
    return sources, tracks, age, start, span, mu, first, x_max


@compiled
def look(
    rng: np.random.Generator,
    sources: NDArray[np.float64],
    tracks: NDArray[np.float64],
    age: NDArray[np.float64],
    start: NDArray[np.float64],
    span: NDArray[np.int64],
    mu: NDArray[np.float64],
    cosz: float,
    kernel: Kernel,
    atm: Atmosphere,
    places: NDArray[np.float64],
    axes: NDArray[np.float64],
    optics: Optics,
    electronics: Electronics,
) -> tuple[_Array, _Array, _Array, _Array]:
    """Images of the telescopes of one type that trigger: which, charge, time and photo-electrons."""
    n_pixels = len(electronics.neighbours)
    n = len(places)
    hit = np.empty(n, dtype=np.int64)
    charge, peak_time = np.empty((n, n_pixels), dtype=np.float32), np.empty((n, n_pixels), dtype=np.float32)
    true = np.empty((n, n_pixels), dtype=np.int32)
    times = np.empty((n_pixels, 2))
    n_hit = 0
    for t in range(n):
        view = View(places[t, 0], places[t, 1], places[t, 2], axes)
        true[n_hit] = 0
        times[:] = 0.0
        electrons(rng, sources, tracks, age, start, span, cosz, kernel, atm, view, optics, true[n_hit], times)
        muons(rng, mu, cosz, kernel.ground, atm, view, optics, true[n_hit], times)
        if read_out(rng, true[n_hit], times, electronics, charge[n_hit], peak_time[n_hit]):
            hit[n_hit] = t
            n_hit += 1
    return hit[:n_hit], charge[:n_hit].copy(), peak_time[:n_hit].copy(), true[:n_hit].copy()


__all__ = ["Simulator", "directions", "power_law"]

"""The atmosphere: density, depth, refraction and extinction against height.

The density profile is the winter atmosphere of La Palma of CTAO's production 6 (from ECMWF analyses, as the file
``gamma_diffuse_run000010`` of simtools, BSD-3-Clause, carries it). Refractivity is proportional to density,
``n - 1 = 2.83e-4 rho / 1.225e-3 g/cm3`` (Edlén 1966, Metrologia 2, 71, at 400 nm). Extinction is that of one effective
wavelength, 400 nm: Rayleigh scattering with a mean free path of 2970 g/cm2 (Bucholtz 1995, Appl. Opt. 34, 2765),
aerosols and ozone as in the clear desert atmospheres of Elterman (1968, AFCRL-68-0153).

Layers are plane-parallel, good to 1 % in depth below 60 deg of zenith angle.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from gammalearn_showers.compiled import compiled

TOP = 100e3
"""Greatest height, in m."""
_STEP = 50.0
_LOG_DEPTH = (-8.0, 7.0)
_N_DEPTHS = 3001


class Atmosphere(NamedTuple):
    """Quantities on a grid of heights with equal steps.

    Parameters
    ----------
    depth : array of float64
        Vertical depth in g/cm2.
    density : array of float64
        In g/cm3.
    refractivity : array of float64
        ``n - 1``.
    delay : array of float64
        Integral of the refractivity from sea level, in m.
    optical_depth : array of float64
        Vertical optical depth from sea level.
    height : array of float64
        Height in m against equal steps of the logarithm of depth.
    """

    depth: NDArray[np.float64]
    density: NDArray[np.float64]
    refractivity: NDArray[np.float64]
    delay: NDArray[np.float64]
    optical_depth: NDArray[np.float64]
    height: NDArray[np.float64]


@cache
def atmosphere() -> Atmosphere:
    """The atmosphere of La Palma in winter."""
    text = files("gammalearn_showers.physics").joinpath("tables", "la_palma_winter.csv").read_text()
    km, density, depth = np.loadtxt(text.splitlines(), delimiter=",", skiprows=1, unpack=True)
    height = np.arange(0.0, TOP + _STEP, _STEP)
    log_depth = PchipInterpolator(km * 1e3, np.log(depth))
    rho = np.exp(PchipInterpolator(km * 1e3, np.log(density))(height))
    refractivity = 2.83e-4 * rho / 1.225e-3
    x = np.exp(log_depth(height))
    delay = np.concatenate([[0.0], np.cumsum(0.5 * (refractivity[1:] + refractivity[:-1]) * _STEP)])
    steps = np.linspace(*_LOG_DEPTH, _N_DEPTHS)
    inverse = np.interp(-steps, -np.log(x), height)
    return Atmosphere(x, rho, refractivity, delay, _optical_depth(height, x), inverse)


def _optical_depth(height: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the vertical from sea level to each height, at 400 nm."""
    rayleigh = (depth[0] - depth) / 2970.0
    aerosols = 0.20 * (1.0 - np.exp(-height / 1500.0))
    ozone = 0.02 * np.clip((height - 8000.0) / 15000.0, 0.0, 1.0)
    return np.asarray(rayleigh + aerosols + ozone)


@compiled
def at_height(table: NDArray[np.float64], height: float) -> float:
    """A quantity at a height in m, linear between the steps."""
    place = min(max(height / _STEP, 0.0), len(table) - 1.001)
    i = int(place)
    part = place - i
    return float(table[i] * (1.0 - part) + table[i + 1] * part)


@compiled
def height_of(atm: Atmosphere, depth: float) -> float:
    """Height in m above sea level of a vertical depth in g/cm2."""
    place = (np.log(max(depth, 1e-3)) - _LOG_DEPTH[0]) / (_LOG_DEPTH[1] - _LOG_DEPTH[0]) * (_N_DEPTHS - 1)
    place = min(max(place, 0.0), _N_DEPTHS - 1.001)
    i = int(place)
    part = place - i
    return float(atm.height[i] * (1.0 - part) + atm.height[i + 1] * part)


__all__ = ["TOP", "Atmosphere", "at_height", "atmosphere", "height_of"]

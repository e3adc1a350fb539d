"""Predictions of an event from those of its telescopes.

The mean over the telescopes that have a valid prediction: of the logarithm for energies, of unit vectors for
directions, of the values for gammaness and whatever else a target gives. So uncertainties are those of telescopes that
err alike: as telescopes see the same shower, how much less the mean errs is not known.
"""

from __future__ import annotations

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from gammalearn_core.results.dl2.tables import Values

_DIRECTION = ("alt", "az")
_SHORTEST = 1e-6
"""Mean vectors that are shorter point nowhere: the telescopes contradict each other."""


def combine(values: Values, event: NDArray[np.int64], telescope: NDArray[np.int64], shape: tuple[int, int]) -> Values:
    """Predictions of events.

    Parameters
    ----------
    values : Values
        Of telescopes, a row an image.
    event : array of int, (n,)
        The event of each row, -1 for none.
    telescope : array of int, (n,)
        The place of its telescope in the layout.
    shape : tuple of int
        Numbers of events and of telescopes.

    Returns
    -------
    Values
        A row an event; NaN where no telescope has a prediction. ``telescopes`` are those that took part.

    Examples
    --------
    >>> energies = Values(algorithm="E", group="energy", quantities={"energy": np.array([1.0, 100.0, np.nan])})
    >>> mean = combine(energies, np.array([0, 0, 0]), np.array([0, 1, 2]), (2, 3))
    >>> mean.quantities["energy"].tolist(), mean.telescopes.tolist()
    ([10.0, nan], [[True, True, False], [False, False, False]])
    """
    used = values.valid & (event >= 0)
    rows, count = event[used], np.bincount(event[used], minlength=shape[0])

    def mean(column: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(rows, weights=column, minlength=shape[0])
        return np.asarray(np.divide(sums, count, out=np.full(shape[0], np.nan), where=count > 0))

    given = {name: column[used] for name, column in values.quantities.items()}
    made: dict[str, NDArray[np.float64]] = {}
    for name, column in given.items():
        if name == "energy":
            with np.errstate(divide="ignore"):
                made[name] = 10.0 ** mean(np.log10(column))
        elif name not in _DIRECTION or not given.keys() >= set(_DIRECTION):
            made[name] = mean(column)
    if given.keys() >= set(_DIRECTION):
        made["alt"], made["az"] = _direction(*(mean(part) for part in _vectors(given["alt"], given["az"])))
    combined = evolve(values, quantities={name: made[name] for name in values.quantities})
    mask = np.zeros(shape, dtype=bool)
    mask[rows, telescope[used]] = True
    return evolve(combined, telescopes=mask & combined.valid[:, None])


def _vectors(alt: NDArray[np.float64], az: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    alt, az = np.radians(alt), np.radians(az)
    return np.cos(alt) * np.cos(az), np.cos(alt) * np.sin(az), np.sin(alt)


def _direction(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Altitude and azimuth of vectors of any length, deg."""
    short = np.sqrt(x**2 + y**2 + z**2) < _SHORTEST
    alt = np.degrees(np.arctan2(z, np.hypot(x, y)))
    az = np.degrees(np.arctan2(y, x)) % 360.0
    return np.where(short, np.nan, alt), np.where(short, np.nan, az)


__all__ = ["combine"]

"""What was simulated."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import h5py
import numpy as np
from pyirf.simulations import SimulatedEventsInfo

from gammalearn_core import DataError
from gammalearn_irf.reading.tables import read_columns

RUN = "/configuration/simulation/run"
SAME = {
    "energy_range_min": "TeV",
    "energy_range_max": "TeV",
    "max_scatter_range": "m",
    "spectral_index": "",
    "min_viewcone_radius": "deg",
    "max_viewcone_radius": "deg",
}
"""Parameters that runs must share, with the unit in which they are compared."""


def read_thrown(h5: h5py.File) -> SimulatedEventsInfo:
    """The showers of a file, uses of the same shower counted each.

    Raises
    ------
    DataError
        Its runs differ in more than their showers, or are of a kind that pyirf cannot weigh.
    """
    rows = read_columns(h5, RUN, ["n_showers", "shower_reuse", *SAME])
    values = {name: u.Quantity(rows[name]).to_value(unit or u.one) for name, unit in SAME.items()}
    count = float(np.sum(rows["n_showers"].astype(np.float64) * rows["shower_reuse"]))
    if not count > 0:
        raise DataError(f"{h5.filename}: {RUN} counts no shower")
    differing = [name for name, found in values.items() if not np.allclose(found, found[0], rtol=1e-5)]
    if differing:
        raise DataError(f"{h5.filename}: its runs differ in {', '.join(differing)}, and cannot be weighed together")
    return _info(h5.filename, count, {name: float(found[0]) for name, found in values.items()})


def _info(file: str, count: float, values: dict[str, float]) -> SimulatedEventsInfo:
    index = values["spectral_index"]
    if not index < -1:
        raise DataError(f"{file}: showers of spectral index {index:g} cannot be weighed: pyirf needs one below -1")
    return SimulatedEventsInfo(
        n_showers=count,
        energy_min=values["energy_range_min"] * u.TeV,
        energy_max=values["energy_range_max"] * u.TeV,
        max_impact=values["max_scatter_range"] * u.m,
        spectral_index=index,
        viewcone_min=values["min_viewcone_radius"] * u.deg,
        viewcone_max=values["max_viewcone_radius"] * u.deg,
    )


def together(files: list[str], infos: list[SimulatedEventsInfo]) -> SimulatedEventsInfo:
    """The showers of several files of one particle.

    Raises
    ------
    DataError
        They were simulated in different ways.
    """
    first = infos[0]
    for file, info in zip(files, infos, strict=True):
        names = [name for name in _shared() if not _same(getattr(info, name), getattr(first, name))]
        if names:
            raise DataError(f"{file} and {files[0]} differ in {', '.join(names)}: make the responses of each apart")
    return SimulatedEventsInfo(
        n_showers=sum(info.n_showers for info in infos), **{name: getattr(first, name) for name in _shared()}
    )


def _shared() -> list[str]:
    return [name for name in SimulatedEventsInfo.__slots__ if name != "n_showers"]


def _same(one: Any, other: Any) -> bool:
    return bool(np.isclose(u.Quantity(one), u.Quantity(other), rtol=1e-5))


__all__ = ["read_thrown", "together"]

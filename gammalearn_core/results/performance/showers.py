"""What was thrown, as DL1 files of simulations say it: ``thrown_gammas`` of the files of a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers the blosc filters that ctapipe uses
import numpy as np
from numpy.typing import NDArray

from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.table import EventTable
from gammalearn_core.results.performance.area import SimulatedShowers
from gammalearn_core.results.performance.events import GAMMA
from gammalearn_core.results.performance.events import PRIMARY

_TABLES = ("/configuration/simulation/run", "/simulation/run_config")
"""Of ctapipe and of lstchain."""
_NUMBERS = ("n_showers", "num_showers")
_POWER_LAW = ("energy_range_min", "energy_range_max", "spectral_index", "max_scatter_range")


def thrown_gammas(
    files: Sequence[Path], events: EventTable, *, share: float = 1.0, only: Sequence[int] | None = None
) -> list[SimulatedShowers]:
    """Gammas that the samples of a split are left of; empty if a file does not say what it is left of.

    Parameters
    ----------
    files : sequence of Path
        DL1 files, in the order of the column ``file``.
    events : EventTable
        Their events, of which the particle of each file is known.
    share : float
        Share of the showers that are in the split.
    only : sequence of int, optional
        Numbers of the files that the split is taken of; all unless given.
    """
    chosen = range(len(files)) if only is None else only
    found = [read_showers(files[number], share=share) for number in chosen if _holds_gammas(events, number)]
    return [showers for of_file in found for showers in of_file] if all(found) else []


def _holds_gammas(events: EventTable, number: int) -> bool:
    if PRIMARY not in events or "file" not in events:
        return False
    return bool(((events[PRIMARY] == GAMMA) & (events["file"] == number)).any())


def read_showers(path: Path, *, share: float = 1.0) -> list[SimulatedShowers]:
    """What one file says was thrown, runs of one power law together; empty if it does not say it in full."""
    if not h5py.is_hdf5(path):
        return []
    with h5py.File(path, "r", locking="best-effort") as h5:
        table = next((h5[name] for name in _TABLES if name in h5), None)
        number = next((n for n in _NUMBERS if table is not None and n in table.dtype.names), None)
        if table is None or number is None or any(n not in table.dtype.names for n in _POWER_LAW):
            return []
        reuse = ["shower_reuse"] if "shower_reuse" in table.dtype.names else []
        columns = read_columns(table, [number, *reuse, *_POWER_LAW])
    counts = np.prod([columns[n].astype(np.float64) for n in (number, *reuse)], axis=0)
    laws = np.column_stack([columns[n].astype(np.float64) for n in _POWER_LAW])
    return _together(counts * share, laws)


def _together(counts: NDArray[np.float64], laws: NDArray[np.float64]) -> list[SimulatedShowers]:
    different, of_run = np.unique(laws, axis=0, return_inverse=True)
    sums = np.bincount(of_run.reshape(-1), weights=counts, minlength=len(different))
    try:
        return [
            SimulatedShowers(
                n_showers=float(n), energy_min=low, energy_max=high, spectral_index=index, scatter_radius=radius
            )
            for n, (low, high, index, radius) in zip(sums, different.tolist(), strict=True)
        ]
    except ValueError:
        return []


__all__ = ["read_showers", "thrown_gammas"]

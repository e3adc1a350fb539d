"""`ThrownShowers`: a histogram of all showers thrown, triggered or not."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.block import Showers
from gammalearn_showers.dl1.columns import OBS_ID
from gammalearn_showers.dl1.columns import Column
from gammalearn_showers.dl1.table import write_table

ENERGY_EDGES: NDArray[np.float64] = np.logspace(-3, 4, 141)
"""In TeV; these and the number of distances are those of sim_telarray, so that files can be merged."""
DISTANCES = 200
STEP = 20.0


class ThrownShowers:
    """Counts of showers by energy and by distance of the array's centre from their axis.

    Parameters
    ----------
    scatter_radius : float
        Radius in which cores lie, in m. There are 200 distances in steps of 20 m, or of more if the radius needs it.
    """

    def __init__(self, scatter_radius: float) -> None:
        self.distance_edges = np.linspace(0, DISTANCES * max(STEP, scatter_radius / 100), DISTANCES + 1)
        self.counts = np.zeros((len(ENERGY_EDGES) - 1, DISTANCES), dtype=np.float64)

    @property
    def total(self) -> int:
        """Showers so far."""
        return int(self.counts.sum())

    def add(self, showers: Showers) -> None:
        """Count all showers of a block; what is beyond the last edges is counted in the last bins."""
        energy = np.searchsorted(ENERGY_EDGES, showers.energy, side="right") - 1
        distance = np.searchsorted(self.distance_edges, axis_distance(showers), side="right") - 1
        bins = np.clip(energy, 0, self.counts.shape[0] - 1), np.clip(distance, 0, DISTANCES - 1)
        np.add.at(self.counts, bins, 1)

    def write(self, file: h5py.File, obs_id: int) -> None:
        """Write ``simulation/service/shower_distribution``."""
        columns = (
            OBS_ID,
            Column(name="hist_id", dtype="i8"),
            Column(name="n_entries", dtype="i8", text="showers thrown"),
            Column(name="bins_energy", dtype="f8", shape=ENERGY_EDGES.shape, unit="TeV", text="edges of energies"),
            Column(
                name="bins_core_dist",
                dtype="f8",
                shape=self.distance_edges.shape,
                unit="m",
                text="edges of distances of the centre of the array from the axis",
            ),
            Column(name="histogram", dtype="f4", shape=self.counts.shape, text="showers by energy and distance"),
        )
        values = {
            "obs_id": obs_id,
            "hist_id": 6,
            "n_entries": self.total,
            "bins_energy": ENERGY_EDGES,
            "bins_core_dist": self.distance_edges,
            "histogram": self.counts,
        }
        write_table(file, "simulation/service/shower_distribution", columns=columns, values=values)


def axis_distance(showers: Showers) -> NDArray[np.float64]:
    """Distance of the centre of the array from the axes of showers, in m.

    Examples
    --------
    A shower from 60 deg south of the zenith, with its core 100 m north.

    >>> one = {n: np.zeros(1) for n in ("energy", "h_first_int", "x_max", "number", "triggered")}
    >>> angles = {"alt": np.radians([30.0]), "az": np.radians([180.0])}
    >>> shower = Showers(**one, **angles, core_x=np.array([100.0]), core_y=np.zeros(1))
    >>> axis_distance(shower).round(6).tolist()
    [50.0]
    """
    along = np.cos(showers.alt) * (np.cos(showers.az) * showers.core_x - np.sin(showers.az) * showers.core_y)
    return np.sqrt(np.maximum(showers.core_x**2 + showers.core_y**2 - along**2, 0))


__all__ = ["ThrownShowers", "axis_distance"]

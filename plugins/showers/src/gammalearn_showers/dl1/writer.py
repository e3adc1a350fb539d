"""`DL1Writer`: blocks of showers into a file as ctapipe-process writes them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from gammalearn_showers.block import Block
from gammalearn_showers.dl1 import columns
from gammalearn_showers.dl1.instrument_tables import write_instrument
from gammalearn_showers.dl1.part import PartFile
from gammalearn_showers.dl1.reference import Provenance
from gammalearn_showers.dl1.reference import write_reference
from gammalearn_showers.dl1.run_tables import event_times
from gammalearn_showers.dl1.run_tables import write_observation
from gammalearn_showers.dl1.run_tables import write_run
from gammalearn_showers.dl1.statistics_table import write_image_statistics
from gammalearn_showers.dl1.table import Table
from gammalearn_showers.dl1.telescopes import TelescopeTables
from gammalearn_showers.dl1.thrown import ThrownShowers
from gammalearn_showers.production import Production

SHOWER_EVENT = 32
"""ctapipe's ``EventType.SUBARRAY``."""


class DL1Writer:
    """One HDF5 file of ctapipe's data model v7.1.0, written block by block.

    The same blocks and arguments give the same file, byte by byte. Memory holds a block, and at most a chunk (32
    images) of each table. The file has its name only after `finish`; leaving the context without it, or an error,
    leaves no file.

    Parameters
    ----------
    path : str or Path
        A file that is there is replaced when the new one is complete.
    production : Production
    obs_id : int
        Number of the observation block: different in files that are to be used or merged together.
    provenance : mapping of str to str, int or float
        Kept in the file for `read_provenance`; ``version`` is taken for that of the software.
    created : datetime
        When, with a time zone.

    Raises
    ------
    DL1WriteError
        The system did not let us write.

    Notes
    -----
    The ``event_id`` is the number of the shower in the production plus one, and times are those of a made-up clock
    of one shower a millisecond. Charges are rounded to 1/128 p.e. and times to 1/64 ns.
    """

    def __init__(
        self, path: str | Path, production: Production, *, obs_id: int, provenance: Provenance, created: datetime
    ) -> None:
        self._production = production
        self._obs_id = obs_id
        self._thrown = ThrownShowers(production.scatter_radius)
        self._part = PartFile(Path(path))
        subarray = production.subarray
        with self._part.writing() as file:
            write_reference(file, provenance=provenance, array=subarray.name, obs_id=obs_id, created=created)
            write_instrument(file, subarray)
            write_observation(file, production, obs_id)
            of_array = columns.subarray_trigger(len(subarray))
            self._trigger = Table(file, "dl1/event/subarray/trigger", columns=of_array)
            self._pulses = Table(file, "dl1/event/telescope/trigger", columns=columns.TELESCOPE_TRIGGER)
            self._showers = Table(file, "simulation/event/subarray/shower", columns=columns.SHOWER)
            self._telescopes = TelescopeTables(file, subarray, obs_id)

    def __enter__(self) -> DL1Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._part.discard()

    @property
    def n_showers(self) -> int:
        """Showers thrown so far."""
        return self._thrown.total

    @property
    def n_events(self) -> int:
        """Showers so far that the array triggered on."""
        return len(self._trigger)

    def write(self, block: Block) -> None:
        """Append all showers of a block: every one is counted as thrown, those that triggered become events.

        Raises
        ------
        DL1WriteError
            The system did not let us write.
        """
        with self._part.writing():
            self._thrown.add(block.showers)
            self._write_events(block)
            for number, images in enumerate(block.images):
                if len(images):
                    self._telescopes.add(number, images, block.showers.number[images.shower] + 1)

    def finish(self) -> None:
        """Complete the file: it is on the disk under its name when this returns.

        Raises
        ------
        DL1WriteError
            The system did not let us write.
        """
        with self._part.writing() as file:
            for table in (self._trigger, self._pulses, self._showers):
                table.finish()
            self._telescopes.finish()
            write_run(file, self._production, self._obs_id, self.n_showers)
            self._thrown.write(file, self._obs_id)
            write_image_statistics(file, self._telescopes.judged)
        self._part.complete()

    def _write_events(self, block: Block) -> None:
        """Triggers and truth; images are sorted by shower and telescope, since ctapipe reads them one after another."""
        showers = block.showers
        events = np.flatnonzero(showers.triggered)
        shower, telescope = _triggers(block)
        triggered = np.zeros((len(showers), len(self._production.subarray)), dtype=np.bool_)
        triggered[shower, telescope] = True
        times = event_times(showers.number)
        same = {"obs_id": self._obs_id, "event_type": SHOWER_EVENT}
        of_array = {"event_id": showers.number[events] + 1, "time": times[events]}
        self._trigger.append(self._trigger.rows(len(events), **same, **of_array, tels_with_trigger=triggered[events]))
        tel_id = self._production.subarray.tel_id[telescope]
        of_telescope = {"event_id": showers.number[shower] + 1, "time": times[shower], "tel_id": tel_id}
        self._pulses.append(self._pulses.rows(len(shower), **same, **of_telescope, n_trigger_pixels=-1))
        truth = {
            f"true_{n}": getattr(showers, n)[events] for n in ("energy", "core_x", "core_y", "h_first_int", "x_max")
        }
        truth |= {f"true_{n}": np.degrees(getattr(showers, n)[events]) for n in ("alt", "az")}
        self._showers.append(
            self._showers.rows(
                len(events),
                obs_id=self._obs_id,
                event_id=showers.number[events] + 1,
                true_shower_primary_id=self._production.primary_id,
                **truth,
            )
        )


def _triggers(block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shower and telescope of every image, in this order."""
    shower = np.concatenate([images.shower for images in block.images])
    telescope = np.concatenate([images.telescope for images in block.images])
    order = np.lexsort((telescope, shower))
    return shower[order], telescope[order]


__all__ = ["DL1Writer"]

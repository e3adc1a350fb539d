"""Runs: what one is, and how its file is made.

A run is a stretch of showers with its own random streams and its own ``obs_id``. It ends at the shower that gives its
last event, so that it depends on no other run, nor on the size of the blocks that it is made in.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path

import attrs
import numpy as np

from gammalearn_core import GammalearnError
from gammalearn_showers.block import Block
from gammalearn_showers.dl1 import DL1Writer
from gammalearn_showers.dl1.reference import Provenance
from gammalearn_showers.production import Production
from gammalearn_showers.simulator import Simulator

BLOCK = 64
"""Showers that are held in memory at a time."""
RUNS = 100_000
"""By which the numbers of primaries are multiplied in ``obs_id``."""
HOPELESS = 50_000
"""Showers after which, if none of them triggered the array, no more are thrown."""


class NoEventsError(GammalearnError):
    """The array does not trigger on such showers."""

    exit_code = 2


def obs_id(production: Production, run: int) -> int:
    """Number of the observation block: 100 000 times the number of the primary, plus the run.

    No two files of a seed have the same, whatever their particle, so that ctapipe-merge takes them together.
    """
    return production.primary_id * RUNS + run


def file_name(particle: str, run: int) -> str:
    """Name of the file of a run.

    Examples
    --------
    >>> file_name("gamma", 3)
    'gamma_run00003.dl1.h5'
    """
    return f"{particle}_run{run:05d}.dl1.h5"


def blocks(
    simulator: Simulator, run: int, events: int, *, size: int = BLOCK, hopeless: int = HOPELESS
) -> Iterator[Block]:
    """Showers of a run, block by block, to the one that gives the last of so many events.

    Raises
    ------
    NoEventsError
        The array has not triggered on ``hopeless`` showers in a row.
    """
    start = last = found = 0
    while True:
        block = simulator.block(run, start, start + size)
        triggered = np.flatnonzero(block.showers.triggered)
        if found + len(triggered) >= events:
            yield cut(block, int(triggered[events - found - 1]) + 1)
            return
        yield block
        start += size
        found += len(triggered)
        last = start if len(triggered) else last
        if start - last >= hopeless:
            raise NoEventsError(_hopeless(simulator.production, run, start - last, found))


def cut(block: Block, showers: int) -> Block:
    """The first showers of a block, and their images."""
    columns = {f.name: getattr(block.showers, f.name)[:showers] for f in attrs.fields(type(block.showers))}
    images = []
    for part in block.images:
        # Images are in the order of showers.
        stop = int(np.searchsorted(part.shower, showers))
        images.append(attrs.evolve(part, **{f.name: getattr(part, f.name)[:stop] for f in attrs.fields(type(part))}))
    return Block(attrs.evolve(block.showers, **columns), tuple(images))


def make_run(
    path: Path,
    simulator: Simulator,
    *,
    run: int,
    events: int,
    provenance: Provenance,
    progress: Callable[[int, int], None] = lambda showers, events: None,
) -> int:
    """Make the file of a run.

    Parameters
    ----------
    path : Path
        It is there when all of it is on the disk, and not before.
    simulator : Simulator
    run : int
        From 1.
    events : int
        On which the array triggers.
    provenance : mapping of str to str, int or float
        Kept in the file.
    progress : callable
        Called after each block with the showers thrown and the events found so far; what it raises ends the run.

    Returns
    -------
    int
        Showers thrown.

    Raises
    ------
    DL1WriteError
        The system did not let us write.
    NoEventsError
        The array does not trigger.
    """
    production = simulator.production
    with DL1Writer(
        path, production, obs_id=obs_id(production, run), provenance=provenance, created=created()
    ) as writer:
        for block in blocks(simulator, run, events):
            writer.write(block)
            progress(writer.n_showers, writer.n_events)
        writer.finish()
        return writer.n_showers


def created() -> datetime:
    """Now, or what ``SOURCE_DATE_EPOCH`` says, so that files can be made again byte by byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)


def _hopeless(production: Production, run: int, thrown: int, found: int) -> str:
    least, most = production.energy_range
    return (
        f"run {run}: the array {production.subarray.name!r} has not triggered on {thrown} {production.primary}s in a"
        f" row ({least:g} to {most:g} TeV, {found} events before): the files would take for ever\n"
        "    raise the energies, make --viewcone or --scatter-radius smaller, or ask for fewer --min-telescopes"
    )


__all__ = ["BLOCK", "HOPELESS", "NoEventsError", "blocks", "created", "cut", "file_name", "make_run", "obs_id"]

"""What the settings of a stream mean: productions and cameras, or everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import attrs
import numpy as np

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_core.api import EventTable
from gammalearn_showers.instrument import Subarray
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.parameters import Parameters
from gammalearn_showers.parameters import suggest
from gammalearn_showers.parameters import within
from gammalearn_showers.production import Production
from gammalearn_showers.stream_images import CHANNELS
from gammalearn_showers.stream_index import MEASURED
from gammalearn_showers.stream_index import SHARED

COLUMNS = (*(column.name for column in MEASURED), *SHARED, "tel_id", "pointing_alt", "pointing_az")
"""What may go with an image."""
LARGEST_BUFFER = 1e9
"""In MB; no machine has as much."""


def productions(
    particles: Mapping[str, int],
    same: Mapping[str, object],
    each: Mapping[str, object],
    *,
    channels: Sequence[str],
    columns: Sequence[str],
    events_per_file: int,
    buffer_mb: float,
) -> dict[Production, int]:
    """The productions of all particles, and events of each.

    Parameters
    ----------
    particles : mapping of str to int
    same : mapping of str to value
        Parameters of all particles.
    each : mapping of str to value
        Parameters that may be mappings by particle.
    channels, columns, events_per_file, buffer_mb
        Checked too, so that all is told together.

    Raises
    ------
    SettingsError
        Anything is wrong.
    """
    problems = list(_own_problems(particles, each, channels, columns))
    problems += within("events_per_file", events_per_file, 1)
    problems += within("buffer_mb", buffer_mb, 0.0, LARGEST_BUFFER, "MB")
    made: dict[Production, int] = {}
    for particle, events in particles.items():
        try:
            given = {name: _of(value, particle) for name, value in each.items()}
            given = {name: value for name, value in given.items() if value is not None}
            made[Parameters(particle=particle, **same, **given).production()] = events  # type: ignore[arg-type]
        except SettingsError as error:
            told = (attrs.evolve(p, where=p.where.replace("particle", "particles")) for p in error.problems)
            problems += [p for p in told if p not in problems]
    if problems:
        raise SettingsError(problems)
    return made


def _of(value: object, particle: str) -> object:
    """A particle's own value; sequences as tuples."""
    own = value.get(particle) if isinstance(value, Mapping) else value
    return tuple(own) if isinstance(own, (list, tuple)) else own


def _own_problems(
    particles: Mapping[str, int],
    each: Mapping[str, object],
    channels: Sequence[str],
    columns: Sequence[str],
) -> Iterator[Problem]:
    if not particles:
        yield Problem("particles", "there is none", "particles={'gamma': 2000, 'proton': 2000}")
    for events in particles.values():
        yield from within("particles", events, 1)
    for name, value in each.items():
        for particle in value if isinstance(value, Mapping) else ():
            if particle not in particles:
                yield Problem(name, f"{particle!r} is not among the particles", suggest(particle, particles))
    for name in channels:
        if name not in CHANNELS:
            yield Problem("channels", f"there is no channel {name!r}", suggest(name, CHANNELS))
    if not channels or len(set(channels)) < len(channels):
        yield Problem("channels", f"expected different names, got {tuple(channels)}")
    for name in columns:
        if name.startswith("true_"):
            yield Problem("columns", f"{name!r} is simulated truth, which a network must not be given")
        elif name not in COLUMNS:
            yield Problem("columns", f"the images have no column {name!r}", suggest(name, COLUMNS))


def chosen_cameras(array: Subarray, names: str | Sequence[str] | None, *, mono: bool) -> tuple[TelescopeType, ...]:
    """Telescope types that the settings choose, by camera or by type.

    Raises
    ------
    SettingsError
        A name means nothing here, or a mono network would be given several cameras.
    """
    wanted = [names] if isinstance(names, str) else names
    if wanted is not None and not wanted:
        raise SettingsError([Problem("cameras", "there is none", "leave it out for all")])
    known = [n for t in array.types for n in (t.camera.name, t.size_type, t.name)]
    unknown = [n for n in wanted or () if n.casefold() not in (k.casefold() for k in known)]
    if unknown:
        raise SettingsError(
            [Problem("cameras", f"no telescope has {n!r}", suggest(n, dict.fromkeys(known))) for n in unknown]
        )
    chosen = tuple(t for t in array.types if wanted is None or _answers(t, wanted))
    if mono and len(chosen) > 1:
        what = f"a mono network takes one geometry; choose one, such as cameras={chosen[0].camera.name!r}"
        raise SettingsError([Problem("cameras", what)])
    return chosen


def _answers(kind: TelescopeType, names: Sequence[str]) -> bool:
    own = (kind.camera.name.casefold(), kind.size_type.casefold(), kind.name.casefold())
    return any(name.casefold() in own for name in names)


def joined(tables: Sequence[EventTable]) -> EventTable:
    """One table after the other; they have the same columns."""
    if not tables:
        return EventTable({}, 0)
    first = tables[0]
    columns = {name: np.concatenate([t[name] for t in tables]) for name in first.names}
    length = sum(len(t) for t in tables)
    if first.images is first:
        return EventTable(columns, length)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([t.multiplicity for t in tables]))]).astype(np.int64)
    return EventTable(columns, length, offsets=offsets, images=joined([t.images for t in tables]))


__all__ = ["chosen_cameras", "joined", "productions"]

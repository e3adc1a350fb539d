"""What the loader makes of a file, image by image, and how that differs from something else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.api import Batch
from gammalearn_core.api import Images
from gammalearn_core.builtin.loaders.dl1 import DL1Source

Key = tuple[int, ...]
"""File, ``obs_id``, ``event_id``, ``tel_id`` and, for an image that is there several times, its number."""
IDS = ("file", "obs_id", "event_id", "tel_id")
OF_ALL = ("camera", "geometry")
"""What the files of a list share: cameras that are the same have one name, and the positions of one of them."""
_SOME = (*IDS, "pointing_alt", "time", "true_energy")
_ROUNDING = 1e-6
"""Relative; a unit is applied to numbers of four bytes or of eight."""


@frozen
class Seen:
    """What is known of each image, by column."""

    images: dict[Key, dict[str, Any]]

    @property
    def columns(self) -> set[str]:
        """Names of what is known of an image."""
        return set(next(iter(self.images.values()), {}))

    def of(self, file: int) -> Seen:
        """What was seen of one of several files."""
        return Seen({(0, *key[1:]): values for key, values in self.images.items() if key[0] == file})

    def only(self, columns: set[str]) -> Seen:
        """A part of what is known."""
        return Seen({k: {n: v for n, v in values.items() if n in columns} for k, values in self.images.items()})


@frozen
class Difference:
    """A column in which images that both have differ."""

    column: str
    count: int
    """Of images; 0 if the column is gone."""
    values: tuple[float, ...]
    """Different values of the second, a few."""


def see(source: DL1Source, *, some: bool = False) -> Seen:
    """All images of a source, and all columns or a few that every file has."""
    events, table = source.events, source.events.images
    names = [n for n in table.names if not some or n in _SOME]
    for name in set(names) & set(events.names):
        _ = events[name]
    columns = {name: np.asarray(table[name]) for name in names}
    batch = source.read(np.arange(len(events)))
    found: dict[Key, dict[str, Any]] = {}
    for camera, group in batch.images.items():
        shape = _geometry(source, camera)
        for i, row in enumerate(_rows(group, table["tel_id"], events.offsets)):
            values = {name: column[row] for name, column in columns.items()}
            values |= {"camera": camera, "geometry": shape, "pixels": group.pixels[i].numpy()}
            values |= {"position": group.position[i].numpy(), "pointing": group.pointing[i].numpy()}
            _enter(found, tuple(int(table[n][row]) for n in IDS), values)
    _check(batch, found)
    return Seen(found)


def see_file(path: Path, level: str, threads: int, camera: str | None = None) -> Seen:
    """What is seen in one file that is opened for it; at telescope level, some columns only."""
    source = DL1Source([path], level=level, threads=threads, cameras=camera)  # type: ignore[arg-type]
    try:
        return see(source, some=level == "telescope")
    finally:
        source.close()


def _rows(group: Images, tel_id: NDArray[Any], first: NDArray[np.int64]) -> list[int]:
    """Row of each image in the table of images: those of an event stand together, and in order in the group."""
    rows: list[int] = []
    taken: set[int] = set()
    for event, telescope in zip(group.event.tolist(), group.telescope.tolist(), strict=True):
        row = next(r for r in range(first[event], first[event + 1]) if tel_id[r] == telescope and r not in taken)
        taken.add(row)
        rows.append(row)
    return rows


def _geometry(source: DL1Source, camera: str) -> str:
    geometry = source.inputs.cameras[camera].geometry
    content = b"".join(np.ascontiguousarray(v).tobytes() for v in (geometry.x, geometry.y, geometry.area))
    return hashlib.sha256(content + np.float64(geometry.focal_length).tobytes()).hexdigest()


def _enter(found: dict[Key, dict[str, Any]], ids: Key, values: dict[str, Any]) -> None:
    number = 0
    while (*ids, number) in found:
        number += 1
    found[*ids, number] = {name: value for name, value in values.items() if name not in (*IDS, "table_row")}


def _check(batch: Batch, found: dict[Key, dict[str, Any]]) -> None:
    """What must be true of any file that is read."""
    assert sum(len(group.event) for group in batch.images.values()) == len(found)
    for values in found.values():
        for name in ("pixels", "position", "pointing"):
            assert np.isfinite(values[name]).all(), f"{name} are not finite"
        assert abs(values["pointing"][0]) <= 100, "an altitude beyond the zenith"


def compare(before: Seen, after: Seen) -> tuple[list[Difference], int, int]:
    """Differences of the images that both have, and the numbers of those that are gone and that are new."""
    common = before.images.keys() & after.images.keys()
    found = []
    for column in sorted(before.columns):
        if common and column not in after.columns:
            found.append(Difference(column, 0, ()))
            continue
        pairs = [(before.images[k][column], after.images[k][column]) for k in common]
        other = [(old, new) for old, new in pairs if not _equal(old, new)]
        if other:
            found.append(Difference(column, len(other), _some_values(other)))
    return found, len(before.images.keys() - common), len(after.images.keys() - common)


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, str):
        return bool(old == new)
    return np.shape(old) == np.shape(new) and np.allclose(old, new, rtol=_ROUNDING, atol=0, equal_nan=True)


def _some_values(pairs: list[tuple[Any, Any]]) -> tuple[float, ...]:
    values: set[float] = set()
    for old, new in pairs:
        if not isinstance(new, str) and np.shape(old) == np.shape(new):
            changed = np.atleast_1d(old) != np.atleast_1d(new)
            values |= {float(v) for v in np.atleast_1d(new)[changed].ravel()[:100]}
    return tuple(sorted(values)[:20])


__all__ = ["OF_ALL", "Difference", "Seen", "compare", "see", "see_file"]

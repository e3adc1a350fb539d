"""A DL1 file as the run would have read it: the same channels, the same camera, the same cuts."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.selection import Cut
from gammalearn_core.data.selection import Selected
from gammalearn_core.data.source import EventSource
from gammalearn_core.data.specs import InputSpec
from gammalearn_core.data.table import EventTable
from gammalearn_core.engine.components import Part
from gammalearn_core.engine.needed_columns import missing_columns
from gammalearn_core.errors import DataError
from gammalearn_core.errors import SettingsError

_BUFFER_MB = 64.0
"""Memory for decoded images: files are read from the first image to the last, so that little is needed again."""


class AnyColumns(EventTable):
    """Stands for the events of a run, which had all the columns that it needed."""

    def __init__(self) -> None:
        super().__init__({}, 0)

    def __contains__(self, name: object) -> bool:
        return True


@frozen
class NoEvents:
    """A source with the cameras and channels of a run, and nothing to read."""

    inputs: InputSpec
    events: EventTable = attrs.field(factory=AnyColumns)
    blocks: NDArray[np.int64] = attrs.field(factory=lambda: np.zeros(1, dtype=np.int64))
    capacity: int = 0

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """Nothing can be read."""
        raise IndexError("there are no events")

    def close(self) -> None:
        """Nothing is open."""


@frozen
class Renamed:
    """A source whose cameras have the names that the network's transforms know them by."""

    source: EventSource
    names: Mapping[str, str]

    @property
    def events(self) -> EventTable:
        """Those of the source."""
        return self.source.events

    @property
    def inputs(self) -> InputSpec:
        """Those of the source, with other names of the cameras."""
        inputs = self.source.inputs
        return attrs.evolve(inputs, cameras={self.names[key]: spec for key, spec in inputs.cameras.items()})

    @property
    def blocks(self) -> NDArray[np.int64]:
        """Those of the source."""
        return self.source.blocks

    @property
    def capacity(self) -> int:
        """That of the source."""
        return self.source.capacity

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """These rows."""
        batch = self.source.read(rows)
        return replace(batch, images={self.names[key]: group for key, group in batch.images.items()})

    def close(self) -> None:
        """Close the source."""
        self.source.close()


@frozen
class Opened:
    """A file that is open."""

    events: Selected
    """What the cuts leave."""
    total: int
    """Samples that it has."""

    def close(self) -> None:
        """Close it."""
        self.events.close()


@frozen(kw_only=True)
class Reader:
    """Opens files."""

    loader: Part
    inputs: InputSpec
    """What the run's loader gave."""
    cuts: Sequence[Part]
    """Filters that do not look at truth."""
    telescopes: tuple[int, ...] | None = None
    """Telescopes to use instead of those that the run has used."""

    def open(self, path: Path) -> Opened:
        """The events of a file that the run's cuts leave.

        Raises
        ------
        DataError
            It is damaged, or has no images of the network's camera.
        SettingsError
            It lacks what the settings of the run name.
        """
        source = self.loader.target(**self._parameters(path))
        try:
            renamed = Renamed(source, self._names(path, source.inputs))
            return Opened(Selected(renamed, self._cuts(source.events)), len(source.events))
        except BaseException:
            source.close()
            raise

    def _parameters(self, path: Path) -> dict[str, Any]:
        record = self.loader.record
        given = self.loader.parameters | {getattr(record, "paths", "paths"): [path]}
        if self.loader.target is not DL1Source:
            return given
        given |= {"cameras": [spec.geometry for spec in self.inputs.cameras.values()]}
        if self.inputs.level == "telescope":
            given["buffer_mb"] = min(_BUFFER_MB, given.get("buffer_mb", _BUFFER_MB))
        if self.telescopes is not None:
            given["telescopes"] = self.telescopes
        return given

    def _names(self, path: Path, found: InputSpec) -> dict[str, str]:
        """By camera of the file: what the run calls it."""
        names: dict[str, str] = {}
        for key, spec in found.cameras.items():
            same = (k for k, c in self.inputs.cameras.items() if c.geometry.same_as(spec.geometry))
            name = next(same, None)
            if name is None:
                known = " and ".join(self.inputs.cameras)
                raise DataError(f"{path}: images are those of {key}, but the network was trained on {known}")
            names[key] = name
        return names

    def _cuts(self, events: EventTable) -> list[Cut]:
        made = [(part, part.make()) for part in self.cuts]
        problems = [p for part, function in made for p in missing_columns(part, function, events)]
        if problems:
            raise SettingsError(problems)
        return [(part.ref.label, part.fact("scope"), function) for part, function in made]


def without_truth(filters: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Filters that look at what telescopes see, and those on truth, which predictions know nothing of."""
    on_truth = [part for part in filters if getattr(part.make(), "truth", part.fact("truth"))]
    return [part for part in filters if part not in on_truth], on_truth


__all__ = ["NoEvents", "Opened", "Reader", "without_truth"]

"""What is told of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from attrs import define
from attrs import field
from attrs import frozen

from gammalearn_core.errors import GammalearnError

HOLDS = ("images", "true_images", "parameters", "truth", "predictions", "waveforms")
"""What a file may hold."""
_DAMAGED = re.compile(
    r"table (?P<table>.+), rows (?P<start>\d+) to (?P<stop>\d+): the data are damaged \((?P<reason>.*)\);.*"
)
"""What the loader says of rows that it cannot read."""
Range = tuple[float, float]
"""Smallest and largest value."""


@frozen(kw_only=True)
class Finding:
    """Something that is wrong with a file."""

    severity: Literal["error", "warning"]
    """Whether the file cannot be used as it is, or only needs a thought."""
    what: str
    table: str | None = None
    """The table or array that it is about, where it is about one."""
    rows: tuple[int, int] | None = None
    """Its first row that is meant, and the one after the last."""


@frozen(kw_only=True)
class CameraInfo:
    """A camera geometry, and what telescopes with it have."""

    name: str
    """What ``cameras=`` of `core.dl1` calls it."""
    aliases: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """Types of its telescopes."""
    n_pixels: int
    lattice: str
    pitch: float
    """m"""
    focal_length: float
    """m"""
    telescopes: int
    """Telescopes that have rows of what is counted."""
    telescopes_in_array: int
    tel_ids: tuple[int, ...] = ()
    """Of the telescopes that have rows."""
    rows: int
    """Images or, where there are none, whatever else is counted."""
    images: int


@frozen(kw_only=True)
class Simulation:
    """What was simulated to make the events."""

    runs: int
    n_showers: int
    """Showers that were simulated, in all runs."""
    n_thrown: int
    """Events that were thrown: showers times their uses."""
    energy_range: Range | None = None
    """TeV"""
    spectral_index: float | None = None
    """None if the runs differ."""
    viewcone: Range | None = None
    """deg"""
    scatter_range: Range | None = None
    """m"""


@frozen(kw_only=True)
class Storage:
    """How tables are stored."""

    tables: int
    """Tables and arrays."""
    compression: dict[str, int]
    """By name: bytes that are stored so."""
    unpacked: int
    """Bytes that these are in memory."""
    without_checksum: tuple[str, ...]
    """Tables and arrays that have rows, but no checksum to tell when they are damaged."""


@define(kw_only=True)
class FileInfo:
    """What is known of a file; what cannot be found out is None or empty, and is among the problems."""

    path: Path
    size: int | None = None
    """Bytes"""
    format: str | None = None
    """``ctapipe`` or ``lstchain``."""
    levels: list[str] = field(factory=list)
    """Data levels that it holds, such as ``DL1``."""
    data_model: str | None = None
    """Version of the data model; of lstchain that of the software."""
    software: str | None = None
    simulated: bool | None = None
    holds: dict[str, bool] = field(factory=lambda: dict.fromkeys(HOLDS, False))
    """Which of `HOLDS` there are."""
    events: int | None = None
    """Events that triggered."""
    images: int | None = None
    showers: int | None = None
    runs: int | None = None
    """Different ``obs_id``."""
    particles: dict[str, int] = field(factory=dict)
    """Events by primary particle."""
    energy_range: Range | None = None
    """True energies of the events, TeV."""
    simulation: Simulation | None = None
    altitude: Range | None = None
    """Where telescopes point to, deg."""
    azimuth: Range | None = None
    """deg; the second is above 360 if north is in between."""
    time: tuple[str, str] | None = None
    """First and last event of an observation, ISO 8601 in the time scale of the file."""
    counted: str = "images"
    """What rows of cameras are: images or, in files without any, parameters or triggers."""
    telescope_types: dict[str, dict[str, int]] = field(factory=dict)
    cameras: list[CameraInfo] = field(factory=list)
    columns: dict[str, list[str]] = field(factory=dict)
    predictions: list[str] = field(factory=list)
    """DL2 tables, as ``level/quantity/algorithm``."""
    split: str | None = None
    """The split whose events a DL2 file of ours holds."""
    storage: Storage | None = None
    verified: bool = False
    problems: list[Finding] = field(factory=list)

    @property
    def usable(self) -> bool:
        """Whether no problem is an error."""
        return all(p.severity != "error" for p in self.problems)

    def error(self, what: str, *, table: str | None = None, rows: tuple[int, int] | None = None) -> None:
        """Add what makes the file unusable."""
        self._add(Finding(severity="error", what=self._without_path(what), table=table, rows=rows))

    def warn(self, what: str, *, table: str | None = None) -> None:
        """Add what is no reason not to use the file."""
        self._add(Finding(severity="warning", what=self._without_path(what), table=table))

    def _note(self, error: Exception) -> None:
        """Add what an error says of rows that cannot be read, or whatever else it says."""
        found = _DAMAGED.fullmatch(self._without_path(str(error)))
        if found is None:
            self.error(str(error))
        else:
            rows = int(found["start"]), int(found["stop"])
            self.error(damage(found["reason"]), table=found["table"], rows=rows)

    def _add(self, finding: Finding) -> None:
        if finding not in self.problems:
            self.problems.append(finding)

    def _without_path(self, what: str) -> str:
        rest = what.removeprefix(str(self.path))
        return what if rest == what else rest.lstrip(" ,:")

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Whatever goes wrong until the end of the context becomes a problem of the file."""
        try:
            yield
        except GammalearnError as error:
            self._note(error)
        except Exception as error:
            self.error(f"is damaged: {type(error).__name__}: {error}".partition("\n")[0])


def damage(reason: str) -> str:
    """What is said of rows that cannot be read.

    Examples
    --------
    >>> damage("The fletcher32 checksum of the data (1) did not match the expected checksum (2).")
    'damaged: the checksum is wrong'
    """
    if "fletcher32" in reason:
        return "damaged: the checksum is wrong"
    return f"damaged: {'the checksum or the compression is wrong' if 'filter returned' in reason else reason}"


__all__ = ["HOLDS", "CameraInfo", "FileInfo", "Finding", "Range", "Simulation", "Storage", "damage"]

"""`Plan`: which files there will be, which of them are there, and whether they may stand together."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import attrs
import h5py

from gammalearn_core import DataError
from gammalearn_core import GammalearnError
from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_showers.dl1 import read_provenance
from gammalearn_showers.instrument import Subarray
from gammalearn_showers.instrument import TelescopeType
from gammalearn_showers.parameters import Parameters
from gammalearn_showers.production import Production
from gammalearn_showers.runs import file_name
from gammalearn_showers.sources import SIMULATION
from gammalearn_showers.sources import sources_digest

OWN = ("run", "events", "version")
"""Facts of one file, which may differ from those of others."""
CHOICES = {"energy_min": "energy_range", "energy_max": "energy_range"}
"""Facts that are called otherwise by the parameter they come from."""
BYTES_PER_PIXEL = 4.6
"""On the disk, of an image with everything that belongs to it; measured: 4.1 to 4.5."""
RESERVE = 50_000_000
"""Bytes to leave free."""


@attrs.frozen(kw_only=True)
class Plan:
    """Files of one particle in a folder.

    Parameters
    ----------
    folder : Path
    particle : str
    facts : dict of str to str, int or float
        Provenance of all files, but for run and events.
    wanted : dict of int to int
        Events of each run.
    there : dict of int to int
        Events of files of runs that are complete.
    """

    folder: Path
    particle: str
    facts: dict[str, str | int | float]
    wanted: dict[int, int]
    there: dict[int, int]

    @property
    def missing(self) -> dict[int, int]:
        """Events of the runs that are still to be made, also of those whose file has too few."""
        return {run: events for run, events in self.wanted.items() if self.there.get(run, 0) < events}

    @property
    def kept(self) -> tuple[int, ...]:
        """Runs that are there with all their events."""
        return tuple(run for run in self.wanted if run not in self.missing)

    def path(self, run: int) -> Path:
        """Where the file of a run is or will be."""
        return self.folder / file_name(self.particle, run)

    def provenance(self, run: int) -> dict[str, str | int | float]:
        """What is written into the file of a run."""
        return self.facts | {"run": run, "events": self.wanted[run]}


def make_plan(folder: Path, parameters: Parameters, production: Production, *, events: int, per_file: int) -> Plan:
    """Look at a folder, which is made if it is not there.

    Raises
    ------
    SettingsError
        The folder cannot be used, has files of the same names from other parameters, or is on a disk that is too full.
    """
    count = -(-events // per_file)
    wanted = {run: min(per_file, events - (run - 1) * per_file) for run in range(1, count + 1)}
    facts = describe(parameters, production) | {"events_per_file": per_file}
    _make_folder(folder)
    there = {}
    for run, path in sorted(_found(folder, production.primary)):
        known = _read(path)
        different = list(_differences(known, facts, path))
        if different:
            hint = "files of different parameters would be mixed: choose another --output, or delete these files"
            raise SettingsError([*different[:-1], attrs.evolve(different[-1], hint=hint)], "gammalearn showers")
        there[run] = int(known["events"])
    plan = Plan(folder=folder, particle=production.primary, facts=facts, wanted=wanted, there=there)
    _check_space(folder, sum(plan.missing.values()), production)
    return plan


def describe(parameters: Parameters, production: Production) -> dict[str, str | int | float]:
    """Everything that the events of a file depend on."""
    least, most = production.energy_range
    return {
        "version": version("gammalearn-showers"),
        "model": sources_digest(SIMULATION),
        "particle": production.primary,
        "array": production.subarray.name,
        "camera": parameters.camera or "its own",
        "instrument": instrument_digest(production.subarray),
        "zenith": production.zenith,
        "azimuth": production.azimuth,
        "energy_min": least,
        "energy_max": most,
        "index": production.index,
        "viewcone": production.viewcone,
        "scatter_radius": production.scatter_radius,
        "min_telescopes": production.min_telescopes,
        "seed": production.seed,
    }


def instrument_digest(subarray: Subarray) -> str:
    """16 hexadecimal digits that stand for telescopes, their places and their cameras."""
    digest = hashlib.sha256()
    for values in (subarray.tel_id, subarray.tel_type, subarray.position):
        digest.update(values.tobytes())
    for kind in subarray.types:
        facts = {f.name: getattr(kind, f.name) for f in attrs.fields(TelescopeType) if f.name != "camera"}
        digest.update(repr(facts).encode() + kind.camera.name.encode())
        for values in (kind.camera.x, kind.camera.y, kind.camera.area):
            digest.update(values.tobytes())
    digest.update(repr(subarray.altitude).encode())
    return digest.hexdigest()[:16]


def thrown_in(path: Path) -> int:
    """Showers that were thrown for a file of ours."""
    with h5py.File(path, "r", locking="best-effort") as file:
        return int(file["configuration/simulation/run"].fields(["n_showers"])[0]["n_showers"])


def _make_folder(folder: Path) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise _refused(f"{folder} is a file, not a folder")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(f"{folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refused(f"{folder} cannot be written to", "it is read-only, or belongs to somebody else")


def _found(folder: Path, particle: str) -> Iterator[tuple[int, Path]]:
    for path in folder.iterdir():
        name = re.fullmatch(rf"{particle}_run(\d{{5}})\.dl1\.h5", path.name)
        if name:
            yield int(name[1]), path


def _read(path: Path) -> dict[str, str | int | float]:
    try:
        return read_provenance(path)
    except DataError as error:
        raise _refused(str(error), "choose another --output, or delete the file") from error


def _differences(
    known: dict[str, str | int | float], facts: dict[str, str | int | float], path: Path
) -> Iterator[Problem]:
    for name, wanted in facts.items():
        there = known.get(name)
        if name in OWN or there == wanted:
            continue
        if name == "model":
            yield Problem(path.name, "was simulated by another version of gammalearn-showers, whose physics differ")
        elif name == "instrument":
            yield Problem(path.name, "was simulated with other telescopes, though they have the same name")
        else:
            where = "--" + CHOICES.get(name, name).replace("_", "-")
            what = f"{path.name} was made with {name} {_shown(there)}, not {_shown(wanted)}"
            yield Problem(where, what)


def _shown(value: str | int | float | None) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _check_space(folder: Path, events: int, production: Production) -> None:
    array = production.subarray
    pixels = max(kind.camera.n_pixels for kind in array.types)
    images = min(len(array), 2 + len(array) / 4)
    needed = int(events * images * pixels * BYTES_PER_PIXEL)
    free = shutil.disk_usage(folder).free
    if events and needed + RESERVE > free:
        what = f"the disk of {folder} has {free / 1e6:.0f} MB left, and {events} events may take {needed / 1e6:.0f} MB"
        raise _refused(what, "make room, choose another folder, or ask for fewer --events")


def _refused(what: str, hint: str = "") -> GammalearnError:
    return SettingsError([Problem("--output", what, hint)], "gammalearn showers")


__all__ = ["Plan", "describe", "instrument_digest", "make_plan", "thrown_in"]

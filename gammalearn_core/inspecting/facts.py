"""What is known of a file, a line a subject: labels and values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Range
from gammalearn_core.inspecting.records import Simulation
from gammalearn_core.inspecting.records import Storage
from gammalearn_core.inspecting.wording import angles
from gammalearn_core.inspecting.wording import count
from gammalearn_core.inspecting.wording import digits
from gammalearn_core.inspecting.wording import listed
from gammalearn_core.inspecting.wording import size
from gammalearn_core.inspecting.wording import span

_GROUPS = {"images": "of images", "events": "of events", "truth": "truth", "parameters": "parameters"}
_EXPECTED = ("images", "parameters", "truth")
"""What is told if it is missing."""


def facts(info: FileInfo) -> Iterator[tuple[str, str]]:
    """All but cameras and columns, the most important first."""
    if info.size is not None:
        yield "format", _format(info, info.size)
    if info.events is not None:
        yield "events", _events(info, info.events)
    if info.simulation is not None:
        yield "simulated", _simulated(info.simulation)
    if info.time is not None:
        yield "observed", _observed(*info.time)
    if info.altitude is not None and info.azimuth is not None:
        yield "pointing", f"altitude {angles(info.altitude)}, azimuth {angles(info.azimuth)}"
    if any(info.holds.values()):
        yield "holds", _holds(info)
    if info.predictions:
        yield "predictions", _predictions(info)
    if info.storage is not None and info.storage.tables:
        yield "storage", _stored(info.storage) + ("; all of it was read" if info.verified else "")


def columns(info: FileInfo) -> Iterator[tuple[str, str]]:
    """Other names of the cameras, and the columns of tables by what they tell of."""
    for camera in info.cameras:
        if camera.aliases:
            yield "names", f"{camera.name} is also called {', '.join(camera.aliases)}"
    for key, label in _GROUPS.items():
        if info.columns.get(key):
            yield label, ", ".join(info.columns[key])


def _format(info: FileInfo, number: int) -> str:
    kind = " ".join([info.format or "HDF5", " + ".join(info.levels)]).strip()
    model = f"data model {info.data_model}" if info.data_model and info.format != "lstchain" else ""
    software = f"by {info.software}" if info.software else ""
    return ", ".join(part for part in (kind, model, software, size(number)) if part)


def _events(info: FileInfo, number: int) -> str:
    runs = count(info.runs or 0, "run")
    if not info.simulated:
        return f"{listed({'observed': number})}, {runs}"
    missing = number - sum(info.particles.values())
    parts = [listed(info.particles | ({"without truth": missing} if missing or not number else {}))]
    if info.energy_range:
        parts.append(span(info.energy_range, "TeV"))
    if info.showers is not None:
        parts.append(f"of {count(info.showers, 'shower')}")
    return f"{', '.join(parts)} in {runs}"


def _simulated(made: Simulation) -> str:
    uses = made.n_thrown / made.n_showers if made.n_showers else 1
    parts = [count(made.n_showers, "shower") + (f" used {digits(uses)} times each" if uses != 1 else "")]
    if made.energy_range:
        parts.append(span(made.energy_range, "TeV"))
    if made.spectral_index is not None:
        parts.append(f"E^{digits(made.spectral_index)}")
    if made.viewcone:
        parts.append(_viewcone(made.viewcone))
    if made.scatter_range and made.scatter_range[1]:
        parts.append(f"within {digits(made.scatter_range[1])} m")
    return ", ".join(parts)


def _viewcone(ends: Range) -> str:
    if not ends[1]:
        return "point source"
    return f"viewcone {span(ends, 'deg') if ends[0] else f'{digits(ends[1])} deg'}"


def _observed(first: str, last: str) -> str:
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    duration = f"{digits(seconds / 60)} minutes" if seconds >= 120 else f"{digits(seconds)} s"
    return f"{first[:19]}, for {duration}"


def _holds(info: FileInfo) -> str:
    channels = ", ".join(info.columns.get("channels", []))
    there = [what.replace("_", " ") for what, held in info.holds.items() if held]
    there = [f"images ({channels})" if what == "images" else what for what in there]
    missing = [f"no {what}" for what in _EXPECTED if not info.holds[what]]
    return ", ".join(there) + (f"; {', '.join(missing)}" if missing else "")


def _predictions(info: FileInfo) -> str:
    levels: dict[str, list[str]] = {}
    for prediction in info.predictions:
        level, quantity, algorithm = prediction.split("/")
        levels.setdefault(level, []).append(f"{quantity} ({algorithm})")
    told = [f"of the {level}: {', '.join(names)}" for level, names in levels.items()]
    return "; ".join(told + ([f"events of the split {info.split!r}"] if info.split else []))


def _stored(storage: Storage) -> str:
    number = sum(storage.compression.values())
    used = [name for name, part in storage.compression.items() if part > 0.01 * number]
    packed = " and ".join("uncompressed" if name == "none" else name for name in used) or "nothing"
    ratio = [f"{size(storage.unpacked)} unpacked"] if storage.unpacked > number else []
    return ", ".join([packed, *ratio, _guarded(storage)])


def _guarded(storage: Storage) -> str:
    without = len(storage.without_checksum)
    if not without:
        return "checksums everywhere"
    return f"checksums in all but {without} of {storage.tables} tables" if without < storage.tables else "no checksums"


__all__ = ["columns", "facts"]
